/** The head of a run: how it is, who asked for it, how long it took and what it cost. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Figure, Money, Time } from "../../components/figures";
import { Status } from "../../components/status";
import { useMay } from "../../session/hooks";
import { Duration } from "../runs/duration";
import { type Detail, type Node, over, placed } from "./story";

export function Head({ detail, root }: { detail: Detail; root: Node }) {
  const { run, steps, budget_entries } = detail;
  const calls = steps.flatMap((step) => step.calls);
  const sum = (of: (call: (typeof calls)[number]) => number) => calls.reduce((all, each) => all + of(each), 0);
  const billed = budget_entries.reduce((all, each) => all + each.billed_usd_micros, 0);
  const held = budget_entries.reduce((all, each) => all + each.held_usd_micros, 0);
  const money = useMay("money:read");
  const end = over(run.status) && root.end ? new Date(root.end).toISOString() : null;
  return (
    <dl className="grid grid-cols-2 overflow-hidden rounded border border-line sm:grid-cols-4 xl:grid-cols-[6.5rem_1fr_1fr_1.3fr_16.5rem_7.5rem_8.5rem_8.5rem] [&>*]:-mr-px [&>*]:-mb-px [&>*]:border-r [&>*]:border-b [&>*]:border-line">
      <Fact label="Status" hint={run.reason}>
        <Status of={run.status} />
      </Fact>
      <Fact label="Workflow" hint={`version ${run.version}`}>
        {run.workflow}
      </Fact>
      <Fact label="Subject" hint={`from ${run.source || "–"}`}>
        {run.subject || "–"}
      </Fact>
      <Fact label="Asked for by" hint={<code className="font-mono">{run.correlation_id}</code>}>
        <Asker detail={detail} />
      </Fact>
      <Fact label="Began, in the log" hint={<>happened <Time at={run.began_at} /></>}>
        <Time at={root.begin ? new Date(root.begin).toISOString() : null} />
      </Fact>
      <Fact label="Took, in the log" hint={`${steps.length} ${steps.length === 1 ? "attempt" : "attempts"} at steps`}>
        <Duration began={root.begin ? new Date(root.begin).toISOString() : null} ended={end} />
      </Fact>
      <Fact label="Cost" hint={money && budget_entries.length > 0 && <><Money micros={billed} /> billed, <Money micros={held} /> held</>}>
        <Money micros={run.cost_usd_micros} />
      </Fact>
      <Fact label="Tokens" hint={`in ${calls.length} ${calls.length === 1 ? "call" : "calls"}`}>
        <Figure value={sum((each) => each.input_tokens)} unit="in" /> <Figure value={sum((each) => each.output_tokens)} unit="out" />
      </Fact>
    </dl>
  );
}

function Fact({ label, children, hint }: { label: string; children: ReactNode; hint?: ReactNode }) {
  return (
    <div className="grid min-w-0 content-start px-3 py-1.5">
      <dt className="text-small text-muted">{label}</dt>
      <dd className="truncate leading-6 font-semibold" title={typeof children === "string" ? children : undefined}>
        {children}
      </dd>
      <dd className="min-h-4 text-small break-words text-muted">{hint}</dd>
    </div>
  );
}

/** Who asked: the request says it, the accounts do, too; who may read neither is told so. */
function Asker({ detail }: { detail: Detail }) {
  const log = useMay("log:read");
  const requests = useMay("requests:read");
  const line = detail.timeline.find((each) => each.topic === "requests");
  const entered = detail.budget_entries.find((each) => each.principal)?.principal;
  const request = useQuery({
    queryKey: ["/records", line ? placed(line) : ""],
    queryFn: ({ signal }) => call<Answer<"GET /records/{topic}/{partition}/{offset}">>(`/records/${line ? placed(line) : ""}`, { signal }),
    enabled: log && requests && !!line && !entered,
    staleTime: Infinity,
  });
  const said = entered ?? request.data?.record.value?.["principal"];
  if (typeof said === "string" && said) return <span title={said}>{said}</span>;
  if (!entered && !(log && requests)) return <span className="font-normal text-muted">needs requests:read</span>;
  return <span className="font-normal text-muted">{request.isLoading ? "…" : "nobody known"}</span>;
}
