/** What Live shows besides the events themselves: the channel `pulse` of /ws, once a second. */
import type { Told } from "./messages";
import type { Snapshot } from "./store";

/** A member that is null is not permitted, or not known now. */
export interface Pulse extends Told {
  type: "pulse";
  at: string;
  /** The tenant's, over ten seconds. */
  events_per_s: Record<string, number>;
  runs_open: number;
  troubles: { run_id: string; workflow: string; status: string; reason: string; at: string }[];
  /** Today, in UTC. */
  decisions: Record<string, number> | null;
  cost: { today_usd_micros: number; minute_usd_micros: number } | null;
  dead_letters: { today: number; all: number } | null;
  /** Records that a stage has not taken in yet. */
  lag: Record<string, number> | null;
  /** Of all tenants. */
  log_per_s: Record<string, number> | null;
}

/** Returns the newest pulse, null before the first; a gateway that has none tells none. */
export function pulseOf(snapshot: Snapshot): Pulse | null {
  return (snapshot.latest["pulse"] as Pulse | undefined) ?? null;
}
