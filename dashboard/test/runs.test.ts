import { expect, test } from "vitest";
import type { EventTold } from "../src/live/messages";
import { Again, LATE_MS, PACE_MS, since } from "../src/live/pace";
import { asked, fieldOf, filtersOf, microsOf, momentOf, searchOf } from "../src/screens/runs/filters";
import { begun, letIn, newest, older, type Page, type Run, told } from "../src/screens/runs/rows";

const run = (id: number, more: Partial<Run> = {}): Run => ({
  run_id: `r${id}`, workflow: "w", version: 1, status: "started", reason: "", began_at: "2026-11-22T08:00:00Z", ended_at: null,
  source: "", subject: "", correlation_id: "", steps: {}, cost_usd_micros: 0, ...more,
});
const page = (ids: number[], next: string | null = null): Page => ({ runs: ids.map((id) => run(id)), next });
const event = (id: number, status: string): EventTold => ({
  type: "event", channel: "runs", id: `e${id}`, run_id: `r${id}`, correlation_id: "", status, at: "2026-11-22T08:00:09Z", recorded_at: "2026-11-22T08:00:09Z", position: `${id}`,
});
const ids = (rows: readonly Run[]) => rows.map((each) => each.run_id);

test("filters come back from the address as they went into it", () => {
  const search = "?workflow=lead-response&status=failed&from=2026-11-22T08%3A00%3A00Z&to=2026-11-23T08%3A00%3A00Z&cost=0.05&outcome=remediated&text=a%26b+%C3%A4";
  const filters = filtersOf(search);
  expect(filters).toMatchObject({ text: "a&b ä", cost: "0.05", from: "2026-11-22T08:00:00Z" });
  expect(searchOf(filters)).toBe(search);
  expect(filtersOf(searchOf(filters))).toEqual(filters);
  expect(searchOf(filtersOf("?other=1"))).toBe("");
});

test("the gateway is asked for whole micro-dollars, and for nothing that is wrong", () => {
  expect(asked(filtersOf("?cost=0.05&status=failed"))).toEqual({ query: { status: "failed", cost_min: "50000" }, wrong: {} });
  const { wrong } = asked(filtersOf("?cost=-1&status=nonsense&outcome=what&from=soon&to=2026"));
  expect(Object.keys(wrong).sort()).toEqual(["cost", "from", "outcome", "status"]);
  expect(asked(filtersOf("?from=2026-11-22T08:00:00Z&to=2026-11-22T08:00:00Z")).wrong.to).toBeTruthy();
  for (const [text, micros] of [["0", 0], ["12", 12_000_000], ["0.000001", 1], ["0.1", 100_000], ["0.0000001", null], ["1e3", null], [".5", null]] as const) expect(microsOf(text)).toBe(micros);
});

test("a moment is the same after it was shown in a field of local time", () => {
  for (const iso of ["2026-11-22T08:00:00Z", "2026-06-01T23:59:59Z"]) expect(momentOf(fieldOf(iso))).toBe(iso);
  expect(fieldOf("soon") + momentOf("") + momentOf("soon")).toBe("");
});

test("what is new waits while it is held, and what is shown changes where it stands", () => {
  const first = begun(page([3, 2, 1], "c"));
  const held = newest(first, { runs: [run(4), run(3, { status: "completed", ended_at: "x" }), run(2)], next: "d" }, true);
  expect(ids(held.shown)).toEqual(["r3", "r2", "r1"]);
  expect([held.shown[0]?.status, ids(held.waiting), held.next]).toEqual(["completed", ["r4"], "c"]);
  expect(held.shown[1]).toBe(first.shown[1]);
  expect(ids(letIn(held).shown)).toEqual(["r4", "r3", "r2", "r1"]);
  expect(ids(newest(first, page([4, 3, 2]), false).shown)).toEqual(["r4", "r3", "r2", "r1"]);
});

test("more new ones than a page begin the list anew, and a page that overlaps is shown once", () => {
  const held = newest(begun(page([2, 1], "c")), page([9, 8], "n"), true);
  expect(ids(held.shown)).toEqual(["r2", "r1"]);
  expect(letIn(held)).toEqual(begun(page([9, 8], "n")));
  expect(ids(older(begun(page([3, 2], "c")), page([2, 1])).shown)).toEqual(["r3", "r2", "r1"]);
});

test("what was told ends a run that is shown, and an older answer does not begin it again", () => {
  const rows = told(begun(page([2, 1])), [event(1, "completed"), event(1, "started"), event(7, "failed")]);
  expect(rows.shown[1]).toMatchObject({ status: "completed", ended_at: "2026-11-22T08:00:09Z" });
  expect(newest(rows, page([2, 1]), false).shown[1]?.status).toBe("completed");
  const same = begun(page([2]));
  expect(told(same, [event(7, "failed")])).toBe(same);
});

test("however much is told, it is asked again at most once a second, and once more after the last", () => {
  let time = 0;
  const later: { at: number; work: () => void }[] = [];
  const moments: number[] = [];
  const again = new Again(() => moments.push(time), { now: () => time, later: (work, ms) => void later.push({ at: time + ms, work }) });
  for (; time < 10_000; time += 50) {
    if (time < 5000) again.wanted();
    for (const due of later.splice(0).filter((each) => each.at <= time || !later.push(each))) due.work();
  }
  expect(moments.every((each, place) => !place || each - (moments[place - 1] ?? 0) >= PACE_MS)).toBe(true);
  expect(moments.at(-1)).toBeGreaterThanOrEqual(4950 + LATE_MS);
  expect(moments.length).toBeLessThanOrEqual(8);
});

test("so many events that some were forgotten are as good as any", () => {
  const events = [event(3, "a"), event(2, "a"), event(1, "a")];
  expect(since(events, events[1])).toEqual([events[0]]);
  expect(since(events, event(0, "a"))).toBeNull();
  expect(since(events, undefined)).toBe(events);
});
