/** What was billed in a period: by day as a chart, and by model, workflow, team and who asked; every row leads to its entries. */
import { keepPreviousData, useQuery as useData } from "@tanstack/react-query";
import { call } from "../../api/client";
import { Bars } from "../../components/bars";
import { Select } from "../../components/field";
import { Exact, Figure, Stat, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { type Column, Table } from "../../components/table";
import { dollars, exactly, grouped } from "../../format/money";
import { Link, useQuery } from "../../router";
import { Aside, PeriodChoice, usePeriod } from "./parts";
import type { Period } from "./period";
import { byDay, DAYS_MAX, type Ledger, type LedgerRow, scale, share, sumOf } from "./sums";

const BY = {
  model: ["Model", "no model"],
  workflow: ["Workflow", "no workflow"],
  team: ["Team", "no team"],
  principal: ["Asked by", "an event, or nobody"],
  day: ["Day (UTC)", ""],
  tenant: ["Tenant", ""],
} as const;
type By = keyof typeof BY;

export default function LedgerPart() {
  const [period] = usePeriod();
  const [said, choose] = useQuery("by");
  const by = said in BY ? (said as By) : "model";
  const days = useLedger("day", period);
  const rows = useLedger(by, period);
  return (
    <div className="grid gap-3">
      <PeriodChoice />
      <Loaded query={days} rows={8}>
        {(ledger) => (
          <>
            <Totals ledger={ledger} />
            <Panel title="Billed, by day" side={<Aside>as of {ledger.as_of ? <Time at={ledger.as_of} /> : "nothing yet"}</Aside>}>
              <Days ledger={ledger} period={period} />
            </Panel>
          </>
        )}
      </Loaded>
      <Panel
        title={`Billed, by ${BY[by][0].toLowerCase()}`}
        side={
          <div className="flex flex-wrap gap-1" role="group" aria-label="Sum up by">
            {(Object.keys(BY) as By[]).map((each) => (
              <button
                key={each}
                type="button"
                aria-pressed={each === by}
                onClick={() => choose(each)}
                className={`min-h-6 rounded px-2 font-medium ${each === by ? "bg-accent text-on-accent" : "text-accent hover:bg-panel"}`}
              >
                {BY[each][0]}
              </button>
            ))}
          </div>
        }
      >
        <Loaded query={rows} rows={6}>
          {(ledger) => <Sums ledger={ledger} period={period} />}
        </Loaded>
      </Panel>
    </div>
  );
}

function useLedger(by: By, { asked }: Period) {
  return useData({
    queryKey: ["/ledger", by, asked],
    queryFn: ({ signal }) => call<Ledger>("/ledger", { query: { by, ...asked }, signal }),
    placeholderData: keepPreviousData,
  });
}

function Totals({ ledger }: { ledger: Ledger }) {
  const days = ledger.rows.filter((row) => row.billed_usd_micros !== 0);
  const most = days.toSorted((one, other) => other.billed_usd_micros - one.billed_usd_micros)[0];
  return (
    <dl className="grid grid-cols-2 overflow-hidden rounded border border-line lg:grid-cols-4 [&>*]:-mr-px [&>*]:-mb-px [&>*]:border-r [&>*]:border-b [&>*]:border-line">
      <Stat label="Billed" hint={`${grouped(ledger.billed_usd_micros)} micro-dollars`}>
        <Exact micros={ledger.billed_usd_micros} />
      </Stat>
      <Stat label="Held" hint="of what was asked for in it">
        <Exact micros={ledger.held_usd_micros} />
      </Stat>
      <Stat label="Entries" hint={`${grouped(days.length)} ${days.length === 1 ? "day" : "days"} with a bill`}>
        <Figure value={ledger.entries} />
      </Stat>
      <Stat label="Dearest day" hint={most?.key}>
        {most ? <Exact micros={most.billed_usd_micros} /> : <span className="text-muted">–</span>}
      </Stat>
    </dl>
  );
}

function Days({ ledger, period }: { ledger: Ledger; period: Period }) {
  const days = byDay(ledger.rows, period.from, period.to);
  const amounts = days.map((day) => day.micros);
  return (
    <>
      <Bars
        label={`Billed by day from ${period.from} to ${period.to}; the table by day says the same`}
        bars={days.map((day) => ({ key: day.day, under: day.day.slice(5), value: day.micros, text: `${exactly(day.micros).join("")}, ${grouped(day.entries)} entries` }))}
        scale={scale(Math.max(0, ...amounts), Math.min(0, ...amounts))}
        axis={dollars}
      />
      {days.length === DAYS_MAX && <p className="px-3 pb-2 text-small text-warn">The last {DAYS_MAX} days of the period are drawn; the sums are of all of it.</p>}
    </>
  );
}

function Sums({ ledger, period }: { ledger: Ledger; period: Period }) {
  if (!ledger.rows.length) return <Empty title="Nothing was held or billed in this period." />;
  const sum = sumOf(ledger);
  const { by } = ledger;
  return (
    <>
      <Table
        label={`Sums by ${BY[by][0].toLowerCase()}`}
        rows={by === "day" ? ledger.rows.toReversed() : ledger.rows.toSorted((one, other) => other.billed_usd_micros - one.billed_usd_micros)}
        rowKey={(row) => row.key}
        columns={columns(by, period, ledger)}
        max="28rem"
      />
      <p role={sum.agrees ? undefined : "alert"} className={`flex flex-wrap justify-between gap-x-3 border-t border-line px-3 py-2 ${sum.agrees ? "" : "text-bad"}`}>
        <span>
          Sum of {grouped(ledger.rows.length)} rows: <b className="font-semibold"><Exact micros={sum.billed} /></b> billed, <Exact micros={sum.held} /> held, {grouped(sum.entries)} entries.
        </span>
        <span className={sum.agrees ? "text-ok" : ""}>
          {sum.agrees ? "Adds up to the ledger's total, to the micro-dollar." : `Does not add up: the ledger's total is ${exactly(ledger.billed_usd_micros).join("")}.`}
        </span>
      </p>
    </>
  );
}

function columns(by: By, period: Period, ledger: Ledger): readonly Column<LedgerRow>[] {
  return [
    { head: BY[by][0], cell: (row) => <Key by={by} row={row} period={period} /> },
    { head: "Billed", end: true, width: "9rem", cell: (row) => <Exact micros={row.billed_usd_micros} /> },
    { head: "Share", end: true, wide: true, width: "6rem", cell: (row) => share(row.billed_usd_micros, ledger.billed_usd_micros) },
    { head: "Held", end: true, wide: true, width: "9rem", cell: (row) => <Exact micros={row.held_usd_micros} /> },
    { head: "Entries", end: true, width: "6rem", cell: (row) => <Figure value={row.entries} /> },
  ];
}

/** Leads to the entries, where the ledger can be asked for them. */
function Key({ by, row, period }: { by: By; row: LedgerRow; period: Period }) {
  const text = row.key || <span className="text-muted">{BY[by][1]}</span>;
  const days = by === "day" ? { from: row.key, to: row.key } : { from: period.from, to: period.to };
  const more = (by === "model" || by === "workflow") && row.key ? { [by]: row.key } : {};
  if (by !== "day" && !row.key) return text;
  if (by === "team" || by === "principal") return <span className="break-all">{text}</span>;
  return (
    <Link to={`/app/money?${new URLSearchParams({ part: "entries", ...days, ...more })}`} className="break-all">
      {text}
    </Link>
  );
}

export function Choice({ label, name, by, period }: { label: string; name: string; by: "model" | "workflow"; period: Period }) {
  const [chosen, choose] = useQuery(name);
  const { data } = useLedger(by, period);
  const known = new Set([...(data?.rows.map((row) => row.key).filter(Boolean) ?? []), ...(chosen ? [chosen] : [])]);
  return (
    <div className="w-40">
      <Select
        label={label}
        value={chosen}
        onChange={(event) => choose(event.target.value)}
        options={[["", "all"], ...[...known].sort().map((each) => [each, each] as const)]}
      />
    </div>
  );
}
