import { type KeyboardEvent, type ReactNode, useId } from "react";
import { classes } from "./classes";

/** Tabs, of which one is shown: arrow keys, Home and End go from one to the next. */
export function Tabs({
  label,
  tabs,
  chosen,
  onChoose,
  children,
}: {
  label: string;
  tabs: readonly (readonly [id: string, text: string])[];
  chosen: string;
  onChoose: (id: string) => void;
  children: ReactNode;
}) {
  const prefix = useId();
  function key(event: KeyboardEvent) {
    const now = tabs.findIndex(([id]) => id === chosen);
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    const next = to === undefined ? undefined : tabs[(to + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    onChoose(next[0]);
    document.getElementById(`${prefix}-${next[0]}`)?.focus();
  }
  return (
    <>
      <div role="tablist" aria-label={label} onKeyDown={key} className="flex overflow-x-auto border-b border-line">
        {tabs.map(([id, text]) => (
          <button
            key={id}
            id={`${prefix}-${id}`}
            type="button"
            role="tab"
            aria-selected={id === chosen}
            aria-controls={`${prefix}-panel`}
            tabIndex={id === chosen ? 0 : -1}
            onClick={() => onChoose(id)}
            className={classes(
              "-mb-px h-9 shrink-0 border-b-2 px-3 font-medium -outline-offset-2",
              id === chosen ? "border-accent text-text" : "border-transparent text-muted hover:text-text",
            )}
          >
            {text}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${prefix}-panel`} aria-labelledby={`${prefix}-${chosen}`} className="pt-3">
        {children}
      </div>
    </>
  );
}
