import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../src/api/client";
import { Problem } from "../src/api/problem";
import type { Session } from "../src/session/session";
import { StepUp } from "../src/session/step-up";

const OLD = { detail: "log in again", reauthenticate: { max_age_s: 900 } };
let answers: [number, unknown][];
let sent: { token: string; key: string; body: string }[];
let token: string;
const of = { token: async () => token } as Session;

beforeEach(() => {
  [answers, sent, token] = [[], [], "old"];
  vi.stubGlobal("fetch", async (_: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
    sent.push({ token: headers["Authorization"] ?? "", key: headers["Idempotency-Key"] ?? "", body });
    const [status, said] = answers.shift() ?? [500, {}];
    return new Response(JSON.stringify(said), { status });
  });
});
afterEach(() => vi.unstubAllGlobals());

test("what takes a newer log-in waits for it, and is sent again as it was, with the new session", async () => {
  answers = [[403, OLD], [200, { key: "made" }]];
  const ask = vi.fn(async () => ((token = "new"), true));
  await expect(call("/keys", { method: "POST", body: { days: 1 }, idempotencyKey: "k" }, of, { ask })).resolves.toEqual({ key: "made" });
  expect(sent).toEqual([
    { token: "Bearer old", key: "k", body: '{"days":1}' },
    { token: "Bearer new", key: "k", body: '{"days":1}' },
  ]);
});

test("who would rather not gets the refusal, and nothing is sent again", async () => {
  answers = [[403, OLD]];
  await expect(call("/keys", { method: "POST", body: {} }, of, { ask: async () => false })).rejects.toMatchObject({ status: 403, detail: "log in again" });
  expect(sent).toHaveLength(1);
});

test("another refusal asks for no log-in", async () => {
  answers = [[403, { detail: "it needs keys:manage" }]];
  const ask = vi.fn(async () => true);
  await expect(call("/keys", {}, of, { ask })).rejects.toBeInstanceOf(Problem);
  expect(ask).not.toHaveBeenCalled();
});

test("a password or a code that is not good is tried once, and ends no session", async () => {
  const renewed = vi.fn(async () => "new");
  const ended = vi.fn();
  const session = { ...of, renewed, ended } as unknown as Session;
  answers = [[401, { detail: "the code is not good", needs: "code" }]];
  await expect(call("/auth/totp", { method: "DELETE", body: {} }, session)).rejects.toMatchObject({ needs: "code" });
  expect([sent.length, renewed.mock.calls.length, ended.mock.calls.length]).toEqual([1, 0, 0]);

  answers = [[401, { detail: "no valid credentials" }], [401, { detail: "no valid credentials", needs: "password" }]];
  await expect(call("/auth/totp", { method: "POST", body: {} }, session)).rejects.toMatchObject({ needs: "password" });
  expect([sent.length, renewed.mock.calls.length, ended.mock.calls.length]).toEqual([3, 1, 0]);

  answers = [[401, {}], [401, {}]];
  await expect(call("/me", {}, session)).rejects.toMatchObject({ status: 401 });
  expect([sent.length, renewed.mock.calls.length, ended.mock.calls.length]).toEqual([5, 2, 1]);
});

test("several calls wait for one log-in, and without a dialog none waits", async () => {
  const steps = new StepUp();
  expect(await steps.ask()).toBe(false);
  const told = vi.fn();
  const leave = steps.subscribe(told);
  const waiting = [steps.ask(), steps.ask()];
  expect(steps.asked()).toBe(true);
  steps.settle(true);
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect([steps.asked(), told.mock.calls.length]).toEqual([false, 3]);
  leave();
});
