/** One WebSocket to /ws: it comes back by itself, behind the last position that it was told. */
import { read, type Told } from "./messages";

export type Connection = "connecting" | "open" | "lost" | "refused" | "closed";

export interface Ends {
  /** Returns a token that is good now, a newer one than it was if it has to be; throws when nobody is signed in. */
  token(renew: boolean): Promise<string>;
  told(messages: Told[]): void;
  changed(connection: Connection, why: string): void;
}

export const FIRST_MS = 500;
export const LONGEST_MS = 30_000;
export const SILENT_MS = 40_000;
/** Nothing came for so long, although the gateway says `alive` every 25 seconds: the connection is dead. */
const CHANNELS = ["runs", "steps", "decisions", "counters", "alerts", "pulse"];
const NOT_UNDERSTOOD = 1008;
const SESSION_ENDED = 4401;
const FORBIDDEN = 4403;
const REFUSED_MAX = 3;

/** Returns the time to wait before the next attempt, of so many that failed; a share of it by chance (0 to 1). */
export function pause(failed: number, chance: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failed, 16));
  return Math.round(longest * (0.5 + chance / 2));
}

export class LiveSocket {
  #socket: WebSocket | null = null;
  #position = "";
  #failed = 0;
  #refused = 0;
  #renew = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #on = false;
  /** Channels to ask for besides those that everybody gets; a gateway that does not know one ends the connection. */
  #asked: readonly string[] = CHANNELS;

  constructor(
    private readonly url: () => string,
    private readonly ends: Ends,
    private readonly make: (url: string, protocols: string[]) => WebSocket = (url, protocols) => new WebSocket(url, protocols),
  ) {}

  /** Begins now: a position is of one tenant, so that of an earlier session is worth nothing. */
  start(): void {
    this.#on = true;
    this.#position = "";
    this.#failed = this.#refused = 0;
    void this.#connect();
  }

  stop(): void {
    this.#on = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close(1000);
    this.#socket = null;
    this.ends.changed("closed", "");
  }

  /** Tries at once, if it waits for its turn: the network is back, or the window is looked at again. */
  hurry(): void {
    if (!this.#on || this.#socket) return;
    clearTimeout(this.#timer);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    this.ends.changed("connecting", "");
    let token: string;
    try {
      token = await this.ends.token(this.#renew);
      this.#renew = false;
    } catch {
      if (this.#on) this.#again("the gateway does not answer");
      return;
    }
    if (!this.#on || this.#socket) return;
    const after = this.#position ? `?after=${encodeURIComponent(this.#position)}` : "";
    const socket = this.make(this.url() + after, ["auterity.v1", `auterity.bearer.${token}`]);
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#refused = 0;
      if (this.#asked.length) socket.send(JSON.stringify({ channels: this.#asked }));
      this.ends.changed("open", "");
      this.#listen();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      this.#failed = 0;
      this.#listen();
      const messages = read(event.data);
      const last = messages.at(-1);
      if (last?.position) this.#position = last.position;
      this.ends.told(messages);
    };
    socket.onclose = (event: CloseEvent) => this.#closed(socket, event.code, event.reason, opened);
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      socket.close(4000);
      this.#closed(socket, 4000, "nothing was heard for 40 seconds", true);
    }, SILENT_MS);
  }

  #closed(socket: WebSocket, code: number, reason: string, opened: boolean): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    clearTimeout(this.#silence);
    if (!this.#on) return;
    if (code === FORBIDDEN) {
      this.#on = false;
      this.ends.changed("refused", reason);
    } else {
      if (code === NOT_UNDERSTOOD) this.#asked = [];
      // A browser does not say why a handshake was refused: a newer token, then from now on, may be what it takes.
      if (!opened && ++this.#refused >= REFUSED_MAX) this.#position = "";
      this.#renew ||= code === SESSION_ENDED || (!opened && this.#refused === 2); // who cannot renew is signed out by that
      this.#again(reason || "the connection was lost");
    }
  }

  #again(why: string): void {
    this.ends.changed("lost", why);
    this.#timer = setTimeout(() => void this.#connect(), pause(this.#failed++, Math.random()));
  }
}
