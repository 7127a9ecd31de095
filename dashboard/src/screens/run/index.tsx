/** A run, from the request to the dollar: what happened when, what it follows from, and what it cost. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { ScreenHead } from "../../components/panel";
import { Forbidden, Loaded } from "../../components/states";
import { useAskAgain } from "../../live/again";
import { Link, useQuery as useAddress } from "../../router";
import { useMay } from "../../session/hooks";
import { Head } from "./head";
import { Replay } from "./replay";
import { Side } from "./side";
import { nodesByPlace, over, story } from "./story";
import { Waterfall } from "./waterfall";

/** Calls of models and entries of the accounts are not told live. */
const WHILE_ON_MS = 2000;
type Found = Answer<"GET /workflows/{id}">;

export default function Run({ params }: { params: Record<string, string> }) {
  const id = params["id"] ?? "";
  return (
    <>
      <ScreenHead title={`Run ${id}`}>
        <Link to="/app/runs">All runs</Link>
      </ScreenHead>
      {useMay("runs:read") ? <One id={id} /> : <Forbidden needs="runs:read" />}
    </>
  );
}

function One({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ["/workflows", "one", id],
    queryFn: ({ signal }) => call<Found>(`/workflows/${encodeURIComponent(id)}`, { signal }),
    refetchInterval: (query) => (query.state.data && !over(query.state.data.run.status) ? WHILE_ON_MS : false),
  });
  useAskAgain(
    (event) => event.run_id === id,
    () => void found.refetch({ cancelRefetch: false }),
  );
  return (
    <Loaded query={found} rows={12}>
      {(detail) => <Told detail={detail} error={found.error} />}
    </Loaded>
  );
}

function Told({ detail, error }: { detail: Found; error: Error | null }) {
  const root = useMemo(() => story(detail), [detail]);
  const nodes = useMemo(() => nodesByPlace(root), [root]);
  const [chosen, choose] = useAddress("node");
  const node = nodes.get(chosen);
  const decisions = useMay("decisions:read");
  const money = useMay("money:read");
  const lacking = [!decisions && "decisions (decisions:read)", !money && "holds and settlements (money:read)"].filter(Boolean);
  const said = [
    lacking.length && `Not shown, as your roles lack it: ${lacking.join(", ")}.`,
    detail.cut && "This run has more events than one answer shows: what is above its limits is missing here, not in the log.",
    error && `Not of now: ${error.message}`,
  ].filter(Boolean);
  return (
    <>
      <Head detail={detail} root={root} />
      {said.length > 0 && (
        <div className="rounded border border-warn px-3 py-2 text-warn">
          {said.map((text) => (
            <p key={String(text)}>{text}</p>
          ))}
        </div>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 xl:grid-cols-[minmax(0,1fr)_28rem] 2xl:grid-cols-[minmax(0,1fr)_minmax(28rem,36%)]">
        <div className="grid min-w-0 grid-cols-[minmax(0,1fr)] gap-3">
          <Waterfall root={root} chosen={node?.id ?? ""} onChoose={choose} asOf={detail.as_of} />
          <Replay id={detail.run.run_id} />
        </div>
        <Side node={node ?? null} place={chosen} known={nodes} onChoose={choose} />
      </div>
    </>
  );
}
