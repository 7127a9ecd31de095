/** What the parts of Money share: links, and the choice of the period. */
import type { ReactNode } from "react";
import { Field } from "../../components/field";
import { classes } from "../../components/classes";
import { dayOf } from "../../format/days";
import { Link, useQuery } from "../../router";
import { type Period, periodOf, usualPeriods } from "./period";

export function Aside({ children }: { children: ReactNode }) {
  return <span className="text-small text-muted">{children}</span>;
}

/** A link to a run, by the beginning of its id. */
export function RunLink({ id }: { id: string }) {
  if (!id) return <span className="text-muted">none</span>;
  return (
    <Link to={`/app/runs/${encodeURIComponent(id)}`} title={id} aria-label={`Run ${id}`} className="font-mono text-small">
      {id.slice(0, 8)}
    </Link>
  );
}

/** A link to the record on the log that says it. */
export function RecordLink({ topic, partition, offset }: { topic: string; partition: number; offset: number }) {
  return (
    <Link to={`/app/topics/${topic}/${partition}/${offset}`} aria-label={`Record ${topic} ${partition}:${offset}`} className="font-mono text-small whitespace-nowrap">
      {partition}:{offset}
    </Link>
  );
}

/** Returns the period that the address says, and what changes it. */
export function usePeriod(): [Period, (from: string, to: string) => void] {
  const [from, setFrom] = useQuery("from");
  const [to, setTo] = useQuery("to");
  return [
    periodOf(from, to, dayOf(Date.now())),
    (first, last) => {
      setFrom(first);
      setTo(last);
    },
  ];
}

/** The period, in the address: a usual one, or from one day to another. */
export function PeriodChoice({ children }: { children?: ReactNode }) {
  const [period, choose] = usePeriod();
  const today = dayOf(Date.now());
  return (
    <div className="flex flex-wrap items-end gap-x-3 gap-y-2">
      <div role="group" aria-label="Usual periods" className="flex flex-wrap">
        {usualPeriods(today).map(([text, from]) => {
          const chosen = period.from === from && period.to === today;
          return (
            <button
              key={text}
              type="button"
              aria-pressed={chosen}
              onClick={() => choose(from, today)}
              className={classes(
                "-ml-px h-[var(--row)] border border-line-strong px-2.5 font-medium first:ml-0 first:rounded-l last:rounded-r",
                chosen ? "bg-accent text-on-accent" : "bg-raised hover:bg-panel",
              )}
            >
              {text}
            </button>
          );
        })}
      </div>
      <div className="w-36">
        <Field label="From" type="date" value={period.from} max={period.to} onChange={(event) => event.target.value && choose(event.target.value, period.to)} />
      </div>
      <div className="w-36">
        <Field label="To (included)" type="date" value={period.to} min={period.from} onChange={(event) => event.target.value && choose(period.from, event.target.value)} />
      </div>
      {children}
    </div>
  );
}
