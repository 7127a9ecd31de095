/** What is asked of a topic's records, as the address says it and as the gateway takes it. */

export const NAMES = ["order", "time", "partition", "offset", "key", "correlation_id"] as const;
export type Asked = Partial<Record<(typeof NAMES)[number], string>>;
export type Order = "newest" | "oldest";

/** Returns what an address's query asks; what stands empty is not asked. */
export function asked(search: string): Asked {
  const said = new URLSearchParams(search);
  return Object.fromEntries(NAMES.map((name) => [name, said.get(name)?.trim() ?? ""]).filter(([, value]) => value));
}

/** Returns the order of what is asked: newest first, unless it begins somewhere, as the gateway has it. */
export function order(of: Asked): Order {
  if (of.order === "newest" || of.order === "oldest") return of.order;
  return of.offset || of.time ? "oldest" : "newest";
}

/** Returns the query of an address that asks this, without an order that goes without saying. */
export function search(of: Asked): string {
  const said = new URLSearchParams();
  for (const name of NAMES) {
    const value = of[name]?.trim();
    if (value && !(name === "order" && value === order({ ...of, order: "" }))) said.set(name, value);
  }
  return said.size ? `?${said}` : "";
}

/** Returns what is wrong with it before it is asked; empty when nothing is. */
export function wrong(of: Asked): string {
  return of.offset && !of.partition ? "An offset needs a partition." : "";
}

/** Returns a moment as a field for local time takes it; empty for none. */
export function local(iso: string | undefined): string {
  const at = new Date(iso ?? "");
  if (Number.isNaN(at.getTime())) return "";
  const two = (value: number) => value.toString().padStart(2, "0");
  const day = `${at.getFullYear().toString().padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Returns the moment that a field for local time says, in UTC; empty for none. */
export function utc(field: string): string {
  const at = new Date(field);
  return field && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}
