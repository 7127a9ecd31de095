/** What could be saved, the most first, with the runs that say so. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Exact, Figure } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { Badge, type Tone } from "../../components/status";
import { grouped } from "../../format/money";
import { Aside, RunLink } from "./parts";

type Recommended = Answer<"GET /recommendations">;
type One = Recommended["recommendations"][number];

const KINDS: Record<One["kind"], string> = { cheaper_model: "Cheaper model", exact_caching: "Exact cache", shorter_max_tokens: "Shorter max_tokens" };
const SURE: Record<One["confidence"], Tone> = { none: "muted", low: "warn", medium: "accent", high: "ok" };

export default function Savings() {
  const found = useQuery({ queryKey: ["/recommendations"], queryFn: ({ signal }) => call<Recommended>("/recommendations", { signal }), staleTime: 60_000 });
  return (
    <Panel title="What could be saved" side={found.data && <Aside>{looked(found.data)}</Aside>}>
      <Loaded query={found} rows={10}>
        {({ recommendations }) =>
          recommendations.length ? (
            <ul>
              {recommendations.map((one) => (
                <Saving key={[one.kind, one.workflow, one.step, one.task, one.model, one.instead].join()} one={one} />
              ))}
            </ul>
          ) : (
            <Empty title="Nothing is recommended.">No cheaper model has answered the same, nothing was asked twice, and no answer is far shorter than allowed.</Empty>
          )
        }
      </Loaded>
      <p className="border-t border-line px-3 py-2 text-small text-muted">
        Of several for the same calls one counts: their savings do not add up. An answer meets the bar when it is not degraded, its step was completed, and no
        rule had anything to say of it.
      </p>
    </Panel>
  );
}

function looked({ records, whole }: Recommended): string {
  return `by ${whole ? "all" : "the newest"} ${grouped(records)} records${whole ? "" : ": older ones were not looked at"}`;
}

function Saving({ one }: { one: One }) {
  return (
    <li className="grid gap-x-4 gap-y-1 border-b border-line px-3 py-2 last:border-0 lg:grid-cols-[12rem_minmax(0,1fr)]">
      <div>
        {one.saving_usd_micros ? (
          <p className="text-large font-semibold">
            <Exact micros={one.saving_usd_micros} />
          </p>
        ) : (
          <p>
            <Exact micros={one.freed_usd_micros ?? 0} />
          </p>
        )}
        <p className="text-small text-muted">{one.saving_usd_micros ? "less for these calls" : "less held: room, no money"}</p>
      </div>
      <div className="grid min-w-0 gap-1">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <b className="font-semibold">{KINDS[one.kind]}</b>
          <span>{[one.workflow, one.step, one.task].filter(Boolean).join(", ")}</span>
          <Badge tone={SURE[one.confidence]}>{`confidence ${one.confidence}`}</Badge>
          <Figure value={one.calls} unit="calls" />
        </p>
        <p>{one.text}</p>
        <Runs label="Calls of" ids={one.run_ids ?? []} />
        <Runs label="Evidence:" ids={one.evidence_run_ids ?? []} />
      </div>
    </li>
  );
}

function Runs({ label, ids }: { label: string; ids: readonly string[] }) {
  if (!ids.length) return null;
  return (
    <p className="flex flex-wrap gap-x-2 text-small text-muted">
      {label}
      {ids.map((id) => (
        <RunLink key={id} id={id} />
      ))}
    </p>
  );
}
