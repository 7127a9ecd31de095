import { Fragment, type ReactNode } from "react";
import { classes } from "./classes";

export type Fact = readonly [name: string, what: ReactNode] | false | null | undefined | "";

/** Facts with their names: beside each other where there is room. */
export function Facts({ facts, label, narrow = false }: { facts: readonly Fact[]; label: string; narrow?: boolean }) {
  return (
    <dl
      aria-label={label}
      className={classes(
        "grid grid-cols-[max-content_minmax(0,1fr)] items-baseline gap-x-3 gap-y-1 px-3 py-2",
        !narrow && "lg:grid-cols-[max-content_minmax(0,1fr)_max-content_minmax(0,1fr)]",
      )}
    >
      {facts.map(
        (fact) =>
          fact && (
            <Fragment key={fact[0]}>
              <dt className="text-small text-muted">{fact[0]}</dt>
              <dd className="min-w-0 break-words">{fact[1]}</dd>
            </Fragment>
          ),
      )}
    </dl>
  );
}

/** An id, a key, a digest: whole, and to be selected with one press. */
export function Id({ children }: { children: string }) {
  return <code className="font-mono text-small break-all select-all">{children}</code>;
}
