/** A run as a tree, from the request to the dollar: what happened within what, by when the log took each event. */
import type { Answer } from "../../api/contract";

export type Detail = Omit<Answer<"GET /workflows/{id}">, "correlation_id">;
export type Line = Detail["timeline"][number];
export type Step = Detail["steps"][number];
export type Decision = Step["decisions"][number];
export type Call = Step["calls"][number];
export type Routing = Call["routings"][number];
export type Attempt = Call["attempts"][number];
export type Entry = Detail["budget_entries"][number];

export interface Place {
  topic: string;
  partition: number;
  offset: number;
}

/** An event of a node, where it lies, and when the log took it (milliseconds of the epoch). */
export interface Seen extends Place {
  at: number;
  status: string;
  reason: string;
}

export type Of =
  | { kind: "run" | "request" | "effect" | "event" }
  | { kind: "step"; step: Step }
  | { kind: "decision"; decision: Decision }
  | { kind: "call"; call: Call }
  | { kind: "routing"; routing: Routing }
  | { kind: "attempt"; attempt: Attempt }
  | { kind: "money"; entry: Entry };

export interface Node {
  id: string;
  of: Of;
  title: string;
  note: string;
  status: string;
  begin: number;
  /** Null: it goes on. */
  end: number | null;
  /** In micro-dollars; null where there is none to tell. */
  cost: number | null;
  events: readonly Seen[];
  children: readonly Node[];
}

const ENDS = new Set(["completed", "failed", "refused", "cancelled", "skipped", "attempt_failed", "in_doubt", "downgraded"]);

export const placed = ({ topic, partition, offset }: Place): string => `${topic}/${partition}/${offset}`;
export const over = (status: string): boolean => ENDS.has(status);

/** Returns the run, with all that belongs to it below it; every event of its timeline stands at one node. */
export function story(detail: Detail): Node {
  const told = new Telling(detail);
  const steps = detail.steps.map((step) => told.step(step));
  const request = told.taken((line) => line.topic === "requests" || line.topic === "business-events");
  const own = told.taken((line) => line.topic === "workflow-runs").map(seen);
  const loose = detail.budget_entries.filter((entry) => !told.entered.has(entry)).map(money);
  const rest = told.taken(() => true).map((line) => point(line, "event"));
  const { run } = detail;
  const children = ordered([...request.map((line) => point(line, "request")), ...steps, ...loose, ...rest]);
  const all = [...own.map((each) => each.at), ...children.flatMap(moments)];
  return {
    id: own[0] ? placed(own[0]) : "run",
    of: { kind: "run" },
    title: run.workflow,
    note: run.subject,
    status: run.status,
    begin: least(all, run.began_at),
    end: over(run.status) ? most(all, run.ended_at) : null,
    cost: run.cost_usd_micros,
    events: own,
    children,
  };
}

/** Returns the node at which each event stands, by its place. */
export function nodesByPlace(root: Node, found = new Map<string, Node>()): Map<string, Node> {
  for (const each of root.events) found.set(placed(each), root);
  found.set(root.id, root);
  for (const child of root.children) nodesByPlace(child, found);
  return found;
}

class Telling {
  readonly entered = new Set<Entry>();
  #left: Line[];
  #byPlace: Map<string, Line>;
  /** Of each event of a call, the one that all of its events follow from. */
  #origin: Map<string, string>;

  constructor(private readonly detail: Detail) {
    this.#left = [...detail.timeline];
    this.#byPlace = new Map(detail.timeline.map((line) => [placed(line), line]));
    this.#origin = origins(detail.timeline.filter((line) => line.topic === "ai-calls"));
  }

  /** Returns the lines that are like this and stand nowhere yet; now they do. */
  taken(like: (line: Line) => boolean): Line[] {
    const found = this.#left.filter(like);
    this.#left = this.#left.filter((line) => !found.includes(line));
    return found;
  }

