/** Money: what may be spent, what was, and what could be saved. */
import { lazy, Suspense } from "react";
import { ScreenHead } from "../../components/panel";
import { Forbidden, Loading } from "../../components/states";
import { Tabs } from "../../components/tabs";
import { useQuery } from "../../router";
import { useMay } from "../../session/hooks";

const PARTS = {
  budgets: ["Budgets", lazy(() => import("./budgets"))],
  ledger: ["Ledger", lazy(() => import("./ledger"))],
  entries: ["Entries", lazy(() => import("./entries"))],
  savings: ["Savings", lazy(() => import("./savings"))],
  prices: ["Prices", lazy(() => import("./prices"))],
} as const;

export default function Money() {
  const may = useMay("money:read");
  const [said, choose] = useQuery("part");
  const chosen = said in PARTS ? (said as keyof typeof PARTS) : "budgets";
  const Part = PARTS[chosen][1];
  return (
    <>
      <ScreenHead title="Money">
        <p className="text-small text-muted">US dollars to the micro-dollar (a millionth). Days are of UTC.</p>
      </ScreenHead>
      {may ? (
        <div>
          <Tabs label="Parts of money" tabs={Object.entries(PARTS).map(([id, [text]]) => [id, text] as const)} chosen={chosen} onChoose={choose}>
            <Suspense fallback={<Loading rows={8} />}>
              <Part />
            </Suspense>
          </Tabs>
        </div>
      ) : (
        <Forbidden needs="money:read" />
      )}
    </>
  );
}
