/** Where everything of a run stands on a line of time, and which rows of its tree are shown. */
import type { Node } from "./story";

const TICKS_MAX = 6;
const STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5];

export interface Span {
  begin: number;
  end: number;
}

/** Returns the time that is shown: all of the run, with a little room; while it goes on it grows by steps, so that nothing creeps. */
export function shownSpan(root: Node, now: number): Span {
  const all = within(root);
  const begin = Math.min(...all);
  const last = Math.max(...all, root.end ?? now);
  const long = Math.max(1, last - begin);
  return { begin, end: begin + (root.end === null ? rounded(long) : long * 1.02) };
}

function within(node: Node): number[] {
  return [node.begin, ...(node.end === null ? [] : [node.end]), ...node.children.flatMap(within)];
}

/** Returns the next of 1, 2, 5, 10, 20 … that is not below. */
export function rounded(ms: number): number {
  const ten = 10 ** Math.floor(Math.log10(ms));
  return ([1, 2, 5, 10].find((each) => each * ten >= ms) ?? 10) * ten;
}

export interface Bar {
  /** Shares of the line, in per cent. */
  left: number;
  width: number;
}

/** Returns the bar of something; of what goes on it ends now. */
export function bar({ begin, end }: Pick<Node, "begin" | "end">, span: Span, now: number): Bar {
  const long = span.end - span.begin;
  const share = (at: number) => Math.min(100, Math.max(0, ((at - span.begin) / long) * 100));
  const left = share(begin);
  return { left, width: Math.max(0, share(end ?? Math.max(now, begin)) - left) };
}

/** Returns the marks of a line of time, in milliseconds from its beginning, and where they stand in per cent. */
export function ticks(span: Span): { ms: number; left: number }[] {
  const long = span.end - span.begin;
  const step = STEPS_MS.find((each) => long / each <= TICKS_MAX) ?? Math.ceil(long / TICKS_MAX / 864e5) * 864e5;
  return Array.from({ length: Math.floor(long / step) + 1 }, (_, place) => ({ ms: place * step, left: ((place * step) / long) * 100 }));
}

export interface Row {
  node: Node;
  level: number;
  /** The row that it stands below. */
  parent: string;
  /** Which of how many. */
  place: number;
  of: number;
}

/** Returns the rows that are seen when these are closed. */
export function rows(node: Node, closed: ReadonlySet<string>, level = 1, parent = "", place = 1, of = 1): Row[] {
  const below = closed.has(node.id) ? [] : node.children;
  return [{ node, level, parent, place, of }, ...below.flatMap((child, number) => rows(child, closed, level + 1, node.id, number + 1, node.children.length))];
}

/** Returns where a key goes to from a row, and what it closes or opens. */
export function moved(all: readonly Row[], id: string, key: string, closed: ReadonlySet<string>): { to?: string; toggle?: string } {
  const at = Math.max(0, all.findIndex((row) => row.node.id === id));
  const row = all[at];
  const to = (place: number) => {
    const found = all[Math.min(all.length - 1, Math.max(0, place))]?.node.id;
    return found ? { to: found } : {};
  };
  if (key === "ArrowDown") return to(at + 1);
  if (key === "ArrowUp") return to(at - 1);
  if (key === "Home") return to(0);
  if (key === "End") return to(all.length - 1);
  if (key === "ArrowRight" && row?.node.children.length) return closed.has(id) ? { toggle: id } : to(at + 1);
  if (key === "ArrowLeft" && row) return row.node.children.length && !closed.has(id) ? { toggle: id } : row.parent ? { to: row.parent } : {};
  return {};
}
