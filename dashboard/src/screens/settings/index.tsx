/** Settings: the person's own, and the tenant's for who may change them. */
import { lazy, Suspense } from "react";
import { ScreenHead } from "../../components/panel";
import { Loading } from "../../components/states";
import { Tabs } from "../../components/tabs";
import { useQuery } from "../../router";

const PARTS = {
  profile: ["Profile", lazy(() => import("./profile"))],
  factor: ["Second factor", lazy(() => import("./second-factor"))],
  keys: ["API keys", lazy(() => import("./keys"))],
  webhooks: ["Webhooks", lazy(() => import("./webhooks"))],
  people: ["People and roles", lazy(() => import("./people"))],
  tenant: ["Tenant and branding", lazy(() => import("./tenant"))],
} as const;

export default function Settings() {
  const [said, choose] = useQuery("part");
  const chosen = said in PARTS ? (said as keyof typeof PARTS) : "profile";
  const Part = PARTS[chosen][1];
  return (
    <>
      <ScreenHead title="Settings" />
      <div>
        <Tabs label="Parts of the settings" tabs={Object.entries(PARTS).map(([id, [text]]) => [id, text] as const)} chosen={chosen} onChoose={choose}>
          <Suspense fallback={<Loading rows={6} />}>
            <Part />
          </Suspense>
        </Tabs>
      </div>
    </>
  );
}
