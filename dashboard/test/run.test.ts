import { expect, test } from "vitest";
import { bar, moved, rounded, rows, shownSpan, ticks } from "../src/screens/run/layout";
import { type Call, type Decision, type Detail, type Entry, type Line, type Node, nodesByPlace, type Step, story } from "../src/screens/run/story";

const T0 = Date.parse("2026-11-22T08:00:00Z");
const iso = (ms: number) => new Date(T0 + ms).toISOString();

let offset = 0;
function line(topic: string, ms: number, status: string, more: Partial<Line> = {}): Line {
  const event_id = `e${++offset}`;
  return { at: iso(-9999), recorded_at: iso(ms), topic, event_id, causation_id: "", partition: 0, offset, step: "", attempt: 0, what: "", status, reason: "", ...more };
}
const of = ({ topic, partition, offset, event_id, at }: Line) => ({ topic, partition, offset, event_id, at });

function call(id: string, lines: readonly Line[], more: Partial<Call> = {}): Call {
  const [routed, started, done] = lines.slice(1);
  return {
    call_id: id, step: "ask", step_attempt: 1, status: "completed", reason: "", model: "big", provider: "p", task: "", input_tokens: 74, output_tokens: 22,
    cost_usd_micros: 405, saved_usd_micros: 0, latency_ms: 400, degraded: false, cached: "", cached_from: "", finish: "stop",
    routings: routed ? [{ ...of(routed), model: "big", route: "", constraints: [], ranking: [] }] : [],
    attempts: started && done ? [{ attempt: 1, model: "big", provider: "p", status: "completed", reason: "", hold_id: "h", input_tokens: 74, output_tokens: 22, cost_usd_micros: 405, latency_ms: 400, events: [started, done].map((each) => ({ ...of(each), status: each.status, level: "within", reason: "" })) }] : [],
    concealed: [], sanitised: [], ...more,
  };
}

function called(ms: number): Line[] {
  const first = line("ai-calls", ms, "requested", { step: "ask" });
  const rest = (["routed", "started", "completed"] as const).map((status, number) => line("ai-calls", ms + 10 * (number + 1), status, { step: "ask", causation_id: first.event_id }));
  return [first, ...rest];
}

function entry(kind: string, ms: number, call_id: string, amount: number): Entry {
  return {
    sequence: ++offset, event_id: `e${offset}`, causation_id: "", at: iso(ms), recorded_at: iso(ms), topic: "budget-entries", partition: 0, offset, kind, hold_id: "h", run_id: "r", step: "ask", call_id,
    attempt: 1, model: "big", provider: "p", workflow: "w", principal: "", team: "", amount_usd_micros: amount, held_usd_micros: 0, billed_usd_micros: 0, in_doubt: false, level: "within", reason: "",
  };
}

function detail(status = "completed"): { told: Detail; calls: Line[][] } {
  offset = 0;
  const request = line("requests", 0, "run", { what: "lead created" });
  const began = line("workflow-runs", 100, "started");
  const asked = line("agent-steps", 90, "requested", { step: "ask", attempt: 1 });
  const before = line("compliance-decisions", 120, "allowed", { step: "ask", attempt: 1 });
  const calls = [called(150), called(300)];
  const performed = line("agent-steps", 400, "performed", { step: "ask", attempt: 1, what: "analysis, ask" });
  const done = line("agent-steps", 500, "completed", { step: "ask", attempt: 1 });
  const stray = line("agent-steps", 510, "requested", { step: "unknown", attempt: 7 });
  const ended = line("workflow-runs", 520, "completed");
  const decision: Decision = { ...of(before), step: "ask", attempt: 1, phase: "before", outcome: "allowed", rules: "r", rules_version: 1, restriction: "", findings: [] };
  const step: Step = { step: "ask", attempt: 1, agent: "analysis", uses: "ask", status: "completed", reason: "", began_at: iso(-9999), ended_at: iso(-9999), decisions: [decision], calls: calls.map((lines, number) => call(`c${number}`, lines)) };
  const run = { run_id: "r", workflow: "w", version: 1, status, reason: "", began_at: iso(-9999), ended_at: null, source: "s", subject: "x", correlation_id: "", steps: {}, cost_usd_micros: 810 };
  const told: Detail = {
    run, steps: [step], cut: false, as_of: null,
    timeline: [request, asked, began, before, ...calls.flat(), performed, done, stray, ended],
    budget_entries: [entry("held", 155, "c0", 2440), entry("settled", 700, "c0", 405), entry("adjusted", 800, "gone", 1)],
  };
  return { told, calls };
}

const titles = (node: Node): string => node.title + (node.children.length ? `(${node.children.map(titles).join(" ")})` : "");

test("a run is told from the request to the dollar, each thing within what it belongs to", () => {
  const root = story(detail().told);
  expect(titles(root)).toBe(
    "w(lead created ask(decided before model call(routed attempt 1(held settled)) model call(routed attempt 1) performed) agent-steps adjusted)",
  );
  expect([root.begin - T0, (root.end ?? 0) - T0, root.cost]).toEqual([0, 800, 810]);
});

