/** Days of UTC, as budgets and the ledger reckon them: `2026-11-22`. */

const DAY_MS = 86_400_000;

/** Returns the day of UTC that a moment is in. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Returns the day so many days later, or earlier. */
export function shifted(day: string, days: number): string {
  return dayOf(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS);
}

/** Whether a text is a day that there is. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) && dayOf(Date.parse(`${text}T00:00:00Z`)) === text;
}

/** Returns all days from one to another, both with them; the last `most` of them. */
export function daysOf(from: string, to: string, most: number): string[] {
  const count = Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS) + 1;
  const shown = Math.max(0, Math.min(count, most));
  return Array.from({ length: shown }, (_, place) => shifted(to, place - shown + 1));
}
