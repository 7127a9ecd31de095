/** Live, the home: what happens now. */
import { Chart } from "../components/chart";
import { Figure, Money, Stat, Time } from "../components/figures";
import { Panel, ScreenHead } from "../components/panel";
import { Empty, Forbidden } from "../components/states";
import { Status } from "../components/status";
import { type Column, Table } from "../components/table";
import { grouped } from "../format/money";
import { count, rate, span } from "../format/numbers";
import type { EventTold } from "../live/messages";
import { useLive } from "../live/live";
import { type Known, usePulse } from "../live/pulse";
import type { Snapshot } from "../live/store";
import { useMay } from "../session/hooks";

const OUTCOMES = ["allowed", "restricted", "escalated", "refused"];
/** Seconds over which the present rate is taken. */
const NOW_S = 10;

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
  const known = usePulse(snapshot);
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
      <Figures snapshot={snapshot} known={known} />
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
      <div className="grid items-start gap-3 xl:grid-cols-[2fr_1fr]">
        <Panel title="Last alerts" side={<span className="text-small text-muted">failed, refused, escalated</span>}>
          {snapshot.alerts.length ? (
            <Table label="Last alerts" columns={ALERTS} rows={snapshot.alerts} rowKey={(row) => row.position} max="24rem" />
          ) : (
            <Empty title="No alert since this page was opened." />
          )}
        </Panel>
        <Panel title="Behind, by stage">{known.lag ? <Lag lag={known.lag} /> : <Empty title="This gateway does not say it." />}</Panel>
      </div>
    </>
  );
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

function Figures({ snapshot, known }: { snapshot: Snapshot; known: Known }) {
  const decisions = snapshot.counts["decisions"];
  const all = [snapshot.series.runs, snapshot.series.steps, snapshot.series.decisions];
  const now = all.flatMap((each) => each.slice(-NOW_S)).reduce((sum, each) => sum + each, 0) / NOW_S;
  return (
    <dl className="grid grid-cols-2 overflow-hidden rounded border border-line sm:grid-cols-4 xl:grid-cols-8 [&>*]:-mr-px [&>*]:-mb-px [&>*]:border-r [&>*]:border-b [&>*]:border-line">
      <Stat label="Events" hint={`over ${NOW_S} s`}>
        <Figure value={now} unit="/s" text={rate(now)} />
      </Stat>
      <Stat label="Runs in flight">{counted(known.inFlight)}</Stat>
      {OUTCOMES.map((outcome) => (
        <Stat key={outcome} label={`Decisions ${outcome}`}>
          {decisions ? <Figure value={decisions[outcome] ?? 0} /> : unknown}
        </Stat>
      ))}
      <Stat label="AI cost today" hint={known.costMinute === null ? "UTC" : <>{<Money micros={known.costMinute} />} per minute</>}>
        {known.costToday === null ? unknown : <Money micros={known.costToday} />}
      </Stat>
      <Stat label="Dead letters">{counted(known.deadLetters)}</Stat>
    </dl>
  );
}

const unknown = (
  <span className="text-muted" title="Not told: your roles do not permit it, or this gateway does not say it.">
    –
  </span>
);

function counted(said: { count: number; more: boolean } | null) {
  return said ? <Figure value={said.count} text={count(said.count) + (said.more ? "+" : "")} /> : unknown;
}

function Lag({ lag }: { lag: Record<string, number> }) {
  const rows = Object.entries(lag).sort(([one], [other]) => one.localeCompare(other));
  return (
    <Table
      label="Records behind, by stage"
      rows={rows}
      rowKey={([stage]) => stage}
      max="24rem"
      columns={[
        { head: "Stage", cell: ([stage]) => stage },
        { head: "Records", end: true, width: "7rem", cell: ([, behind]) => <Figure value={behind} /> },
      ]}
    />
  );
}

const ALERTS: readonly Column<EventTold>[] = [
  { head: "When", width: "11rem", cell: (row) => <Time at={row.recorded_at} day={false} /> },
  { head: "What", width: "7rem", cell: (row) => <Status of={row.status} /> },
  { head: "Of", cell: (row) => row.workflow || row.step || row.channel },
  { head: "Why", wide: true, cell: (row) => row.reason || row.rules?.join(", ") },
  { head: "Run", wide: true, width: "20rem", cell: (row) => <code className="font-mono text-small">{row.run_id}</code> },
];