test("every event of the timeline and of the accounts stands at one node", () => {
  const { told } = detail();
  const nodes = nodesByPlace(story(told));
  for (const each of [...told.timeline, ...told.budget_entries]) expect(nodes.has(`${each.topic}/${each.partition}/${each.offset}`)).toBe(true);
  let events = 0;
  const count = (node: Node) => {
    events += node.events.length;
    node.children.forEach(count);
  };
  count(story(told));
  expect(events).toBe(told.timeline.length + told.budget_entries.length);
});

test("two calls of a step keep their own events, though a line does not name its call", () => {
  const { told, calls } = detail();
  const nodes = nodesByPlace(story(told));
  const first = calls.map((lines) => nodes.get(`ai-calls/0/${lines[0]?.offset}`));
  expect(first.map((node) => node?.of.kind === "call" && node.of.call.call_id)).toEqual(["c0", "c1"]);
  expect(first.map((node) => node?.events.length)).toEqual([1, 1]);
});

test("who may see neither decisions nor accounts is told the rest, and a run without events is told too", () => {
  const { told } = detail();
  const less = { ...told, budget_entries: [], timeline: told.timeline.filter((each) => each.topic !== "compliance-decisions"), steps: told.steps.map((step) => ({ ...step, decisions: [] })) };
  expect(titles(story(less))).toBe("w(lead created ask(model call(routed attempt 1) model call(routed attempt 1) performed) agent-steps)");
  const bare = story({ ...told, timeline: [], steps: [], budget_entries: [] });
  expect([bare.id, bare.begin]).toEqual(["run", T0 - 9999]);
});

test("bars stand where the log took the events, and what goes on ends now", () => {
  const root = story(detail().told);
  const span = shownSpan(root, 0);
  expect(bar(root, span, 0).left).toBe(0);
  const step = root.children[1];
  expect(step && bar(step, span, 0)).toMatchObject({ left: expect.closeTo((90 / 816) * 100, 3), width: expect.closeTo((410 / 816) * 100, 3) });
  const on = story(detail("started").told);
  expect(on.end).toBeNull();
  const open = shownSpan(on, T0 + 1200);
  expect(open.end - open.begin).toBe(2000);
  expect(bar(on, open, T0 + 1200)).toEqual({ left: 0, width: 60 });
  expect(bar(on, open, T0 - 5000).width).toBe(0); // the clock of this machine is behind
});

test("nothing goes on in what has ended: not an attempt that was downgraded, not a step of a run that was cancelled", () => {
  const { told } = detail();
  const steps = told.steps.map((step) => ({ ...step, status: "requested", calls: step.calls.map((each) => ({ ...each, attempts: each.attempts.map((one) => ({ ...one, status: "downgraded" })) })) }));
  const ends = (node: Node): (number | null)[] => [node.end, ...node.children.flatMap(ends)];
  expect(ends(story({ ...told, run: { ...told.run, status: "cancelled" }, steps }))).not.toContain(null);
  const going = story({ ...told, run: { ...told.run, status: "started" }, steps });
  expect(going.children[1]?.end).toBeNull();
  expect(going.children[1]?.children.flatMap(ends)).not.toContain(null);
});

test("a line of time has a few round marks, however long it is", () => {
  for (const ms of [1, 7, 130, 999, 2000, 61_000, 3.7e6, 9e7, 4e9]) {
    const found = ticks({ begin: 0, end: ms });
    expect(found.length).toBeGreaterThanOrEqual(1);
    expect(found.length).toBeLessThanOrEqual(7);
    expect(found.every(({ left }) => left >= 0 && left <= 100)).toBe(true);
  }
  expect([1, 3, 10, 11, 600, 5001].map(rounded)).toEqual([1, 5, 10, 20, 1000, 10_000]);
});

test("keys go through what is open, close and open it", () => {
  const root = story(detail().told);
  const all = rows(root, new Set());
  expect(all.map((row) => row.level)).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 3, 4, 4, 3, 2, 2]);
  const ask = root.children[1]?.id ?? "";
  const closed = new Set([ask]);
  const fewer = rows(root, closed);
  expect(fewer.map((row) => [row.node.title, row.place, row.of].join())).toEqual(["w,1,1", "lead created,1,4", "ask,2,4", "agent-steps,3,4", "adjusted,4,4"]);
  expect(moved(fewer, ask, "ArrowRight", closed)).toEqual({ toggle: ask });
  expect(moved(fewer, ask, "ArrowLeft", closed)).toEqual({ to: root.id });
  expect(moved(all, ask, "ArrowLeft", new Set())).toEqual({ toggle: ask });
  expect(moved(all, ask, "ArrowRight", new Set())).toEqual({ to: all[3]?.node.id });
  expect(moved(all, root.id, "End", new Set())).toEqual({ to: all.at(-1)?.node.id });
  expect(moved(all, all.at(-1)?.node.id ?? "", "ArrowDown", new Set())).toEqual({ to: all.at(-1)?.node.id });
  expect(moved(all, ask, "x", new Set())).toEqual({});
});
