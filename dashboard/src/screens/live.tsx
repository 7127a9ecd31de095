/** Live, the home: what happens now. */
import { Chart } from "../components/chart";
import { Figure, Money, Stat, Time } from "../components/figures";
import { Panel, ScreenHead } from "../components/panel";
import { Empty, Forbidden } from "../components/states";
import { Badge, Status } from "../components/status";
import { type Column, Table } from "../components/table";
import { grouped } from "../format/money";
import { count, rate, span } from "../format/numbers";
import type { Counts, EventTold } from "../live/messages";
import { useLive } from "../live/live";
import { type Pulse, pulseOf } from "../live/pulse";
import type { Snapshot } from "../live/store";
import { Link } from "../router";
import { useMay } from "../session/hooks";

const OUTCOMES = ["allowed", "remediated", "escalated", "refused"];
/** Seconds over which the present rate is taken. */
const NOW_S = 10;
const SHOWN = 15;
const ALERTS_SHOWN = 20;

export default function Live() {
  if (!useMay("runs:read")) {
    return (
      <>
        <ScreenHead title="Live" />
        <Forbidden needs="runs:read" />
      </>
    );
  }
  return <Feed />;
}

function Feed() {
  const snapshot = useLive();
  const pulse = pulseOf(snapshot);
  return (
    <>
      <ScreenHead title="Live">
        {snapshot.countedSince && (
          <p className="text-small text-muted">
            Counted since the gateway's start, <Time at={snapshot.countedSince} />
          </p>
        )}
      </ScreenHead>
      <Honesty snapshot={snapshot} />
      <Figures snapshot={snapshot} pulse={pulse} />
      <Panel title="Events per second, by topic">
        <Chart
          label="Events per second of workflow-runs, agent-steps and compliance-decisions in the last five minutes"
          second={snapshot.second}
          lines={[
            { label: "workflow-runs", colour: 1, values: snapshot.series.runs },
            { label: "agent-steps", colour: 2, values: snapshot.series.steps },
            { label: "compliance-decisions", colour: 3, values: snapshot.series.decisions },
          ]}
        />
      </Panel>
      <div className="grid items-start gap-3 xl:grid-cols-[5fr_2fr]">
        <div className="grid min-w-0 gap-3">
          <Panel title="Last alerts" side={<Aside>failed, refused, escalated</Aside>}>
            <Alerts told={snapshot.alerts} troubles={pulse?.troubles ?? []} />
          </Panel>
          <Panel title="Last events" side={<Aside>as told, at most four times a second</Aside>}>
            {snapshot.events.length ? (
              <Table label="Last events" columns={EVENTS} rows={snapshot.events.slice(0, SHOWN)} rowKey={(row) => row.position} max="none" />
            ) : (
              <Empty title="Nothing has happened since this page was opened." />
            )}
          </Panel>
        </div>
        <div className="grid min-w-0 gap-3">
          <Panel title="Behind, by stage" side={<Aside>records not taken in yet</Aside>}>
            <Numbers label="Records behind, by stage" head={["Stage", "Records"]} numbers={pulse?.lag} unit="" />
          </Panel>
          <Panel title="Whole log, by topic" side={<Aside>all tenants</Aside>}>
            <Numbers label="Records a second, by topic" head={["Topic", "Records"]} numbers={pulse?.log_per_s} unit="/s" />
          </Panel>
          <Panel title="Counted, by status" side={<Aside>since the start</Aside>}>
            <Counted counts={snapshot.counts} />
          </Panel>
        </div>
      </div>
    </>
  );
}

/** A link to a run; where there is little room, by the beginning of its id. */
function Run({ id, short = false }: { id: string; short?: boolean }) {
  return (
    <Link to={`/app/runs/${encodeURIComponent(id)}`} title={id} aria-label={short ? `Run ${id}` : undefined} className="font-mono text-small">
      {short ? id.slice(0, 8) : id}
    </Link>
  );
}

function Aside({ children }: { children: string }) {
  return <span className="text-small text-muted">{children}</span>;
}

/** Says so when what is shown is not all that there is, or not of now. */
function Honesty({ snapshot }: { snapshot: Snapshot }) {
  const lost = snapshot.connection !== "open" && snapshot.heardAt > 0;
  const said = [
    lost && `The connection was lost${snapshot.why ? ` (${snapshot.why})` : ""}: what is shown was told ${span(Date.now() - snapshot.heardAt)} ago, and is told on when it is back.`,
    snapshot.dropped > 0 && `${grouped(snapshot.dropped)} events passed by too fast for this page: the counters have them, the chart has not.`,
  ].filter(Boolean);
  if (!said.length) return null;
  return (
    <div className="rounded border border-warn px-3 py-2 text-warn">
      {said.map((text) => (
        <p key={String(text)}>{text}</p>
      ))}
    </div>
  );
}

