/** The rows of the list while runs go on: what is shown stays where it is; what is new waits while somebody looks closely. */
import type { Answer } from "../../api/contract";
import type { EventTold } from "../../live/messages";

export type Page = Pick<Answer<"GET /workflows">, "runs" | "next">;
export type Run = Page["runs"][number];
const ENDS = new Set(["completed", "failed", "refused", "cancelled"]);

export interface Rows {
  shown: readonly Run[];
  /** New ones that are not shown yet. */
  waiting: readonly Run[];
  /** The cursor behind what is shown. */
  next: string | null;
  /** So many are new that the list cannot be whole with them: it begins anew from here. */
  anew: Page | null;
}

export function begun(page: Page): Rows {
  return { shown: page.runs, waiting: [], next: page.next, anew: null };
}

/** Takes in the newest page again; with `hold` what is new waits. */
export function newest(rows: Rows | null, page: Page, hold: boolean): Rows {
  if (!rows?.shown.length) return begun(page);
  const now = new Map(page.runs.map((run) => [run.run_id, run]));
  const known = new Set(rows.shown.map((run) => run.run_id));
  const fresh = page.runs.filter((run) => !known.has(run.run_id));
  const anew = fresh.length === page.runs.length && page.next !== null ? page : null;
  const found = { ...rows, shown: rows.shown.map((run) => newer(run, now.get(run.run_id))), waiting: fresh, anew };
  return hold ? found : letIn(found);
}

/** Shows what waits. */
export function letIn(rows: Rows): Rows {
  if (rows.anew) return begun(rows.anew);
  return rows.waiting.length ? { ...rows, shown: [...rows.waiting, ...rows.shown], waiting: [] } : rows;
}

/** Puts the next page behind what is shown. */
export function older(rows: Rows, page: Page): Rows {
  const known = new Set(rows.shown.map((run) => run.run_id));
  return { ...rows, shown: [...rows.shown, ...page.runs.filter((run) => !known.has(run.run_id))], next: page.next };
}

/** Changes what is shown by what was told, newest first: also what lies beyond the newest page, or no longer is what was asked for. */
export function told(rows: Rows, events: readonly EventTold[]): Rows {
  const last = new Map<string, EventTold>();
  for (const event of events) if (event.channel === "runs" && !last.has(event.run_id)) last.set(event.run_id, event);
  if (!rows.shown.some((run) => last.has(run.run_id))) return rows;
  return { ...rows, shown: rows.shown.map((run) => moved(run, last.get(run.run_id))) };
}

function moved(run: Run, event: EventTold | undefined): Run {
  if (!event || run.ended_at || run.status === event.status) return run;
  const ended = ENDS.has(event.status);
  return { ...run, status: event.status, reason: event.reason ?? run.reason, ended_at: ended ? event.at : null };
}

/** Returns the run as it is now: the same object when it is as it was, never one that ended as going on again. */
function newer(run: Run, now: Run | undefined): Run {
  if (!now || (run.ended_at && !now.ended_at)) return run;
  return JSON.stringify(run) === JSON.stringify(now) ? run : now;
}
