/** Asks for the password again, when something is done that outlasts a token that was stolen. */
import { type FormEvent, useEffect, useState, useSyncExternalStore } from "react";
import { Problem } from "../api/problem";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { Field } from "../components/field";
import { type Person, session } from "../session/session";
import { stepUp } from "../session/step-up";

export function LogInAgain({ person }: { person: Person }) {
  const asked = useSyncExternalStore(stepUp.subscribe, stepUp.asked);
  useEffect(() => () => stepUp.settle(false), [person.name, person.tenant]);
  return asked ? <Ask person={person} /> : null;
}

function Ask({ person }: { person: Person }) {
  const [code, setCode] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    setBusy(true);
    setError("");
    try {
      await session.again({ password: String(said.get("password")), ...(code ? { code: String(said.get("code")) } : {}) });
      stepUp.settle(true);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const first = problem.needs === "code" && !code;
      setCode(code || problem.needs === "code");
      setError(first ? "" : problem.status === 401 ? (problem.needs === "code" ? "That code is not good." : "That is not your password.") : problem.detail);
      setBusy(false);
    }
  }

  return (
    <Dialog title="Log in again" onClose={() => stepUp.settle(false)}>
      <form onSubmit={(event) => void submit(event)} className="grid gap-3">
        <p>
          What you are about to do lasts longer than a session. You logged in more than a quarter of an hour ago: say that it is you,{" "}
          <b className="font-semibold">{person.name}</b>, and it is done.
        </p>
        <Field label="Your password" name="password" type="password" required autoFocus autoComplete="current-password" maxLength={256} />
        {code && <Field label="Code" name="code" required autoFocus autoComplete="one-time-code" maxLength={64} hint="Of your application, or one of your recovery codes." />}
        <p role="alert" className="text-bad empty:hidden">
          {error}
        </p>
        <p className="text-small text-muted">Who signs in at an identity provider signs out and in again there.</p>
        <div className="flex gap-2">
          <Button kind="primary" type="submit" busy={busy}>
            Log in and go on
          </Button>
          <Button onClick={() => stepUp.settle(false)}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
