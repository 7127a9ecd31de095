/** Which runs are asked for: as the address has it, as the fields show it, as the gateway takes it. */

export const NAMES = ["workflow", "status", "from", "to", "cost", "outcome", "text"] as const;
export type Name = (typeof NAMES)[number];
/** As the address has them; empty: not asked for. Moments are ISO 8601 in UTC, `cost` is in dollars. */
export type Filters = Readonly<Record<Name, string>>;

export const STATUSES = ["accepted", "started", "completed", "failed", "refused", "cancelled"] as const;
export const OUTCOMES = ["allowed", "remediated", "escalated", "refused"] as const;
const TEXT_MAX = 200;
const DOLLARS = /^(\d{1,9})(?:\.(\d{1,6}))?$/;

/** Returns the filters of an address's query. */
export function filtersOf(search: string): Filters {
  const said = new URLSearchParams(search);
  return Object.fromEntries(NAMES.map((name) => [name, (said.get(name) ?? "").trim()])) as Filters;
}

/** Returns the query that stands for these, with a `?` unless it is empty. */
export function searchOf(filters: Filters): string {
  const said = new URLSearchParams(NAMES.filter((name) => filters[name]).map((name) => [name, filters[name]]));
  return said.size ? `?${said}` : "";
}

export interface Asked {
  query: Record<string, string>;
  /** What cannot be asked for, and why. */
  wrong: Partial<Record<Name, string>>;
}

/** Returns what the gateway is asked for. */
export function asked(filters: Filters): Asked {
  const { workflow, status, from, to, cost, outcome, text } = filters;
  const wrong: Asked["wrong"] = {};
  const query: Record<string, string> = { workflow, status, from, to, outcome, text };
  if (status && !(STATUSES as readonly string[]).includes(status)) wrong.status = `There is no status ${status}.`;
  if (outcome && !(OUTCOMES as readonly string[]).includes(outcome)) wrong.outcome = `There is no outcome ${outcome}.`;
  for (const [name, moment] of [["from", from], ["to", to]] as const) {
    if (moment && Number.isNaN(Date.parse(moment))) wrong[name] = "That is no moment.";
  }
  if (from && to && !wrong.from && !wrong.to && Date.parse(from) >= Date.parse(to)) wrong.to = "It is not after From.";
  const micros = cost ? microsOf(cost) : 0;
  if (micros === null) wrong.cost = "Dollars, with at most six decimals: 0.05";
  else if (micros) query["cost_min"] = String(micros);
  for (const [name, said] of [["workflow", workflow], ["text", text]] as const) {
    if (said.length > TEXT_MAX) wrong[name] = `At most ${TEXT_MAX} characters.`;
  }
  return { query: Object.fromEntries(Object.entries(query).filter(([, said]) => said)), wrong };
}

/** Returns whole micro-dollars of dollars in decimals, null when it is none; no fraction is ever rounded. */
export function microsOf(dollars: string): number | null {
  const found = DOLLARS.exec(dollars);
  return found ? Number(found[1]) * 1_000_000 + Number((found[2] ?? "").padEnd(6, "0")) : null;
}

/** Returns what a field of local time shows for a moment. */
export function fieldOf(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Returns the moment that a field of local time shows; empty when it shows none. */
export function momentOf(field: string): string {
  const at = new Date(field);
  return field && !Number.isNaN(at.getTime()) ? at.toISOString().replace(".000Z", "Z") : "";
}
