import type { ReactNode } from "react";
import { dollars, exactly, grouped } from "../format/money";
import { count } from "../format/numbers";
import { here, moment } from "../format/time";

/** A moment in the reader's zone, which is said with it; the machine-readable one is beside it. */
export function Time({ at, day = true, ms = false }: { at: string | null | undefined; day?: boolean; ms?: boolean }) {
  const said = at ? moment(at) : null;
  if (!said || !at) return <span className="text-muted">–</span>;
  return (
    <time dateTime={at} title={`${at} (shown in ${here()})`} className="whitespace-nowrap">
      {day && `${said.day} `}
      {said.clock}
      {ms && `.${said.ms}`} <span className="text-muted">{said.zone}</span>
    </time>
  );
}

/** An amount of micro-dollars, in dollars. */
export function Money({ micros }: { micros: number | null | undefined }) {
  if (micros === null || micros === undefined) return <span className="text-muted">–</span>;
  return (
    <data value={micros} title={`${grouped(micros)} micro-dollars`} className="whitespace-nowrap">
      {dollars(micros)}
    </data>
  );
}

/** An amount to the micro-dollar: amounts below each other add up, digit for digit. */
export function Exact({ micros, sign = false }: { micros: number | null | undefined; sign?: boolean }) {
  if (micros === null || micros === undefined) return <span className="text-muted">–</span>;
  const [cents, rest] = exactly(micros);
  return (
    <data value={micros} title={`${micros < 0 ? "-" : ""}${grouped(Math.abs(micros))} micro-dollars`} className="whitespace-nowrap">
      {sign && micros > 0 && "+"}
      {cents}
      <span className="text-muted">{rest}</span>
    </data>
  );
}

/** A number with its unit, short; the whole one is beside it. */
export function Figure({ value, unit = "", text }: { value: number; unit?: string; text?: string }) {
  return (
    <data value={value} title={`${value} ${unit}`.trim()} className="whitespace-nowrap">
      {text ?? count(value)}
      {unit && <span className="text-muted"> {unit}</span>}
    </data>
  );
}

/** One figure of a panel, with what it stands for; its place keeps its size whatever it says. */
export function Stat({ label, children, hint }: { label: string; children: ReactNode; hint?: ReactNode }) {
  return (
    <div className="grid min-w-32 content-start px-3 py-2">
      <dt className="text-small text-muted">{label}</dt>
      <dd className="text-figure leading-8 font-semibold">{children}</dd>
      <dd className="min-h-5 text-small text-muted">{hint}</dd>
    </div>
  );
}
