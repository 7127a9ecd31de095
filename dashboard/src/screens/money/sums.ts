/** What is reckoned of the ledger's figures; all are whole micro-dollars. */
import { daysOf } from "../../format/days";
import type { Answer } from "../../api/contract";

export type Ledger = Answer<"GET /ledger">;
export type LedgerRow = Ledger["rows"][number];
export type Price = Answer<"GET /prices">["prices"][number];
export const DAYS_MAX = 400;

/** Returns what the rows come to, and whether that is what the ledger says, to the micro-dollar and the entry. */
export function sumOf({ rows, billed_usd_micros, held_usd_micros, entries }: Ledger) {
  const sum = rows.reduce(
    (all, row) => ({ billed: all.billed + row.billed_usd_micros, held: all.held + row.held_usd_micros, entries: all.entries + row.entries }),
    { billed: 0, held: 0, entries: 0 },
  );
  return { ...sum, agrees: sum.billed === billed_usd_micros && sum.held === held_usd_micros && sum.entries === entries };
}

/** Returns what was billed on each day of a period: nothing on a day without entries. */
export function byDay(rows: readonly LedgerRow[], from: string, to: string): { day: string; micros: number; entries: number }[] {
  const known = new Map(rows.map((row) => [row.key, row]));
  return daysOf(from, to, DAYS_MAX).map((day) => ({ day, micros: known.get(day)?.billed_usd_micros ?? 0, entries: known.get(day)?.entries ?? 0 }));
}

/** Returns the share of a whole in percent, with one decimal; nothing of nothing is none. */
export function share(part: number, whole: number): string {
  return whole === 0 ? "–" : `${((part / whole) * 100).toFixed(1)} %`;
}

/** Returns the prices that hold at a moment: of each model the tenant's newest by then, before the platform's. */
export function inForce(prices: readonly Price[], now: number): ReadonlySet<Price> {
  const found = new Map<string, Price>();
  for (const price of prices) {
    if (Date.parse(price.valid_from) > now) continue;
    const other = found.get(price.model);
    const first = !other || (price.owner === other.owner ? price.valid_from >= other.valid_from : price.owner === "tenant");
    if (first) found.set(price.model, price);
  }
  return new Set(found.values());
}

/** Returns round amounts from 0 up to what holds both ends, a few of them, for an axis. */
export function scale(most: number, least: number): number[] {
  const span = Math.max(most, 0) - Math.min(least, 0) || 1;
  const rough = span / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power);
  const from = Math.floor(Math.min(least, 0) / step);
  const to = Math.max(Math.ceil(Math.max(most, 0) / step), from + 1);
  return Array.from({ length: to - from + 1 }, (_, place) => (from + place) * step);
}
