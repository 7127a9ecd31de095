/** Calls of the gateway: with the session's access token, which is renewed once when it is no longer good. */
import { type Session, session } from "../session/session";
import { type StepUp, stepUp } from "../session/step-up";
import { Problem, problemOf } from "./problem";

export const API = "/api/v1";
const GIVE_UP_MS = 20_000;

export interface Call {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
  /** Makes a call that may be sent twice count once. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

/**
 * Returns what the gateway answers; throws Problem. Ends the session when nobody is known by it any more. What takes a newer log-in than the session's
 * waits until the person has logged in again, and is then sent again; a person who would rather not gets the refusal.
 */
export async function call<T>(path: string, said: Call = {}, of: Session = session, again: Pick<StepUp, "ask"> = stepUp): Promise<T> {
  let token = await of.token();
  let answer = await send(path, said, token);
  if (token && (await unknown(answer))) {
    token = await of.renewed(token);
    answer = await send(path, said, token);
    if (await unknown(answer)) of.ended(token);
  }
  if (answer.status === 403) {
    const problem = await problemOf(answer);
    if (!problem.reauthenticate || !(await again.ask())) throw problem;
    answer = await send(path, said, await of.token());
  }
  if (!answer.ok) throw await problemOf(answer);
  return (await answer.json()) as T;
}

/** Returns whether nobody is known by the token; who is, and shows a password or a code that is not good, is told what is needed. */
async function unknown(answer: Response): Promise<boolean> {
  return answer.status === 401 && (await problemOf(answer.clone())).needs === "";
}

/** Sends a call with these credentials, or none; throws Problem when nothing answers. */
export async function send(path: string, said: Call, token: string, more: Record<string, string> = {}): Promise<Response> {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(said.query ?? {})) {
    if (value !== null && value !== undefined && value !== "") asked.set(name, String(value));
  }
  const headers: Record<string, string> = { Accept: "application/json", ...more };
  if (token) headers["Authorization"] = `Bearer ${token}`;
  if (said.body !== undefined) headers["Content-Type"] = "application/json";
  if (said.idempotencyKey) headers["Idempotency-Key"] = said.idempotencyKey;
  const stop = AbortSignal.timeout(GIVE_UP_MS);
  try {
    return await fetch(`${API}${path}${asked.size ? `?${asked}` : ""}`, {
      method: said.method ?? "GET",
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(said.body !== undefined ? { body: JSON.stringify(said.body) } : {}),
      signal: said.signal ? AbortSignal.any([said.signal, stop]) : stop,
    });
  } catch (error) {
    if (said.signal?.aborted) throw error;
    throw new Problem(0, "The gateway does not answer.");
  }
}
