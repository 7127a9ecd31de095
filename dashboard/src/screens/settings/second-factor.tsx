/** A second factor is set up, confirmed by a code, and taken away. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import qrcode from "qrcode-generator";
import { type FormEvent, useState } from "react";
import { call, send } from "../../api/client";
import { Button } from "../../components/button";
import { CodeBlock } from "../../components/code";
import { Dialog } from "../../components/dialog";
import { Field } from "../../components/field";
import { Panel } from "../../components/panel";
import { Badge } from "../../components/status";
import { toast } from "../../components/toast";
import { useMe } from "../../session/me";
import { IN_COOKIE, session, type Tokens } from "../../session/session";

interface Enrolment {
  secret: string;
  uri: string;
}

export default function SecondFactor() {
  const queries = useQueryClient();
  const me = useMe();
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [removing, setRemoving] = useState(false);
  const again = () => void queries.invalidateQueries({ queryKey: ["me"] });
  const has = me.data?.second_factor;
  return (
    <Panel
      title="Second factor"
      side={has === undefined ? undefined : has ? <Badge tone="ok">enrolled</Badge> : <Badge tone={me.data?.second_factor_required ? "bad" : "warn"}>none</Badge>}
    >
      <div className="grid max-w-xl gap-3 p-3">
        <p>
          An application on your telephone shows six digits that change every 30 seconds. Whoever has your password alone then cannot sign in. You get ten
          recovery codes for when the telephone is lost.
        </p>
        {codes ? (
          <RecoveryCodes codes={codes} onDone={() => setCodes(null)} />
        ) : enrolment ? (
          <Confirm
            enrolment={enrolment}
            onCodes={(found) => {
              setEnrolment(null);
              setCodes(found);
              again();
            }}
          />
        ) : (
          <>
            {has !== true && <Enrol onEnrolled={setEnrolment} />}
            {has !== false && (
              <div>
                <Button kind="danger" onClick={() => setRemoving(true)}>
                  Remove the second factor
                </Button>
              </div>
            )}
          </>
        )}
        {removing && (
          <Remove
            onClose={() => {
              setRemoving(false);
              again();
            }}
          />
        )}
      </div>
    </Panel>
  );
}

function Enrol({ onEnrolled }: { onEnrolled: (enrolment: Enrolment) => void }) {
  const enrol = useMutation({
    mutationFn: (password: string) => call<Enrolment>("/auth/totp", { method: "POST", body: { password } }),
    onSuccess: onEnrolled,
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    enrol.mutate(String(new FormData(event.currentTarget).get("password")));
  }
  return (
    <form onSubmit={submit} className="grid max-w-sm gap-3">
      <Field
        label="Your password, again"
        name="password"
        type="password"
        required
        autoComplete="current-password"
        error={enrol.error?.message}
      />
      <div>
        <Button kind="primary" type="submit" busy={enrol.isPending}>
          Set up
        </Button>
      </div>
    </form>
  );
}

function Confirm({ enrolment, onCodes }: { enrolment: Enrolment; onCodes: (codes: string[]) => void }) {
  const confirm = useMutation({
    async mutationFn(code: string) {
      const token = await session.token();
      const confirmed = () => send("/auth/totp/confirm", { method: "POST", body: { code } }, token, IN_COOKIE);
      return session.begin<Tokens & { recovery_codes: string[] }>(confirmed); // all other sessions have ended
    },
    onSuccess: (found) => onCodes(found.recovery_codes),
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    confirm.mutate(String(new FormData(event.currentTarget).get("code")));
  }
  return (
    <>
      <p>Scan this with the application, or type the secret into it. Neither is shown again.</p>
      <QrCode text={enrolment.uri} />
      <CodeBlock label="Secret" text={enrolment.secret} />
      <details>
        <summary>As a link</summary>
        <CodeBlock label="Link for an application" text={enrolment.uri} />
      </details>
      <form onSubmit={submit} className="grid max-w-sm gap-3">
        <Field label="Code that it shows now" name="code" required inputMode="numeric" autoComplete="one-time-code" maxLength={6} error={confirm.error?.message} />
        <div>
          <Button kind="primary" type="submit" busy={confirm.isPending}>
            Confirm
          </Button>
        </div>
      </form>
    </>
  );
}

/** Dark on light in both themes, with its quiet zone: cameras read no other. */
function QrCode({ text }: { text: string }) {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  let path = "";
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (code.isDark(y, x)) path += `M${x + 4} ${y + 4}h1v1h-1z`;
  return (
    <svg role="img" aria-label="The secret as a QR code" viewBox={`0 0 ${size + 8} ${size + 8}`} className="size-56" shapeRendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  return (
    <>
      <p role="status">
        <b className="font-semibold">The second factor counts from now on.</b> Keep these recovery codes: each is good once, and they are not shown again.
      </p>
      <CodeBlock label="Recovery codes" text={codes.join("\n")} />
      <div>
        <Button kind="primary" onClick={onDone}>
          I have kept them
        </Button>
      </div>
    </>
  );
}

function Remove({ onClose }: { onClose: () => void }) {
  const remove = useMutation({
    mutationFn: (body: unknown) => call("/auth/totp", { method: "DELETE", body }),
    onSuccess() {
      toast("The second factor was removed.");
      onClose();
    },
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    remove.mutate(Object.fromEntries(new FormData(event.currentTarget)));
  }
  return (
    <Dialog title="Remove the second factor" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-3">
        <p>Your password alone will let in whoever has it.</p>
        <Field label="Password" name="password" type="password" required autoComplete="current-password" />
        <Field label="Code, or a recovery code" name="code" required autoComplete="one-time-code" error={remove.error?.message} />
        <div className="flex gap-2">
          <Button kind="danger" type="submit" busy={remove.isPending}>
            Remove
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
