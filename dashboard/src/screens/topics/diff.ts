/** What changed between two versions of a schema: its fields, and the lines of its text. */

export interface Line {
  /** ` ` in both, `-` only in the older, `+` only in the newer. */
  sign: " " | "-" | "+";
  text: string;
}

export interface FieldChange {
  how: "added" | "removed" | "changed";
  name: string;
  was: string;
  is: string;
}

/** Returns the lines of both texts, those they share once: the fewest that differ. */
export function lines(older: string, newer: string): Line[] {
  const [a, b] = [older.split("\n"), newer.split("\n")];
  const width = b.length + 1;
  const shared = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      shared[i * width + j] =
        a[i] === b[j] ? (shared[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(shared[(i + 1) * width + j] ?? 0, shared[i * width + j + 1] ?? 0);
  const found: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [found.push({ sign: " ", text: a[i] ?? "" }), i++, j++];
    else if (j >= b.length || (i < a.length && (shared[(i + 1) * width + j] ?? 0) >= (shared[i * width + j + 1] ?? 0))) found.push({ sign: "-", text: a[i++] ?? "" });
    else found.push({ sign: "+", text: b[j++] ?? "" });
  }
  return found;
}

/** Returns only lines that changed, and `around` of those beside them; null stands for what is left out. */
export function near(all: readonly Line[], around = 3): (Line | null)[] {
  const kept = all.map((_, at) => all.slice(Math.max(0, at - around), at + around + 1).some((line) => line.sign !== " "));
  const found: (Line | null)[] = [];
  for (const [at, line] of all.entries()) {
    if (kept[at]) found.push(line);
    else if (found.at(-1) !== null) found.push(null);
  }
  return found;
}

/** Returns the fields of a record that came, went or are otherwise now. */
export function fields(older: string, newer: string): FieldChange[] {
  const [was, is] = [told(older), told(newer)];
  const found: FieldChange[] = [];
  for (const [name, text] of is) {
    const before = was.get(name);
    if (before === undefined) found.push({ how: "added", name, was: "", is: text });
    else if (before !== text) found.push({ how: "changed", name, was: before, is: text });
  }
  for (const [name, text] of was) if (!is.has(name)) found.push({ how: "removed", name, was: text, is: "" });
  return found;
}

function told(schema: string): Map<string, string> {
  const said = JSON.parse(schema) as { fields?: { name: string; type: unknown; default?: unknown }[] };
  return new Map(
    (said.fields ?? []).map((field) => [field.name, type(field.type) + ("default" in field ? `, default ${JSON.stringify(field.default)}` : "")]),
  );
}

/** Returns an Avro type in few words: `null | string`, `list of …`, `enum (a, b)`. */
function type(of: unknown): string {
  if (typeof of === "string") return of;
  if (Array.isArray(of)) return of.map(type).join(" | ");
  const said = of as { type: unknown; name?: string; logicalType?: string; items?: unknown; values?: unknown; symbols?: string[]; fields?: { name: string; type: unknown }[] };
  if (said.logicalType) return said.logicalType;
  if (said.type === "array") return `list of ${type(said.items)}`;
  if (said.type === "map") return `map of ${type(said.values)}`;
  if (said.type === "enum") return `enum (${(said.symbols ?? []).join(", ")})`;
  if (said.type === "record") return `${said.name} {${(said.fields ?? []).map((field) => `${field.name}: ${type(field.type)}`).join(", ")}}`;
  return type(said.type);
}