function Figures({ snapshot, pulse }: { snapshot: Snapshot; pulse: Pulse | null }) {
  const decisions = pulse ? pulse.decisions : snapshot.counts["decisions"];
  const all = [snapshot.series.runs, snapshot.series.steps, snapshot.series.decisions];
  const now = all.flatMap((each) => each.slice(-NOW_S)).reduce<number>((sum, each) => sum + (each ?? 0), 0) / NOW_S;
  return (
    <dl className="grid grid-cols-2 overflow-hidden rounded border border-line sm:grid-cols-4 xl:grid-cols-8 [&>*]:-mr-px [&>*]:-mb-px [&>*]:border-r [&>*]:border-b [&>*]:border-line">
      <Stat label="Events" hint={`over ${NOW_S} s`}>
        <Figure value={now} unit="/s" text={rate(now)} />
      </Stat>
      <Stat label="Runs in flight">{pulse ? <Figure value={pulse.runs_open} /> : unknown}</Stat>
      {OUTCOMES.map((outcome) => (
        <Stat key={outcome} label={`Decisions ${outcome}`} hint={decisions && (pulse ? "today, UTC" : "since the start")}>
          {decisions ? <Figure value={decisions[outcome] ?? 0} /> : unknown}
        </Stat>
      ))}
      <Stat label="AI cost today" hint={pulse?.cost && <Link to="/app/money"><Money micros={pulse.cost.minute_usd_micros} /> in the last minute</Link>}>
        {pulse?.cost ? <Money micros={pulse.cost.today_usd_micros} /> : unknown}
      </Stat>
      <Stat label="Dead letters" hint={pulse?.dead_letters && <Link to="/app/dead-letters">{count(pulse.dead_letters.today)} today, UTC</Link>}>
        {pulse?.dead_letters ? <Figure value={pulse.dead_letters.all} /> : unknown}
      </Stat>
    </dl>
  );
}

const unknown = (
  <span className="text-muted" title="Not told: your roles do not permit it, or it is not known now.">
    –
  </span>
);

/** What was told since the page was opened, behind it what went wrong last before that. */
function Alerts({ told, troubles }: { told: readonly EventTold[]; troubles: Pulse["troubles"] }) {
  const shown = told.slice(0, ALERTS_SHOWN);
  const known = new Set(shown.map((each) => each.run_id));
  const before = troubles.filter((each) => !known.has(each.run_id));
  const rows: Alert[] = [...shown.map((each) => ({ ...each, key: each.position, at: each.recorded_at })), ...before.map((each) => ({ ...each, key: each.run_id }))];
  if (!rows.length) return <Empty title="No alert." />;
  return <Table label="Last alerts" columns={ALERTS} rows={rows} rowKey={(row) => row.key} max="24rem" />;
}

function Numbers({ label, head, numbers, unit }: { label: string; head: [string, string]; numbers: Record<string, number> | null | undefined; unit: string }) {
  if (!numbers) return <Empty title="Not known now." />;
  const rows = Object.entries(numbers).sort(([one], [other]) => one.localeCompare(other));
  if (!rows.length) return <Empty title="Not known yet." />;
  return (
    <Table
      label={label}
      rows={rows}
      rowKey={([name]) => name}
      max="20rem"
      columns={[
        { head: head[0], cell: ([name]) => name },
        { head: head[1], end: true, width: "8rem", cell: ([, number]) => <Figure value={number} unit={unit} {...(unit ? { text: rate(number) } : {})} /> },
      ]}
    />
  );
}

function Counted({ counts }: { counts: Counts }) {
  const rows = Object.entries(counts).flatMap(([channel, found]) => Object.entries(found).map(([status, number]) => ({ channel, status, number })));
  if (!rows.length) return <Empty title="Nothing yet." />;
  return (
    <Table
      label="Events counted, by status"
      rows={rows}
      rowKey={(row) => row.channel + row.status}
      max="24rem"
      columns={[
        { head: "Of", width: "6rem", cell: (row) => row.channel },
        { head: "Status", cell: (row) => <Status of={row.status} /> },
        { head: "Events", end: true, width: "7rem", cell: (row) => <Figure value={row.number} /> },
      ]}
    />
  );
}

const EVENTS: readonly Column<EventTold>[] = [
  { head: "When", width: "11rem", cell: (row) => <Time at={row.recorded_at} day={false} ms /> },
  { head: "Of", width: "7rem", cell: (row) => <Badge>{row.channel}</Badge> },
  { head: "Status", width: "8rem", cell: (row) => <Status of={row.status} /> },
  { head: "What", cell: (row) => [row.workflow, row.step, row.phase, row.agent && `by ${row.agent}`].filter(Boolean).join(", ") },
  { head: "Run", wide: true, width: "20rem", cell: (row) => <Run id={row.run_id} /> },
];

interface Alert {
  key: string;
  at: string;
  run_id: string;
  status: string;
  channel?: string;
  workflow?: string;
  step?: string;
  reason?: string;
  rules?: string[];
}

const ALERTS: readonly Column<Alert>[] = [
  { head: "When", width: "13rem", cell: (row) => <Time at={row.at} /> },
  { head: "What", width: "7rem", cell: (row) => <Status of={row.status} /> },
  { head: "Of", cell: (row) => row.workflow || row.step || row.channel },
  { head: "Why", wide: true, cell: (row) => row.reason || row.rules?.join(", ") },
  { head: "Run", width: "7rem", cell: (row) => <Run id={row.run_id} short /> },
];
