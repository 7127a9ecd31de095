import { type ReactNode, useId } from "react";
import { classes } from "./classes";

/** A titled part of a screen, which a screen reader can go to. */
export function Panel({ title, side, children, className }: { title: string; side?: ReactNode; children: ReactNode; className?: string }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={classes("min-w-0 rounded border border-line bg-bg", className)}>
      <header className="flex min-h-9 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b border-line px-3 py-1">
        <h2 id={id}>{title}</h2>
        {side}
      </header>
      {children}
    </section>
  );
}

/** The head of a screen. */
export function ScreenHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex min-h-9 flex-wrap items-center justify-between gap-2">
      <h1 tabIndex={-1} data-screen-title className="outline-none">
        {title}
      </h1>
      {children}
    </div>
  );
}
