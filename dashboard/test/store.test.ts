import { expect, test } from "vitest";
import type { EventTold, Told } from "../src/live/messages";
import { read } from "../src/live/messages";
import { LiveStore, PACE_MS } from "../src/live/store";

class Hand {
  time = 1_000_000;
  #later: { at: number; work: () => void }[] = [];
  now = () => this.time;
  later = (work: () => void, ms: number) => void this.#later.push({ at: this.time + ms, work });
  go(ms: number) {
    this.time += ms;
    const due = this.#later.filter((each) => each.at <= this.time);
    this.#later = this.#later.filter((each) => each.at > this.time);
    for (const each of due) each.work();
  }
}

function event(number: number, more: Partial<EventTold> = {}): EventTold {
  const at = new Date(990_000).toISOString();
  return { type: "event", channel: "steps", id: `${number}`, run_id: "r", correlation_id: "c", status: "completed", at, recorded_at: at, position: `${number}`, ...more };
}

test("however much comes, the screen is told at most every quarter of a second", () => {
  const hand = new Hand();
  const store = new LiveStore(hand);
  let told = 0;
  store.subscribe(() => told++);
  for (let ms = 0; ms < 2000; ms++) {
    store.take([event(ms)]);
    hand.go(1);
  }
  hand.go(PACE_MS);
  expect(told).toBeLessThanOrEqual(2000 / PACE_MS + 2);
  expect(store.snapshot().series.steps.reduce<number>((sum, each) => sum + (each ?? 0), 0)).toBe(2000);
  expect(store.snapshot().events[0]?.id).toBe("1999");
});

test("of the time before it was told anything it says nothing, and then how much came, or none", () => {
  const hand = new Hand();
  const store = new LiveStore(hand);
  const shown = (back: number) => (hand.go(PACE_MS), store.snapshot().series.steps.at(back));
  store.tick();
  expect(shown(-1)).toBe(null);
  store.take([event(1)]);
  hand.go(3000);
  store.tick();
  expect([shown(-1), shown(-300)]).toEqual([0, null]);
  store.clear();
  expect(shown(-1)).toBe(null);
});

test("ten seconds of 2,000 events a second leave no more behind than is shown", () => {
  const hand = new Hand();
  const store = new LiveStore(hand);
  for (let frame = 0; frame < 100; frame++) {
    const text = Array.from({ length: 200 }, (_, number) => JSON.stringify(event(frame * 200 + number, { alert: number % 10 === 0 }))).join("\n");
    store.take(read(text));
    hand.go(100);
  }
  expect(store.snapshot().alerts.length).toBeLessThanOrEqual(100);
  expect(store.snapshot().events.length).toBeLessThanOrEqual(200);
});

test("counters, what was dropped and messages of later gateways are kept apart", () => {
  const hand = new Hand();
  const store = new LiveStore(hand);
  store.take([
    { type: "counters", since: "s", counts: { decisions: { allowed: 3 } }, position: "1" } as Told,
    { type: "behind", dropped: 7, position: "2" } as Told,
    { type: "pulse", position: "3" },
  ]);
  store.connected("lost", "no network");
  hand.go(PACE_MS);
  expect(store.snapshot()).toMatchObject({ counts: { decisions: { allowed: 3 } }, dropped: 7, connection: "lost", why: "no network", heardAt: 1_000_000 });
  expect(store.snapshot().latest["pulse"]).toMatchObject({ position: "3" });
  store.clear();
  hand.go(PACE_MS);
  expect(store.snapshot()).toMatchObject({ counts: {}, dropped: 0, heardAt: 0 });
});

test("a line that is no message is left out, the others are read", () => {
  expect(read('{"type":"alive","position":"a"}\nnonsense\n{"type":"ready","position":"b"}').map((each) => each.position)).toEqual(["a", "b"]);
});