  step(step: Step): Node {
    const mine = this.taken((line) => line.topic === "agent-steps" && line.step === step.step && line.attempt === step.attempt);
    const own = mine.filter((line) => line.status !== "performed").map(seen);
    const calls = step.calls.map((call) => this.#call(call, step.calls.length === 1));
    const effects = mine.filter((line) => line.status === "performed").map((line) => ({ ...point(line, "effect"), title: "performed", note: line.what }));
    const children = ordered([...step.decisions.map((each) => this.#decision(each)), ...calls, ...effects]);
    const all = [...own.map((each) => each.at), ...children.flatMap(moments)];
    const costs = step.calls.map((call) => call.cost_usd_micros);
    return {
      id: own[0] ? placed(own[0]) : `step/${step.step}/${step.attempt}`,
      of: { kind: "step", step },
      title: step.step,
      note: [`${step.agent}, ${step.uses}`, step.attempt > 1 && `attempt ${step.attempt}`].filter(Boolean).join(", "),
      status: step.status,
      begin: least(all, step.began_at),
      end: this.#over(step.status) ? most(own.length ? own.map((each) => each.at) : all, step.ended_at) : null,
      cost: costs.length ? costs.reduce((sum, each) => sum + each, 0) : null,
      events: own,
      children,
    };
  }

  #decision(decision: Decision): Node {
    const rules = [...new Set(decision.findings.map((each) => each.rule))].join(", ");
    return { ...this.#at(decision, decision.outcome, rules), of: { kind: "decision", decision }, title: `decided ${decision.phase}`, note: rules };
  }

  #call(call: Call, only: boolean): Node {
    const inner = [...call.routings, ...call.attempts.flatMap((attempt) => attempt.events)];
    const origin = inner.map((each) => this.#origin.get(each.event_id)).find(Boolean);
    const children = ordered([...call.routings.map((each) => this.#routing(each)), ...call.attempts.map((each) => this.#attempt(call, each))]);
    const own = this.taken((line) => line.topic === "ai-calls" && line.step === call.step && (only || (origin !== undefined && this.#origin.get(line.event_id) === origin)));
    const entries = this.#entries((entry) => entry.call_id === call.call_id);
    const all = [...own.map((line) => seen(line).at), ...children.flatMap(moments)];
    return {
      id: own[0] ? placed(own[0]) : `call/${call.call_id}`,
      of: { kind: "call", call },
      title: "model call",
      note: [call.model, call.task, call.cached && `from the cache: ${call.cached}`, call.degraded && "degraded"].filter(Boolean).join(", "),
      status: call.status,
      begin: least(all, null),
      end: this.#over(call.status) ? most(all, null) : null,
      cost: call.cost_usd_micros,
      events: own.map(seen),
      children: ordered([...children, ...entries]),
    };
  }

  #routing(routing: Routing): Node {
    return { ...this.#at(routing, "routed", ""), of: { kind: "routing", routing }, title: "routed", note: `${routing.model}, of ${routing.ranking.length}` };
  }

  #attempt(call: Call, attempt: Attempt): Node {
    const own = attempt.events.map((each) => this.#at(each, each.status, each.reason)).flatMap((each) => each.events);
    const all = own.map((each) => each.at);
    return {
      id: own[0] ? placed(own[0]) : `attempt/${call.call_id}/${attempt.attempt}`,
      of: { kind: "attempt", attempt },
      title: `attempt ${attempt.attempt}`,
      note: attempt.model,
      status: attempt.status,
      begin: least(all, null),
      end: this.#over(attempt.status) || over(call.status) ? most(all, null) : null,
      cost: attempt.cost_usd_micros,
      events: own,
      children: ordered(this.#entries((entry) => entry.call_id === call.call_id && entry.attempt === attempt.attempt)),
    };
  }

  /** Nothing goes on in a run that has ended, whatever was said last of it. */
  #over(status: string): boolean {
    return over(status) || over(this.detail.run.status);
  }

  #entries(like: (entry: Entry) => boolean): Node[] {
    const found = this.detail.budget_entries.filter((entry) => like(entry) && !this.entered.has(entry));
    for (const entry of found) this.entered.add(entry);
    return found.map(money);
  }

  /** Returns a moment as a node: by when the log took it if the timeline has it, else by when it says it happened. */
  #at(lies: Place & { at: string }, status: string, reason: string): Node {
    const id = placed(lies);
    const line = this.#byPlace.get(id);
    this.taken((each) => each === line);
    const at = Date.parse(line?.recorded_at ?? lies.at);
    const { topic, partition, offset } = lies;
    const event: Seen = { topic, partition, offset, at, status, reason };
    return { id, of: { kind: "event" }, title: "", note: "", status, begin: at, end: at, cost: null, events: [event], children: [] };
  }
}

function origins(lines: readonly Line[]): Map<string, string> {
  const cause = new Map(lines.map((line) => [line.event_id, line.causation_id]));
  const found = new Map<string, string>();
  for (const { event_id } of lines) {
    let origin = event_id;
    for (let step = 0; step < lines.length && cause.has(cause.get(origin) ?? ""); step++) origin = cause.get(origin) ?? origin;
    found.set(event_id, origin);
  }
  return found;
}

function seen({ topic, partition, offset, recorded_at, status, reason }: Line): Seen {
  return { topic, partition, offset, at: Date.parse(recorded_at), status, reason };
}

function point(line: Line, kind: "request" | "effect" | "event"): Node {
  const event = seen(line);
  const title = kind === "request" ? line.what || line.topic : line.topic;
  const note = kind === "request" ? "" : [line.step, line.what].filter(Boolean).join(", ");
  return { id: placed(line), of: { kind }, title, note, status: line.status, begin: event.at, end: event.at, cost: null, events: [event], children: [] };
}

function money(entry: Entry): Node {
  const { topic, partition, offset, reason, kind: status } = entry;
  const at = Date.parse(entry.recorded_at);
  const note = entry.in_doubt ? "in doubt" : entry.level === "unknown" ? "" : entry.level;
  return { id: placed(entry), of: { kind: "money", entry }, title: entry.kind.replaceAll("_", " "), note, status, begin: at, end: at, cost: entry.amount_usd_micros, events: [{ topic, partition, offset, at, status, reason }], children: [] };
}

const moments = (node: Node): number[] => [node.begin, ...(node.end === null ? [] : [node.end])];
const ordered = (nodes: readonly Node[]): Node[] => nodes.toSorted((one, other) => one.begin - other.begin || turn(one) - turn(other));
/** What the log took in the same millisecond stands in the order in which it follows. */
function turn({ of }: Node): number {
  if (of.kind === "decision") return of.decision.phase === "after" ? 3 : 0;
  return of.kind === "effect" ? 2 : 1;
}

const least = (all: readonly number[], else_: string | null): number => (all.length ? Math.min(...all) : Date.parse(else_ ?? "") || 0);
const most = (all: readonly number[], else_: string | null): number => (all.length ? Math.max(...all) : Date.parse(else_ ?? "") || 0);
