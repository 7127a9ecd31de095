/** Webhooks: the ways in of systems that sign what they send; made with a secret that is shown once, revoked for good. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { API, call } from "../../api/client";
import type { Body } from "../../api/contract";
import { useList } from "../../api/lists";
import { Button } from "../../components/button";
import { CodeBlock } from "../../components/code";
import { Dialog } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { Panel } from "../../components/panel";
import { Empty, Forbidden, Loaded, More, Refused } from "../../components/states";
import { Status } from "../../components/status";
import { Table } from "../../components/table";
import { useMay } from "../../session/hooks";
import { Revoke } from "./revoke";

interface WebhookTold {
  id: string;
  title: string;
  topic: string;
  status: "active" | "revoked";
  networks: string[];
  team: string;
  /** Where its sender sends. */
  path: string;
}

type Made = WebhookTold & { secret?: string };

/** Topics that are open to clients. */
const TOPICS = ["business-events"];

export default function Webhooks() {
  return useMay("keys:manage") ? <List /> : <Forbidden needs="keys:manage" />;
}

function List() {
  const queries = useQueryClient();
  const webhooks = useList<WebhookTold>("/webhooks", "webhooks");
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  const [revoking, setRevoking] = useState<WebhookTold | null>(null);
  const writes = useMay("events:write");
  const again = () => void queries.invalidateQueries({ queryKey: ["/webhooks"] });
  return (
    <Panel
      title="Webhooks"
      side={
        writes && (
          <Button kind="primary" onClick={() => setMaking(true)}>
            Make a webhook
          </Button>
        )
      }
    >
      <Loaded query={webhooks}>
        {(rows) =>
          rows.length ? (
            <Table
              label="Webhooks"
              rows={rows}
              rowKey={(row) => row.id}
              columns={[
                { head: "Title", cell: (row) => row.title || <span className="text-muted">none</span> },
                { head: "Sends to", wide: true, cell: (row) => <code className="font-mono text-small">{row.path}</code> },
                { head: "Topic", cell: (row) => row.topic },
                { head: "From", wide: true, cell: (row) => row.networks.join(", ") || "anywhere" },
                { head: "Team", wide: true, cell: (row) => row.team || <span className="text-muted">none</span> },
                { head: "Status", width: "6rem", cell: (row) => <Status of={row.status} /> },
                {
                  head: "Actions",
                  width: "6rem",
                  cell: (row) =>
                    row.status === "active" && (
                      <Button kind="quiet" onClick={() => setRevoking(row)} aria-label={`Revoke ${row.title || row.id}`}>
                        Revoke
                      </Button>
                    ),
                },
              ]}
            />
          ) : (
            <Empty title="There is no webhook yet.">A system that cannot show a key, but signs what it sends (Standard Webhooks), delivers to one.</Empty>
          )
        }
      </Loaded>
      <More list={webhooks} />
      {making && (
        <Make
          onClose={() => setMaking(false)}
          onMade={(found) => {
            setMaking(false);
            setMade(found);
            again();
          }}
        />
      )}
      {made && <Shown made={made} onClose={() => setMade(null)} />}
      {revoking && (
        <Revoke
          path={`/webhooks/${revoking.id}`}
          name={revoking.title || revoking.id}
          means="Nothing is taken any more that is signed for it."
          done="The webhook was revoked."
          onClose={() => {
            setRevoking(null);
            again();
          }}
        />
      )}
    </Panel>
  );
}

function Make({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const make = useMutation({
    mutationFn: (body: Body<"POST /webhooks">) => call<Made>("/webhooks", { method: "POST", body, idempotencyKey: crypto.randomUUID() }),
    onSuccess: onMade,
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const text = (name: string) => String(said.get(name)).trim();
    make.mutate({ title: text("title"), topic: text("topic"), team: text("team"), networks: text("networks").split(/[\s,]+/).filter(Boolean) });
  }
  return (
    <Dialog title="Make a webhook" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-3">
        <Field label="Title" name="title" required maxLength={200} hint="Who will send: a shop, a payment service." />
        <Select label="Topic" name="topic" options={TOPICS.map((each) => [each, each] as const)} hint="What it sends becomes events of this topic." />
        <Field label="Team" name="team" maxLength={100} hint="Whose budget its runs spend; empty: none." />
        <Field label="Networks" name="networks" placeholder="10.0.0.0/8" hint="It opens nothing from elsewhere; empty: from anywhere." />
        <Refused error={make.error} />
        <div className="flex gap-2">
          <Button kind="primary" type="submit" busy={make.isPending}>
            Make
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Shown({ made, onClose }: { made: Made; onClose: () => void }) {
  const address = `${location.origin}${made.path || `${API}/hooks/${made.id}`}`;
  return (
    <Dialog title="Your new webhook" onClose={onClose}>
      <p>Its sender posts to this address:</p>
      <CodeBlock label="Address" text={address} />
      {made.secret ? (
        <>
          <p>and signs with this secret. It is not shown again.</p>
          <CodeBlock label="Secret" text={made.secret} />
        </>
      ) : (
        <p role="alert">Its secret was shown already: revoke it and make another, if it is lost.</p>
      )}
      <div>
        <Button kind="primary" onClick={onClose}>
          I have kept it
        </Button>
      </div>
    </Dialog>
  );
}
