/** API keys: made with scopes that their maker has, shown once, revoked for good. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call } from "../../api/client";
import { type Body, PERMISSIONS } from "../../api/contract";
import { useList } from "../../api/lists";
import type { KeyTold } from "../../api/people";
import { Button } from "../../components/button";
import { Dialog } from "../../components/dialog";
import { Checks, Field } from "../../components/field";
import { Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Forbidden, Loaded, More } from "../../components/states";
import { Status } from "../../components/status";
import { Table } from "../../components/table";
import { useMay, usePerson } from "../../session/hooks";
import { ShownOnce } from "./shown-once";
import { Revoke } from "./revoke";

const DAYS = 90;
const DAYS_MAX = 366;

export default function Keys() {
  return useMay("keys:manage") ? <List /> : <Forbidden needs="keys:manage" />;
}

function List() {
  const queries = useQueryClient();
  const keys = useList<KeyTold>("/keys", "keys");
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState("");
  const [revoking, setRevoking] = useState<KeyTold | null>(null);
  const again = () => void queries.invalidateQueries({ queryKey: ["/keys"] });
  return (
    <Panel
      title="API keys"
      side={
        <Button kind="primary" onClick={() => setMaking(true)}>
          Make a key
        </Button>
      }
    >
      <Loaded query={keys}>
        {(rows) =>
          rows.length ? (
            <Table
              label="API keys"
              rows={rows}
              rowKey={(key) => key.id}
              columns={[
                {
                  head: "Title",
                  cell: (key) => (
                    <>
                      {key.title || <span className="text-muted">none</span>}
                      <span className="block text-small lg:hidden">
                        until <Time at={key.expires_at} />
                      </span>
                    </>
                  ),
                },
                { head: "Key", wide: true, cell: (key) => <code className="font-mono">{key.id}</code> },
                { head: "Scopes", wide: true, cell: (key) => key.scopes.join(", ") },
                { head: "Ends", wide: true, cell: (key) => <Time at={key.expires_at} /> },
                { head: "Status", width: "6rem", cell: (key) => <Status of={Date.parse(key.expires_at) < Date.now() ? "expired" : key.status} /> },
                {
                  head: "Actions",
                  width: "6rem",
                  cell: (key) =>
                    key.status === "active" && (
                      <Button kind="quiet" onClick={() => setRevoking(key)} aria-label={`Revoke ${key.title || key.id}`}>
                        Revoke
                      </Button>
                    ),
                },
              ]}
            />
          ) : (
            <Empty title="There is no key yet.">A program shows one to put events on the log, or to read.</Empty>
          )
        }
      </Loaded>
      <More list={keys} />
      {making && (
        <Make
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
            again();
          }}
        />
      )}
      {made && (
        <ShownOnce title="Your new key" secret={made} onClose={() => setMade("")}>
          A program shows it as Authorization: Bearer KEY.
        </ShownOnce>
      )}
      {revoking && (
        <Revoke
          path={`/keys/${revoking.id}`}
          name={revoking.title || revoking.id}
          means="Whoever shows it is refused within a second."
          done="The key was revoked."
          onClose={() => {
            setRevoking(null);
            again();
          }}
        />
      )}
    </Panel>
  );
}

function Make({ onClose, onMade }: { onClose: () => void; onMade: (key: string) => void }) {
  const { permissions } = usePerson();
  const [scopes, setScopes] = useState<string[]>([]);
  const make = useMutation({
    mutationFn: (body: Body<"POST /keys">) => call<{ key: string }>("/keys", { method: "POST", body, idempotencyKey: crypto.randomUUID() }),
    onSuccess: (found) => onMade(found.key),
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const networks = String(said.get("networks")).split(/[\s,]+/).filter(Boolean);
    make.mutate({ title: String(said.get("title")), days: Number(said.get("days")), scopes, networks });
  }
  return (
    <Dialog title="Make a key" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Title" name="title" required maxLength={200} hint="Who will show it: a program, a shop." />
        <Checks label="Scopes" options={PERMISSIONS.filter((each) => permissions.has(each)).map((each) => [each, each] as const)} chosen={scopes} onChange={setScopes} />
        <Field label="Days" name="days" type="number" required min={1} max={DAYS_MAX} defaultValue={DAYS} />
        <Field label="Networks" name="networks" placeholder="10.0.0.0/8" hint="It opens nothing from elsewhere; empty: from anywhere." error={make.error?.message} />
        <div className="flex gap-2">
          <Button kind="primary" type="submit" busy={make.isPending} disabled={!scopes.length}>
            Make
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}
