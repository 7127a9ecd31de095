/** How long something took, or has taken so far. */
import { useEffect, useState } from "react";
import { span, took } from "../../format/numbers";

const TICK_MS = 1000;

export function Duration({ began, ended }: { began: string | null; ended: string | null }) {
  const now = useNow(began !== null && ended === null);
  if (!began) return <span className="text-muted">–</span>;
  const ms = Math.max(0, (ended ? Date.parse(ended) : now) - Date.parse(began));
  return (
    <span className="whitespace-nowrap" title={ended ? `${ms} ms, from event to event` : "so far"}>
      {ended ? took(ms) : span(ms)}
      {!ended && <span className="text-muted"> so far</span>}
    </span>
  );
}

/** Returns the time of this machine, told each second while it is wanted. */
export function useNow(on: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}
