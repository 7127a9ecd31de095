/** Sign in: with a password, a second factor or a recovery code, or at the tenant's identity provider. */
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { API, send } from "../api/client";
import { Problem } from "../api/problem";
import { Button } from "../components/button";
import { Field } from "../components/field";
import { span } from "../format/numbers";
import { IN_COOKIE, session } from "../session/session";
import { useBranding } from "../shell/branding";

const KEPT = "auterity-tenant";
const PASSWORD_MIN = 12;

interface Provider {
  id: string;
  title: string;
  protocol: "oidc" | "saml";
}

export default function SignIn({ why }: { why: string }) {
  const [tenant, setTenant] = useState(() => new URLSearchParams(location.search).get("tenant") ?? localStorage.getItem(KEPT) ?? "");
  const [asked, setAsked] = useState(tenant);
  const brand = useBranding(asked);
  return (
    <div className="grid gap-4 rounded border border-line bg-panel p-4">
      <div className="flex items-center gap-2">
        <img src={brand.logo || "/icon.svg"} alt="" width="28" height="28" className="size-7 object-contain" />
        <h1>Sign in to {brand.name}</h1>
      </div>
      {why && (
        <p role="status" className="text-warn">
          {why}
        </p>
      )}
      <PasswordForm tenant={tenant} onTenant={setTenant} onTenantSaid={() => setAsked(tenant)} />
      {asked && <Providers tenant={asked} />}
    </div>
  );
}

function PasswordForm({ tenant, onTenant, onTenantSaid }: { tenant: string; onTenant: (name: string) => void; onTenantSaid: () => void }) {
  const [needs, setNeeds] = useState({ code: false, newPassword: false });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = Object.fromEntries([...new FormData(event.currentTarget)].filter(([, value]) => value !== ""));
    setBusy(true);
    setError("");
    try {
      await session.begin(() => send("/auth/login", { method: "POST", body: said }, "", IN_COOKIE));
      localStorage.setItem(KEPT, tenant);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const first = problem.needs === "code" && !needs.code;
      const change = problem.status === 403 && problem.detail.includes("new_password");
      setNeeds({ code: needs.code || problem.needs === "code", newPassword: needs.newPassword || change });
      setError(first ? "" : change ? "This password is good for one log-in: choose your own." : told(problem));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="grid gap-3">
      <Field
        label="Tenant"
        name="tenant"
        required
        autoComplete="organization"
        autoCapitalize="none"
        maxLength={100}
        value={tenant}
        onChange={(event) => onTenant(event.target.value.trim())}
        onBlur={onTenantSaid}
      />
      <Field label="Name" name="name" required autoComplete="username" autoCapitalize="none" maxLength={100} />
      <Field label="Password" name="password" type="password" required autoComplete="current-password" maxLength={256} />
      {needs.newPassword && (
        <Field
          label="New password"
          name="new_password"
          autoFocus
          type="password"
          required
          minLength={PASSWORD_MIN}
          maxLength={256}
          autoComplete="new-password"
          hint={`At least ${PASSWORD_MIN} characters.`}
        />
      )}
      {needs.code && (
        <Field
          label="Code"
          name="code"
          autoFocus
          required
          autoComplete="one-time-code"
          maxLength={64}
          hint="The six digits of your application, or one of your recovery codes."
        />
      )}
      <p role="alert" className="min-h-5 text-bad empty:min-h-0">
        {error}
      </p>
      <Button kind="primary" type="submit" busy={busy}>
        Sign in
      </Button>
    </form>
  );
}

function told(problem: Problem): string {
  if (problem.offline) return "The gateway does not answer. Nothing was sent twice: try again.";
  if (problem.status === 429) return `Too many attempts: try again in ${span((problem.retryAfterS ?? 60) * 1000)}.`;
  if (problem.needs === "code") return "That code is not good: codes change every 30 seconds and are good once.";
  if (problem.status === 401) return "Nobody is known by this tenant, name and password.";
  return problem.detail;
}

function Providers({ tenant }: { tenant: string }) {
  const { data } = useQuery({ queryKey: ["providers", tenant], queryFn: () => providers(tenant), retry: false, staleTime: 60_000 });
  if (!data?.length) return null;
  return (
    <nav aria-label="Other ways to sign in" className="grid gap-2 border-t border-line pt-3">
      {data.map((each) => (
        <a
          key={each.id}
          href={`${API}/auth/${each.protocol}/${encodeURIComponent(tenant)}/${encodeURIComponent(each.id)}?to=page`}
          className="grid h-[var(--row)] place-content-center rounded border border-line-strong bg-raised font-medium text-text"
        >
          Sign in with {each.title || each.id}
        </a>
      ))}
    </nav>
  );
}

async function providers(tenant: string): Promise<Provider[]> {
  const answer = await send(`/auth/providers/${encodeURIComponent(tenant)}`, {}, "");
  return answer.ok ? ((await answer.json()) as { providers: Provider[] }).providers : [];
}
