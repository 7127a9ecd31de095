/** An event as the log has it: its place, schema, headers, content, what it follows from and what follows from it. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Json } from "../../components/code";
import { Figure, Time } from "../../components/figures";
import { Forbidden, Loaded } from "../../components/states";
import { Link } from "../../router";
import { usePerson } from "../../session/hooks";
import { Known } from "./facts";
import { type Node, type Place, placed } from "./story";

type Found = Answer<"GET /records/{topic}/{partition}/{offset}">;
type Tie = Found["consequences"][number];
const BESIDES: Record<string, string> = { requests: "requests:read", "compliance-decisions": "decisions:read", "budget-entries": "money:read" };

export function RecordTold({ place, known, onChoose }: { place: Place; known: ReadonlyMap<string, Node>; onChoose: (place: string) => void }) {
  const { permissions } = usePerson();
  const lacks = ["log:read", BESIDES[place.topic]].find((each) => each && !permissions.has(each));
  const at = placed(place);
  const found = useQuery({
    queryKey: ["/records", at],
    queryFn: ({ signal }) => call<Found>(`/records/${at}`, { signal }),
    enabled: !lacks,
    staleTime: 30_000,
  });
  if (lacks) return <Forbidden needs={lacks} />;
  return (
    <Loaded query={found} rows={8}>
      {({ record, cause, consequences, more }) => (
        <>
          <Known
            facts={[
              ["In the log", <Link key="" to={`/app/topics/${at}`}>{`${place.topic} ${place.partition}:${place.offset}`}</Link>],
              ["Taken", <Time key="" at={record.recorded_at} ms />],
              ["Happened", <Time key="" at={record.occurred_at} ms />],
              ["Schema", record.schema_version === null ? `id ${record.schema_id}` : `version ${record.schema_version} (id ${record.schema_id})`],
              ["Size", <Figure key="" value={record.bytes} unit="bytes" />],
              ["Key", <code key="" className="font-mono text-small break-all">{record.key}</code>],
              ["Event", <code key="" className="font-mono text-small break-all">{record.event_id}</code>],
            ]}
          />
          <Ties title="Follows from" ties={cause ? [cause] : []} none={record.causation_id ? `${record.causation_id}, which is not in this log.` : "Nothing before it."} known={known} onChoose={onChoose} />
          <Ties title="What follows from it" ties={consequences} none="Nothing." more={more} known={known} onChoose={onChoose} />
          <section>
            <h3 className="mb-1">Content</h3>
            {record.value ? <Json value={record.value} label="Content of the event" /> : <p className="text-muted">{record.withheld || "It has none."}</p>}
            {record.value && record.withheld && <p className="mt-1 text-small text-muted">{record.withheld}</p>}
          </section>
          <section>
            <h3 className="mb-1">Headers</h3>
            <Known facts={record.headers.map(({ name, value }): [string, string] => [name, value])} mono />
          </section>
        </>
      )}
    </Loaded>
  );
}

function Ties({ title, ties, none, more = false, known, onChoose }: { title: string; ties: readonly Tie[]; none: string; more?: boolean; known: ReadonlyMap<string, Node>; onChoose: (place: string) => void }) {
  return (
    <section>
      <h3 className="mb-1">{title}</h3>
      {ties.length === 0 && <p className="break-all text-muted">{none}</p>}
      <ul className="grid gap-1">
        {ties.map((tie) => {
          const at = placed(tie);
          const said = `${tie.topic}: ${[tie.what, tie.status].filter(Boolean).join(", ")}`;
          return (
            <li key={at} className="flex flex-wrap items-baseline justify-between gap-x-3">
              {known.has(at) ? (
                <button type="button" className="min-w-0 text-left text-accent hover:underline" onClick={() => onChoose(at)}>
                  {said}
                </button>
              ) : (
                <Link to={`/app/topics/${at}`}>{said}</Link>
              )}
              <Link to={`/app/topics/${at}`} className="text-small" aria-label={`${at} in the log`}>
                {tie.partition}:{tie.offset}
              </Link>
            </li>
          );
        })}
      </ul>
      {more && <p className="text-small text-muted">There are more; the first {ties.length} are shown.</p>}
    </section>
  );
}
