import type { ButtonHTMLAttributes } from "react";
import { classes } from "./classes";

const KINDS = {
  primary: "bg-accent text-on-accent border-accent",
  plain: "bg-raised text-text border-line-strong hover:bg-panel",
  danger: "bg-raised text-bad border-bad hover:bg-panel",
  quiet: "border-transparent text-accent hover:bg-panel",
};

/** A button; `busy` keeps its width, takes no further press, and says so. */
export function Button({
  kind = "plain",
  busy = false,
  className,
  children,
  ...more
}: { kind?: keyof typeof KINDS; busy?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      {...more}
      disabled={more.disabled || busy}
      aria-busy={busy || undefined}
      className={classes(
        "inline-flex h-[var(--row)] items-center justify-center gap-1.5 rounded border px-3 font-medium whitespace-nowrap disabled:opacity-60",
        KINDS[kind],
        className,
      )}
    >
      {children}
      {busy && <span aria-hidden="true">…</span>}
    </button>
  );
}
