/** Who is signed in. The access token lives in memory only; what renews it is a cookie that no script can read. */
import { send } from "../api/client";
import { Problem, problemOf } from "../api/problem";

export interface Tokens {
  access_token: string;
  expires_in: number;
}

export interface Person {
  tenant: string;
  /** The name to sign in with. */
  name: string;
  permissions: ReadonlySet<string>;
}

export type State =
  | { is: "starting" }
  | { is: "out"; why: string }
  | { is: "offline" }
  | { is: "in"; person: Person };

/** Has the gateway keep the refresh token in its cookie; no page of another site can send this header. */
export const IN_COOKIE = { "Auterity-Session": "cookie" };
const EARLY_MS = 60_000;
const UNDER_WAY = "auterity-renewal";
const SIGNED_IN = "auterity-signed-in";
/** The address to which the gateway sends who comes back from an identity provider. */
const CAME_BACK = "/app/signed-in";
const LOCK = "auterity-session";
/** How often it is tried whether the gateway is back, while nothing else can be shown. */
const AGAIN_MS = 3_000;

export class Session {
  #state: State = { is: "starting" };
  #access = "";
  #until = 0;
  #renewing: Promise<string> | null = null;
  #listeners = new Set<() => void>();
  #again: ReturnType<typeof setTimeout> | undefined;
  #tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("auterity-session");

  constructor() {
    if (this.#tabs) this.#tabs.onmessage = () => this.#out("Signed out in another window.");
  }

  state = (): State => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Finds out whether this browser has a session: it does not ask unless somebody has signed in here. While nothing
   * answers it tries again by itself. */
  async start(): Promise<void> {
    clearTimeout(this.#again);
    const back = location.pathname === CAME_BACK;
    if (back) history.replaceState(null, "", "/");
    if (!back && !localStorage.getItem(SIGNED_IN)) return this.#out("");
    try {
      await this.#take(await this.#renewal(this.#access));
    } catch (error) {
      if (error instanceof Problem && (error.offline || error.status >= 500)) {
        this.#set({ is: "offline" });
        this.#again = setTimeout(() => void this.start(), AGAIN_MS);
      } else this.#out(error instanceof Problem && error.status !== 401 ? error.detail : "");
    }
  }

  /**
   * Begins the session that an answer holds: to a log-in, to a new second factor. Who would renew the old one meanwhile waits, and has the new one.
   * Throws Problem; the old session is left as it is then.
   */
  async begin<T extends Tokens>(asked: () => Promise<Response>): Promise<T> {
    const tokens = await locked(async () => {
      const answer = await asked();
      if (!answer.ok) throw await problemOf(answer);
      const found = (await answer.json()) as T;
      this.#keep(found);
      return found;
    });
    await this.#take(this.#access);
    return tokens;
  }

  /** Logs the same person in again: the session that begins is a new one. Throws as `begin` does. */
  async again(said: { password: string; code?: string }): Promise<void> {
    const state = this.#state;
    if (state.is !== "in") throw new Problem(401, "Nobody is signed in.");
    const { tenant, name } = state.person;
    await this.begin(() => send("/auth/login", { method: "POST", body: { tenant, name, ...said } }, "", IN_COOKIE));
  }

  /** Looks again at what the person may do. */
  async look(): Promise<void> {
    await this.#take(await this.token());
  }

  /** Returns a token that is good for now; empty when nobody is signed in. */
  async token(): Promise<string> {
    if (this.#access && Date.now() > this.#until - EARLY_MS) return this.renewed(this.#access);
    return this.#access;
  }

  /** Returns a newer token than this one; throws Problem, and ends the session when it cannot be renewed. */
  async renewed(old: string): Promise<string> {
    try {
      return await this.#renewal(old);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.ended(old);
      throw error;
    }
  }

  /** Ends the session of this token here, as it has ended at the gateway; a newer one goes on. */
  ended(token: string): void {
    if (token === this.#access) this.#out("The session has ended.");
  }

  async signOut(): Promise<void> {
    try {
      await send("/auth/logout", { method: "POST", body: {} }, this.#access, IN_COOKIE);
    } finally {
      this.#tabs?.postMessage("out");
      this.#out("");
    }
  }

  /** Several callers share one renewal; several windows take turns, as an old token that is shown again ends the session. */
  #renewal(old: string): Promise<string> {
    const newer = () => this.#access !== "" && this.#access !== old;
    if (newer()) return Promise.resolve(this.#access);
    this.#renewing ??= locked(() => (newer() ? Promise.resolve(this.#access) : this.#renew())).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(): Promise<string> {
    // An answer that was lost, with its window perhaps, is given once more for the same key.
    const key = localStorage.getItem(UNDER_WAY) ?? crypto.randomUUID();
    localStorage.setItem(UNDER_WAY, key);
    const answer = await send("/auth/refresh", { method: "POST", body: {}, idempotencyKey: key }, "", IN_COOKIE);
    if (answer.status < 500) localStorage.removeItem(UNDER_WAY);
    if (!answer.ok) throw await problemOf(answer);
    this.#keep((await answer.json()) as Tokens);
    return this.#access;
  }

  #keep(tokens: Tokens): void {
    localStorage.setItem(SIGNED_IN, "yes");
    this.#access = tokens.access_token;
    this.#until = Date.now() + tokens.expires_in * 1000;
  }

  async #take(token: string): Promise<void> {
    const answer = await send("/auth/verify", {}, token);
    if (!answer.ok) throw await problemOf(answer);
    const said = (await answer.json()) as { tenant: string; principal: string; permissions: string[] };
    const name = said.principal.replace(/^user\//, "");
    this.#set({ is: "in", person: { tenant: said.tenant, name, permissions: new Set(said.permissions) } });
  }

  #out(why: string): void {
    localStorage.removeItem(SIGNED_IN);
    this.#access = "";
    this.#set({ is: "out", why });
  }

  #set(state: State): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

let turn: Promise<unknown> = Promise.resolve();

/** Does one thing with the session at a time: in all windows, or where a browser has no locks (without TLS) in this one. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  if ("locks" in navigator) return navigator.locks.request(LOCK, work) as Promise<T>;
  const done = turn.then(work);
  turn = done.catch(() => undefined);
  return done;
}

export const session = new Session();
