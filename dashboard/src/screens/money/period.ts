/** The period that Money looks at: days of UTC, the last thirty when the address says none. */
import { isDay, shifted } from "../../format/days";

const USUAL_DAYS = 30;

export interface Period {
  /** The first and the last day, both of UTC and both within. */
  from: string;
  to: string;
  /** What doors are asked for: from the first moment of one day to before that of another. */
  asked: { from: string; to: string };
}

/** Returns the period that an address says; what is no day, or is the wrong way round, is put right. */
export function periodOf(from: string, to: string, today: string): Period {
  const last = isDay(to) ? to : isDay(from) && from > today ? from : today;
  const begun = isDay(from) ? from : shifted(last, 1 - USUAL_DAYS);
  const [first, end] = begun <= last ? [begun, last] : [last, begun];
  return { from: first, to: end, asked: { from: `${first}T00:00:00Z`, to: `${shifted(end, 1)}T00:00:00Z` } };
}

/** Returns the periods that are chosen with one press. */
export function usualPeriods(today: string): readonly (readonly [text: string, from: string])[] {
  return [
    ["Today", today],
    ["7 days", shifted(today, -6)],
    ["30 days", shifted(today, 1 - USUAL_DAYS)],
    ["90 days", shifted(today, -89)],
    ["This month", `${today.slice(0, 8)}01`],
  ];
}
