import { useSyncExternalStore } from "react";
import { Button } from "./button";

interface Said {
  id: number;
  text: string;
}

const SHOWN_MS = 6000;
let said: readonly Said[] = [];
let last = 0;
const listeners = new Set<() => void>();

function set(next: readonly Said[]) {
  said = next;
  for (const listener of listeners) listener();
}

/** Says for six seconds, to screen readers too, that something was done. What went wrong is said where it was asked for. */
export function toast(text: string): void {
  const id = ++last;
  set([...said, { id, text }].slice(-3));
  setTimeout(() => set(said.filter((each) => each.id !== id)), SHOWN_MS);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => said,
  );
  return (
    <div role="status" aria-live="polite" className="fixed right-3 bottom-3 z-50 grid w-[min(24rem,calc(100vw-1.5rem))] gap-2">
      {shown.map((each) => (
        <div key={each.id} className="flex items-center justify-between gap-2 rounded border border-line-strong bg-raised py-1 pr-1 pl-3 shadow-lg">
          {each.text}
          <Button kind="quiet" aria-label="Dismiss" onClick={() => set(said.filter((other) => other.id !== each.id))}>
            ✕
          </Button>
        </div>
      ))}
    </div>
  );
}
