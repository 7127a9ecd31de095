import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Told } from "../src/live/messages";
import { type Connection, FIRST_MS, LiveSocket, LONGEST_MS, pause, SILENT_MS } from "../src/live/socket";

class Double {
  static made: Double[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = (_: { code: number; reason: string }) => {};
  closed = 0;
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Double.made.push(this);
  }
  sent: string[] = [];
  send(text: string) {
    this.sent.push(text);
  }
  close(code: number) {
    this.closed = code;
  }
}

let states: Connection[];
let told: Told[];
let renewals: boolean[];

function started(): LiveSocket {
  const socket = new LiveSocket(
    () => "ws://gateway/ws",
    {
      token: async (renew) => (renewals.push(renew), "secret"),
      told: (messages) => told.push(...messages),
      changed: (connection) => states.push(connection),
    },
    (url, protocols) => new Double(url, protocols) as unknown as WebSocket,
  );
  socket.start();
  return socket;
}

const last = () => Double.made.at(-1) as Double;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  [Double.made, states, told, renewals] = [[], [], [], []];
});
afterEach(() => vi.useRealTimers());

test("the pause doubles with each attempt, has an end, and differs from page to page", () => {
  expect(pause(0, 0)).toBe(FIRST_MS / 2);
  expect(pause(0, 1)).toBe(FIRST_MS);
  expect(pause(3, 1)).toBe(FIRST_MS * 8);
  expect(pause(1000, 1)).toBe(LONGEST_MS);
});

test("the token is offered as a subprotocol and never in the address", async () => {
  started();
  await settle();
  expect(last().protocols).toEqual(["auterity.v1", "auterity.bearer.secret"]);
  expect(last().url).toBe("ws://gateway/ws");
});

test("who comes back goes on behind the last position", async () => {
  started();
  await settle();
  last().onopen();
  last().onmessage({ data: '{"type":"ready","position":"p1"}\n{"type":"alive","position":"p 2"}' });
  last().onclose({ code: 1012, reason: "the gateway ends" });
  expect(states).toEqual(["connecting", "open", "lost"]);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  expect(Double.made).toHaveLength(2);
  expect(last().url).toBe("ws://gateway/ws?after=p%202");
  expect(told).toHaveLength(2);
});

test("when its session has ended it comes back with a newer one only", async () => {
  const socket = started();
  await settle();
  last().onopen();
  last().onclose({ code: 4401, reason: "" });
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  expect([renewals, Double.made.length]).toEqual([[false, true], 2]);
  last().onopen();
  last().onclose({ code: 4401, reason: "" });
  socket.stop(); // as the page does when nobody is signed in any more
  await vi.advanceTimersByTimeAsync(LONGEST_MS * 3);
  expect(Double.made).toHaveLength(2);
});

test("who may not look on is told so, and not tried again", async () => {
  started();
  await settle();
  last().onclose({ code: 4403, reason: "lacks runs:read" });
  await vi.advanceTimersByTimeAsync(LONGEST_MS * 3);
  expect([states.at(-1), Double.made.length]).toEqual(["refused", 1]);
});

test("a connection of which nothing is heard is given up and made anew", async () => {
  started();
  await settle();
  last().onopen();
  await vi.advanceTimersByTimeAsync(SILENT_MS);
  expect([Double.made[0]?.closed, states.at(-1)]).toEqual([4000, "lost"]);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  expect(Double.made).toHaveLength(2);
});

test("of handshakes that are refused the second is followed by a newer token, the third by a new beginning", async () => {
  started();
  await settle();
  last().onopen();
  last().onmessage({ data: '{"type":"alive","position":"old"}' });
  for (let number = 0; number < 4; number++) {
    last().onclose({ code: 1006, reason: "" });
    await vi.advanceTimersByTimeAsync(LONGEST_MS);
  }
  expect(renewals).toEqual([false, false, false, true, false]);
  expect(Double.made.map((each) => each.url.includes("after="))).toEqual([false, true, true, true, false]);
});

test("a gateway that does not know a channel is not asked for it again", async () => {
  started();
  await settle();
  last().onopen();
  expect(JSON.parse(last().sent[0] ?? "").channels).toContain("pulse");
  last().onclose({ code: 1008, reason: "" });
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  last().onopen();
  expect(last().sent).toEqual([]);
});

test("stopped, it stays so, and hurrying changes nothing", async () => {
  const socket = started();
  await settle();
  socket.stop();
  socket.hurry();
  await vi.advanceTimersByTimeAsync(LONGEST_MS * 2);
  expect([Double.made.length, Double.made[0]?.closed, states.at(-1)]).toEqual([1, 1000, "closed"]);
});
