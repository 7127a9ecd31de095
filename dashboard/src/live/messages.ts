/** What /ws tells; see docs/live.md. */

export interface Told {
  type: "event" | "counters" | "ready" | "behind" | "reset" | "alive" | "pulse";
  position: string;
}

export interface EventTold extends Told {
  type: "event";
  channel: "runs" | "steps" | "decisions";
  id: string;
  run_id: string;
  correlation_id: string;
  status: string;
  at: string;
  recorded_at: string;
  alert?: boolean;
  workflow?: string;
  step?: string;
  attempt?: number;
  agent?: string;
  phase?: string;
  rules?: string[];
  reason?: string;
}

export type Counts = Record<string, Record<string, number>>;

export interface CountersTold extends Told {
  type: "counters";
  since: string;
  counts: Counts;
}

export interface BehindTold extends Told {
  type: "behind";
  dropped: number;
}

/** Returns the messages of a frame, a line each; what is not understood is left out. */
export function read(frame: string): Told[] {
  const found: Told[] = [];
  for (const line of frame.split("\n")) {
    try {
      found.push(JSON.parse(line) as Told);
    } catch {
      // a line of a later protocol
    }
  }
  return found;
}
