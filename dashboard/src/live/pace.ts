/** When to ask again: at most once a second, and once more when read models have caught up. */
import type { EventTold } from "./messages";
import type { Clock } from "./store";

export const PACE_MS = 1000;
/** Read models come behind the log: what is asked at once may not have it yet. */
export const LATE_MS = 1500;
const CLOCK: Clock = { now: () => Date.now(), later: (work, ms) => void setTimeout(work, ms) };

export class Again {
  #waiting = false;
  #stopped = false;
  #askedAt = -Infinity;
  #until = -Infinity;

  constructor(
    private readonly ask: () => void,
    private readonly clock: Clock = CLOCK,
  ) {}

  wanted(): void {
    this.#until = this.clock.now() + LATE_MS;
    this.#plan(this.#askedAt + PACE_MS);
  }

  stop(): void {
    this.#stopped = true;
  }

  #plan(at: number): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.clock.later(() => {
      this.#waiting = false;
      if (this.#stopped) return;
      this.#askedAt = this.clock.now();
      this.ask();
      if (this.#until > this.#askedAt) this.#plan(Math.max(this.#until, this.#askedAt + PACE_MS));
    }, Math.max(0, at - this.clock.now()));
  }
}

/** Returns the events, newest first, that came since this one; null when so many came that some are forgotten. */
export function since(events: readonly EventTold[], seen: EventTold | undefined): readonly EventTold[] | null {
  if (!seen) return events;
  const place = events.indexOf(seen);
  return place < 0 ? null : events.slice(0, place);
}
