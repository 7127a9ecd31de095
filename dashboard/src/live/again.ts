/** Asks again when something is told that a screen shows. */
import { useEffect, useRef } from "react";
import { live } from "./live";
import type { EventTold } from "./messages";
import { Again, since } from "./pace";
import type { Snapshot } from "./store";

/** Calls `ask` when an event came that concerns the screen, and `told` with all that came, at most four times a second. */
export function useAskAgain(concerns: (told: EventTold) => boolean, ask: () => void, told?: (events: readonly EventTold[]) => void): void {
  const now = useRef({ concerns, ask, told });
  now.current = { concerns, ask, told };
  useEffect(() => {
    const again = new Again(() => now.current.ask());
    let before: Snapshot = live.snapshot();
    const stop = live.subscribe(() => {
      const snapshot = live.snapshot();
      const came = since(snapshot.events, before.events[0]);
      const back = snapshot.connection === "open" && before.connection !== "open";
      before = snapshot;
      if (came?.length) now.current.told?.(came);
      if (!came || back || came.some((each) => now.current.concerns(each))) again.wanted();
    });
    return () => {
      stop();
      again.stop();
    };
  }, []);
}
