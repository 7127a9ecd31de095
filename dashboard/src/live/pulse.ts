/** What Live shows besides the events themselves: told by the channel `pulse` of /ws where the gateway has it, else asked for. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { useMay } from "../session/hooks";
import type { Told } from "./messages";
import type { Snapshot } from "./store";

export interface Pulse extends Told {
  type: "pulse";
  /** Events per second by topic. */
  topics?: Record<string, number>;
  in_flight?: number;
  /** Records not yet taken in, by stage. */
  lag?: Record<string, number>;
  dead_letters?: number;
  cost_today_usd_micros?: number;
  cost_minute_usd_micros?: number;
}

export interface Known {
  /** `more` when there are more than are counted. */
  inFlight: { count: number; more: boolean } | null;
  deadLetters: { count: number; more: boolean } | null;
  costToday: number | null;
  costMinute: number | null;
  lag: Record<string, number> | null;
}

const EVERY_MS = 5_000;
const COUNTED_MAX = 200;

interface Page {
  next: string | null;
}

export function usePulse(snapshot: Snapshot): Known {
  const pulse = snapshot.latest["pulse"] as Pulse | undefined;
  const [runs, mended, money] = [useMay("runs:read"), useMay("dead-letters:read"), useMay("money:read")];
  const inFlight = useCount("/workflows", { status: "started" }, "runs", runs && pulse?.in_flight === undefined);
  const letters = useCount("/dead-letters", {}, "dead_letters", mended && pulse?.dead_letters === undefined);
  const spent = useSpent(money && pulse?.cost_today_usd_micros === undefined);
  return {
    inFlight: pulse?.in_flight === undefined ? inFlight : { count: pulse.in_flight, more: false },
    deadLetters: pulse?.dead_letters === undefined ? letters : { count: pulse.dead_letters, more: false },
    costToday: pulse?.cost_today_usd_micros ?? spent,
    costMinute: pulse?.cost_minute_usd_micros ?? null,
    lag: pulse?.lag ?? null,
  };
}

function useCount(path: string, query: Record<string, string>, member: string, on: boolean) {
  const { data } = useQuery({
    queryKey: ["count", path, query],
    queryFn: ({ signal }) => call<Page & Record<string, unknown>>(path, { query: { ...query, limit: COUNTED_MAX }, signal }),
    enabled: on,
    refetchInterval: (asked) => (asked.state.error ? false : EVERY_MS),
    retry: false,
  });
  const rows = data?.[member];
  return Array.isArray(rows) ? { count: rows.length, more: data?.next != null } : null;
}

function useSpent(on: boolean): number | null {
  const today = new Date().toISOString().slice(0, 10);
  const { data } = useQuery({
    queryKey: ["spent", today],
    queryFn: ({ signal }) => call<{ billed_usd_micros: number }>("/ledger", { query: { by: "day", from: `${today}T00:00:00Z` }, signal }),
    enabled: on,
    refetchInterval: (asked) => (asked.state.error ? false : EVERY_MS),
    retry: false,
  });
  return data?.billed_usd_micros ?? null;
}
