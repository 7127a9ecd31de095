/** The page's one live connection, while somebody is signed in. */
import { useEffect, useSyncExternalStore } from "react";
import { API } from "../api/client";
import { session } from "../session/session";
import { LiveSocket } from "./socket";
import { LiveStore, type Snapshot } from "./store";

export const live = new LiveStore();
const TICK_MS = 1000;

const socket = new LiveSocket(() => `${location.origin.replace(/^http/, "ws")}${API}/ws`, {
  async token(renew) {
    const token = await session.token();
    return renew ? session.renewed(token) : token;
  },
  told: (messages) => live.take(messages),
  changed: (connection, why) => live.connected(connection, why),
});

/** Keeps the connection for as long as the component is shown. */
export function useLiveConnection(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    live.clear();
    socket.start();
    const timer = setInterval(() => live.tick(), TICK_MS);
    const hurry = () => document.visibilityState === "visible" && socket.hurry();
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    return () => {
      clearInterval(timer);
      removeEventListener("online", hurry);
      document.removeEventListener("visibilitychange", hurry);
      socket.stop();
    };
  }, [on]);
}

export function useLive(): Snapshot {
  return useSyncExternalStore(live.subscribe, live.snapshot);
}
