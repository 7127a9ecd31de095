/** What happened last, kept small, and told to the screen at most four times a second however much comes. */
import type { BehindTold, Counts, CountersTold, EventTold, Told } from "./messages";
import type { Connection } from "./socket";

export const PACE_MS = 250;
/** Seconds that a series reaches back. */
export const SECONDS = 300;
const ALERTS_MAX = 50;
const EVENTS_MAX = 100;
const CHANNELS = ["runs", "steps", "decisions"] as const;
/** Null: nobody listened then. */
export type Series = Record<(typeof CHANNELS)[number], readonly (number | null)[]>;

export interface Snapshot {
  connection: Connection;
  /** Why the connection is what it is. */
  why: string;
  /** When something was heard last, by this machine's clock; 0 before that. */
  heardAt: number;
  /** Events per second, the oldest first; the last is the second before this one. */
  series: Series;
  /** The second (of the epoch) that the last number of each series stands for. */
  second: number;
  counts: Counts;
  countedSince: string;
  alerts: readonly EventTold[];
  events: readonly EventTold[];
  /** Messages that were lost to this page as it was too slow. */
  dropped: number;
  /** The last message of another kind, by its type. */
  latest: Readonly<Record<string, Told>>;
}

export interface Clock {
  now(): number;
  later(work: () => void, ms: number): void;
}

const CLOCK: Clock = { now: () => Date.now(), later: (work, ms) => void setTimeout(work, ms) };

export class LiveStore {
  #listeners = new Set<() => void>();
  #waiting = false;
  #shownAt = -Infinity;
  #connection: Connection = "closed";
  #why = "";
  #heardAt = 0;
  #seconds = new Map<number, [number, number, number]>();
  /** The second in which something was heard first. */
  #from = Infinity;
  #counts: Counts = {};
  #since = "";
  #alerts: EventTold[] = [];
  #events: EventTold[] = [];
  #dropped = 0;
  #latest: Record<string, Told> = {};
  #snapshot: Snapshot;

  constructor(private readonly clock: Clock = CLOCK) {
    this.#snapshot = this.#made();
  }

  snapshot = (): Snapshot => this.#snapshot;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes in messages: cheap for each, as nothing is made of them before the screen is due. */
  take(messages: readonly Told[]): void {
    this.#heardAt = this.clock.now();
    this.#from = Math.min(this.#from, Math.floor(this.#heardAt / 1000));
    for (const message of messages) {
      if (message.type === "event") this.#event(message as EventTold);
      else if (message.type === "counters") {
        const { counts, since } = message as CountersTold;
        [this.#counts, this.#since] = [counts, since];
      } else if (message.type === "behind") this.#dropped += (message as BehindTold).dropped;
      else this.#latest[message.type] = message;
    }
    this.#soon();
  }

  connected(connection: Connection, why: string): void {
    [this.#connection, this.#why] = [connection, why];
    this.#soon();
  }

  /** Forgets everything: somebody else signs in. */
  clear(): void {
    this.#seconds.clear();
    this.#from = Infinity;
    [this.#counts, this.#since, this.#heardAt, this.#dropped, this.#latest] = [{}, "", 0, 0, {}];
    [this.#alerts, this.#events] = [[], []];
    this.#soon();
  }

  /** Moves the series on although nothing came. */
  tick(): void {
    this.#soon();
  }

  #event(told: EventTold): void {
    const second = Math.floor(Date.parse(told.recorded_at) / 1000);
    let counted = this.#seconds.get(second);
    if (!counted) this.#seconds.set(second, (counted = [0, 0, 0]));
    const place = CHANNELS.indexOf(told.channel);
    counted[place] = (counted[place] ?? 0) + 1;
    if (told.alert) kept(this.#alerts, told, ALERTS_MAX);
    kept(this.#events, told, EVENTS_MAX);
  }

  #soon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.clock.later(
      () => {
        this.#waiting = false;
        this.#shownAt = this.clock.now();
        this.#snapshot = this.#made();
        for (const listener of this.#listeners) listener();
      },
      Math.max(0, this.#shownAt + PACE_MS - this.clock.now()),
    );
  }

  #made(): Snapshot {
    const second = Math.floor(this.clock.now() / 1000) - 1;
    for (const each of this.#seconds.keys()) if (each <= second - SECONDS) this.#seconds.delete(each);
    const at = (moment: number, place: number) => this.#seconds.get(moment)?.[place] ?? (moment < this.#from ? null : 0);
    const of = (place: number) => Array.from({ length: SECONDS }, (_, back) => at(second - SECONDS + 1 + back, place));
    return {
      connection: this.#connection,
      why: this.#why,
      heardAt: this.#heardAt,
      series: { runs: of(0), steps: of(1), decisions: of(2) },
      second,
      counts: this.#counts,
      countedSince: this.#since,
      alerts: this.#alerts.toReversed(),
      events: this.#events.toReversed(),
      dropped: this.#dropped,
      latest: { ...this.#latest },
    };
  }
}

function kept(list: EventTold[], told: EventTold, max: number): void {
  list.push(told);
  if (list.length > 2 * max) list.splice(0, list.length - max);
}
