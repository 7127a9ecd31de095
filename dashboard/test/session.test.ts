import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../src/api/client";
import { Session } from "../src/session/session";

/** A gateway with one session at a time: `epoch` names it, and what renews it is the cookie that its answers set. */
let epoch: number;
let cookie: number;
let renewals: number;
let confirmed: Promise<void>;
let session: Session;

const tokens = () => ({ access_token: `token ${epoch}`, expires_in: 3600 });
const answer = (status: number, said: unknown) => new Response(JSON.stringify(said), { status });

beforeEach(async () => {
  [epoch, cookie, renewals, confirmed] = [1, 1, 0, Promise.resolve()];
  const kept = new Map<string, string>();
  vi.stubGlobal("navigator", {}); // without locks
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
  vi.stubGlobal("fetch", async (path: string, { headers }: { headers: Record<string, string> }) => {
    const known = headers["Authorization"] === `Bearer token ${epoch}`;
    if (path.endsWith("/auth/login")) return answer(200, tokens());
    if (path.endsWith("/auth/refresh")) return renewals++, cookie === epoch ? answer(200, tokens()) : answer(401, {});
    if (!known) return answer(401, {});
    if (path.endsWith("/auth/verify")) return answer(200, { tenant: "acme", principal: "user/ada", permissions: [] });
    if (!path.endsWith("/confirm")) return answer(200, { of: epoch });
    epoch++; // all other sessions have ended
    await confirmed;
    cookie = epoch;
    return answer(200, { ...tokens(), recovery_codes: ["a"] });
  });
  session = new Session();
  await session.begin(() => fetch("/api/v1/auth/login", { headers: {} }));
});
afterEach(() => vi.unstubAllGlobals());

test("while a new session begins nobody renews the old one, and what is asked meanwhile has the new one", async () => {
  let answered = () => {};
  confirmed = new Promise((resolve) => (answered = resolve));
  const states: string[] = [];
  session.subscribe(() => states.push(session.state().is));
  const token = await session.token();
  const begun = session.begin<{ access_token: string; expires_in: number; recovery_codes: string[] }>(() =>
    fetch("/api/v1/auth/totp/confirm", { headers: { Authorization: `Bearer ${token}` } }),
  );
  const asked = call("/me", {}, session);
  await new Promise((resolve) => setTimeout(resolve, 20));
  answered();
  expect((await begun).recovery_codes).toEqual(["a"]);
  expect(await asked).toEqual({ of: 2 });
  expect([renewals, states]).toEqual([0, ["in"]]);
  session.ended(token);
  expect([await session.token(), session.state().is]).toEqual(["token 2", "in"]);
});

test("a session that cannot be renewed has ended", async () => {
  epoch = 2;
  await expect(call("/me", {}, session)).rejects.toMatchObject({ status: 401 });
  expect(session.state()).toEqual({ is: "out", why: "The session has ended." });
});
