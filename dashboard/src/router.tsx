/** Addresses: `/` is home, everything else lies below `/app/`, where no route of the gateway's stands. */
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const tell = () => listeners.forEach((listener) => listener());
addEventListener("popstate", tell);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  if (!replace) scrollTo(0, 0);
  tell();
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** Returns the query of the address, with its `?`. */
export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

/** Returns a parameter of the address's query, and what sets it (empty: takes it away) without a step in the history. */
export function useQuery(name: string): [string, (value: string) => void] {
  const value = useSyncExternalStore(subscribe, () => new URLSearchParams(location.search).get(name) ?? "");
  return [
    value,
    (next) => {
      const asked = new URLSearchParams(location.search);
      if (next) asked.set(name, next);
      else asked.delete(name);
      go(location.pathname + (asked.size ? `?${asked}` : ""), true);
    },
  ];
}

/** A link within the page; with a key held or another button it is the browser's own. */
export function Link({ to, onClick, ...more }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event);
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  }
  return <a href={to} onClick={follow} {...more} />;
}
