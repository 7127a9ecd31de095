/** What the gateway says when it refuses (RFC 9457), and what is said when it does not answer at all. */

/** One thing that is wrong with what was sent; the field is empty when it is all of it. */
export interface Wrong {
  field: string;
  detail: string;
}

export class Problem extends Error {
  constructor(
    /** 0: nothing answered. */
    readonly status: number,
    readonly detail: string,
    /** Seconds after which it may be tried again. */
    readonly retryAfterS: number | null = null,
    /** `code` when a code of the second factor is missing or not good, `password` when the password that was asked for again is not. */
    readonly needs: string = "",
    /** The id of the call's event. */
    readonly correlationId: string = "",
    readonly errors: readonly Wrong[] = [],
    /** True when a log-in is asked for that is newer than this session's. */
    readonly reauthenticate: boolean = false,
  ) {
    super(detail);
  }

  get offline(): boolean {
    return this.status === 0;
  }
}

/** Returns the refusal that an answer is. */
export async function problemOf(answer: Response): Promise<Problem> {
  let said: { detail?: unknown; needs?: unknown; correlation_id?: unknown; errors?: unknown; reauthenticate?: unknown } = {};
  try {
    said = (await answer.json()) as typeof said;
  } catch {
    // not JSON: something between us and the gateway has answered
  }
  const wait = Number(answer.headers.get("retry-after"));
  return new Problem(
    answer.status,
    typeof said.detail === "string" ? said.detail : `the server answered ${answer.status}`,
    wait > 0 ? wait : null,
    typeof said.needs === "string" ? said.needs : "",
    typeof said.correlation_id === "string" ? said.correlation_id : "",
    Array.isArray(said.errors) ? (said.errors as Wrong[]) : [],
    typeof said.reauthenticate === "object" && said.reauthenticate !== null,
  );
}
