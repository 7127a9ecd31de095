/** Where in the text of some JSON its fields stand, and where it is none. */

export interface Span {
  from: number;
  to: number;
}

/** The text is no JSON from here on. */
export class NoJson extends Error {
  constructor(
    readonly at: number,
    detail: string,
  ) {
    super(detail);
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const PLAIN = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;
const DEPTH_MAX = 200;

/** Returns by path (`attributes.note`, `lines[2].id`, empty for all of it) where it stands, names included; throws NoJson. */
export function places(text: string): Map<string, Span> {
  const found = new Map<string, Span>();
  let at = 0;

  function taken(what: RegExp): string | undefined {
    what.lastIndex = at;
    const match = what.exec(text);
    if (match) at += match[0].length;
    return match?.[0];
  }
  function expect(sign: string, orElse = "") {
    taken(SPACE);
    if (text[at] !== sign) throw new NoJson(at, at < text.length ? `${orElse}${sign} is expected here` : `the text ends before ${sign}`);
    at++;
  }
  function several(end: string, one: (number: number) => void) {
    at++;
    taken(SPACE);
    if (text[at] === end) return void at++;
    for (let number = 0; ; number++) {
      one(number);
      taken(SPACE);
      if (text[at] !== ",") return expect(end, ", or ");
      at++;
    }
  }
  function value(path: string, from: number, depth: number) {
    if (depth > DEPTH_MAX) throw new NoJson(at, `more than ${DEPTH_MAX} deep`);
    taken(SPACE);
    const start = at;
    if (text[at] === "{")
      several("}", () => {
        taken(SPACE);
        const begun = at;
        const name = taken(STRING);
        if (name === undefined) throw new NoJson(at, "a name in quotes is expected here");
        expect(":");
        value((path && `${path}.`) + (JSON.parse(name) as string), begun, depth + 1);
      });
    else if (text[at] === "[") several("]", (number) => value(`${path}[${number}]`, -1, depth + 1));
    else if (taken(STRING) === undefined && taken(PLAIN) === undefined) throw new NoJson(at, at < text.length ? "no value is to be read here" : "the text ends before a value");
    found.set(path, { from: from < 0 ? start : from, to: at });
  }

  value("", -1, 0);
  taken(SPACE);
  if (at < text.length) throw new NoJson(at, "there is more behind the value");
  return found;
}

/** Returns where a field stands; what is not there is shown where it belongs: at the first sign of what should have it. */
export function placed(text: string, field: string): Span {
  const known = places(text);
  const exact = known.get(field);
  if (exact) return exact;
  for (let path = field; path; ) {
    path = path.replace(/(^|\.)[^.[\]]*$|\[[^[\]]*\]$/, "");
    const around = known.get(path);
    if (!around) continue;
    const opened = /[{[]/.exec(text.slice(around.from, around.to));
    const from = around.from + (opened?.index ?? 0);
    return { from, to: from + 1 };
  }
  return { from: 0, to: 0 };
}

/** Returns the line of a place, from 1 on. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
