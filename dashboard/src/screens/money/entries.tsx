/** The ledger entry by entry, the newest first: each opens its record on the log and its run. */
import { useList } from "../../api/lists";
import type { Answer } from "../../api/contract";
import { Field, Select } from "../../components/field";
import { Exact, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded, More } from "../../components/states";
import { Badge, type Tone } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { grouped } from "../../format/money";
import { useQuery } from "../../router";
import { Choice } from "./ledger";
import { Aside, PeriodChoice, RecordLink, RunLink, usePeriod } from "./parts";

type Entry = Answer<"GET /ledger/entries">["entries"][number];

const KINDS: Record<string, Tone> = { held: "accent", settled: "ok", released: "muted", refused: "bad", expired: "warn", adjusted: "warn" };
const LEVELS: Record<string, Tone> = { within: "ok", warn: "warn", downgrade: "bad", stop: "bad" };

export default function Entries() {
  const [period] = usePeriod();
  const [model] = useQuery("model");
  const [workflow] = useQuery("workflow");
  const [kind, setKind] = useQuery("kind");
  const [run, setRun] = useQuery("run");
  const list = useList<Entry>("/ledger/entries", "entries", { ...period.asked, model, workflow, kind, run_id: run });
  return (
    <div className="grid gap-3">
      <PeriodChoice>
        <Choice label="Model" name="model" by="model" period={period} />
        <Choice label="Workflow" name="workflow" by="workflow" period={period} />
        <div className="w-28">
          <Select
            label="Kind"
            value={kind}
            onChange={(event) => setKind(event.target.value)}
            options={[["", "all"], ...Object.keys(KINDS).map((each) => [each, each] as const)]}
          />
        </div>
        <div className="w-48">
          <Field label="Run" value={run} placeholder="its whole id" onChange={(event) => setRun(event.target.value.trim())} />
        </div>
      </PeriodChoice>
      <Panel title="Entries" side={list.data && <Aside>{`${grouped(list.data.length)} shown${list.more ? ", there are more" : ": all of them"}`}</Aside>}>
        <Loaded query={list} rows={12}>
          {(rows) =>
            rows.length ? <Table label="Entries" columns={COLUMNS} rows={rows} rowKey={(row) => row.event_id} max="none" /> : <Empty title="There is no such entry in this period." />
          }
        </Loaded>
        <More list={list} />
      </Panel>
    </div>
  );
}

const none = <span className="text-muted">–</span>;

const COLUMNS: readonly Column<Entry>[] = [
  { head: "Number", end: true, wide: true, width: "5rem", cell: (row) => grouped(row.sequence) },
  {
    head: "Kind",
    width: "7rem",
    cell: (row) => (
      <span className="flex flex-wrap gap-x-1">
        <Badge tone={KINDS[row.kind] ?? "muted"}>{row.kind}</Badge>
        {row.in_doubt && <Badge tone="warn">in doubt</Badge>}
        <span className="text-small lg:hidden">
          <Time at={row.at} />
        </span>
      </span>
    ),
  },
  { head: "Billed", end: true, width: "7rem", cell: (row) => (row.billed_usd_micros ? <Exact micros={row.billed_usd_micros} /> : none) },
  { head: "Held", end: true, width: "7rem", cell: (row) => (row.held_usd_micros ? <Exact micros={row.held_usd_micros} sign /> : none) },
  { head: "When", wide: true, width: "16rem", cell: (row) => <Time at={row.at} /> },
  { head: "Level", width: "6rem", wide: true, cell: (row) => <Badge tone={LEVELS[row.level] ?? "muted"}>{row.level}</Badge> },
  { head: "Model", wide: true, cell: (row) => (row.model ? <span className="whitespace-nowrap">{row.model}</span> : none) },
  { head: "Workflow, step", wide: true, cell: (row) => (row.workflow ? `${row.workflow}, ${row.step}${row.attempt > 1 ? `, attempt ${row.attempt}` : ""}` : <Why text={row.reason} />) },
  { head: "Team", wide: true, cell: (row) => row.team || none },
  { head: "Run", width: "6rem", cell: (row) => (row.run_id ? <RunLink id={row.run_id} /> : none) },
  { head: "Record", width: "6rem", cell: (row) => <RecordLink {...row} /> },
];

function Why({ text }: { text: string }) {
  return (
    <span title={text} className="line-clamp-1 max-w-80 text-small break-all text-muted">
      {text || "–"}
    </span>
  );
}
