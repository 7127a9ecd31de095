/** The session, as components see it. */
import { useSyncExternalStore } from "react";
import { type Person, type State, session } from "./session";

export function useSession(): State {
  return useSyncExternalStore(session.subscribe, session.state);
}

/** Returns who is signed in; only below the shell, which is shown to nobody else. */
export function usePerson(): Person {
  const state = useSession();
  if (state.is !== "in") throw new Error("nobody is signed in");
  return state.person;
}

export function useMay(permission: string): boolean {
  return usePerson().permissions.has(permission);
}
