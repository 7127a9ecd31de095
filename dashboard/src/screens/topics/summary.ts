/** A record's value in one line: what it says first, without what every event has, without digests and what is empty. */

const EVERY = new Set(["event_id", "tenant_id", "correlation_id", "causation_id", "occurred_at", "run_id"]);
/** What tells most, in this order; everything else follows as it stands. */
const FIRST = ["kind", "type", "status", "outcome", "phase", "workflow", "subject", "source", "id", "step", "agent", "uses", "model", "route", "stage", "source_topic", "error", "reason"];
const CHARACTERS_MAX = 240;
const VALUE_MAX = 80;

/** Returns names and what they say, the most telling first. */
export function summary(value: Record<string, unknown>): [name: string, text: string][] {
  const rest = Object.keys(value).filter((name) => !FIRST.includes(name) && !EVERY.has(name) && !name.endsWith("_digest"));
  const found: [string, string][] = [];
  let characters = 0;
  for (const name of [...FIRST.filter((each) => each in value), ...rest]) {
    const text = short(value[name]);
    if (!text) continue;
    found.push([name, text]);
    characters += name.length + text.length;
    if (characters > CHARACTERS_MAX) break;
  }
  return found;
}

function short(value: unknown): string {
  if (value === null || value === undefined || value === "" || value === 0 || value === false) return "";
  if (Array.isArray(value)) return value.length ? `[${value.length}]` : "";
  if (typeof value === "object") {
    const within = Object.entries(value).map(([name, each]) => `${name}: ${typeof each === "object" && each ? "…" : each}`);
    return within.length ? `{${cut(within.join(", "))}}` : "";
  }
  return cut(String(value).replace(/\s+/g, " "));
}

function cut(text: string): string {
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text;
}
