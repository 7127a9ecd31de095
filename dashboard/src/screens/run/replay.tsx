/** Replays a run: whether every decision comes out as it was recorded. It has no effect. */
import { useMutation } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Button } from "../../components/button";
import { Panel } from "../../components/panel";
import { Failure, Forbidden } from "../../components/states";
import { Badge } from "../../components/status";
import { Table } from "../../components/table";
import { count } from "../../format/numbers";
import { Link } from "../../router";
import { useMay } from "../../session/hooks";
import { placed } from "./story";

type Found = Answer<"POST /workflows/{id}/replay">;

export function Replay({ id }: { id: string }) {
  const may = useMay("decisions:read");
  const replay = useMutation({ mutationFn: () => call<Found>(`/workflows/${encodeURIComponent(id)}/replay`, { method: "POST" }) });
  return (
    <Panel
      title="Replay"
      side={
        may && (
          <Button onClick={() => replay.mutate()} busy={replay.isPending}>
            Replay this run
          </Button>
        )
      }
    >
      <div role="status">
        {!may && <Forbidden needs="decisions:read" />}
        {may && !replay.data && !replay.error && <p className="p-3 text-muted">Decides everything again from the log, and compares it with what was recorded. Nothing is written, no model is asked.</p>}
        {replay.error && <Failure error={replay.error} onAgain={() => replay.mutate()} />}
        {replay.data && !replay.error && <Result found={replay.data} />}
      </div>
    </Panel>
  );
}

function Result({ found }: { found: Found }) {
  const said = [
    found.other_version && `${count(found.other_version)} were decided by another version of this program, and are not compared.`,
    found.pending && `${count(found.pending)} are decided by replay and not on the log yet.`,
    found.differences > found.different.length && `The first ${found.different.length} of ${count(found.differences)} differences are shown.`,
  ].filter(Boolean);
  return (
    <>
      <p className="flex flex-wrap items-center gap-2 p-3">
        {found.differences ? <Badge tone="bad">differs</Badge> : <Badge tone="ok">the same</Badge>}
        <span>
          {found.differences
            ? `${count(found.differences)} ${found.differences === 1 ? "difference" : "differences"}: ${count(found.same)} of ${count(found.decisions)} decisions come out as recorded.`
            : `${count(found.same)} of ${count(found.decisions)} decisions come out as recorded.`}
        </span>
        {said.map((each) => (
          <span key={String(each)} className="text-muted">
            {each}
          </span>
        ))}
      </p>
      {found.different.length > 0 && (
        <Table
          label="Decisions that come out otherwise"
          rows={found.different}
          rowKey={(each) => `${placed(each)} ${each.field}`}
          least="40rem"
          columns={[
            { head: "Event", width: "14rem", cell: (each) => <Link to={`/app/topics/${placed(each)}`}>{`${each.topic} ${each.partition}:${each.offset}`}</Link> },
            { head: "Field", width: "9rem", cell: (each) => each.field },
            { head: "Recorded", cell: (each) => <code className="font-mono text-small break-all">{each.recorded}</code> },
            { head: "Decided by replay", cell: (each) => <code className="font-mono text-small break-all">{each.decided}</code> },
          ]}
        />
      )}
    </>
  );
}
