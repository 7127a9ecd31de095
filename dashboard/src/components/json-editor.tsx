/** JSON to be changed, with what is wrong shown at its line. */
import { useEffect, useId, useRef, useState } from "react";
import { lineOf, NoJson, placed, type Span } from "../format/json-places";
import { classes } from "./classes";

export interface Mistake {
  /** Its path; empty: all of it. */
  field: string;
  detail: string;
}

/** Of a line: the height that `leading-5` is. */
const LINE_REM = 1.25;

export function JsonEditor({
  label,
  text,
  mistakes,
  onChange,
  onSubmit,
}: {
  label: string;
  text: string;
  mistakes: readonly Mistake[];
  onChange: (text: string) => void;
  /** Control and Enter. */
  onSubmit: () => void;
}) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [at, setAt] = useState({ top: 0, left: 0 });
  const shown = mistakes.map((each) => {
    const span = found(text, each);
    return { ...each, span, line: lineOf(text, span.from) };
  });
  const lines = text.split("\n");

  function to({ from, to: end }: Span) {
    const element = area.current;
    if (!element) return;
    element.focus();
    element.setSelectionRange(from, end);
    element.scrollTop = Math.max(0, (lineOf(text, from) - 4) * parseFloat(getComputedStyle(element).lineHeight));
  }
  const first = shown[0];
  useEffect(() => {
    if (first) to(first.span);
    // Only when other mistakes are told: it stays where it is written.
  }, [mistakes]);

  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <div className={classes("flex h-80 overflow-hidden rounded border bg-raised font-mono text-small", shown.length ? "border-bad" : "border-line-strong")}>
        <div aria-hidden="true" className="shrink-0 overflow-hidden border-r border-line bg-panel px-2 pt-2 text-right leading-5 text-muted">
          <pre style={{ transform: `translateY(${-at.top}px)` }}>{lines.map((_, line) => line + 1).join("\n")}</pre>
        </div>
        <div className="relative min-w-0 flex-1 overflow-hidden">
          <div aria-hidden="true" className="pointer-events-none absolute inset-x-0 top-2" style={{ transform: `translateY(${-at.top}px)` }}>
            {shown.map(({ line, detail, field }) => (
              <div key={`${field} ${detail}`} className="absolute inset-x-0 h-5 bg-bad/10 leading-5 whitespace-pre" style={{ top: `${(line - 1) * LINE_REM}rem` }}>
                <span className="absolute text-bad" style={{ left: `calc(${(lines[line - 1] ?? "").length + 3}ch + 0.5rem - ${at.left}px)` }}>
                  ✕ {detail}
                </span>
              </div>
            ))}
          </div>
          <textarea
            ref={area}
            id={id}
            value={text}
            wrap="off"
            spellCheck={false}
            autoCapitalize="none"
            autoComplete="off"
            aria-invalid={shown.length > 0 || undefined}
            aria-describedby={shown.length ? `${id}-wrong` : undefined}
            onChange={(event) => onChange(event.target.value)}
            onScroll={({ currentTarget: { scrollTop: top, scrollLeft: left } }) => setAt({ top, left })}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSubmit();
            }}
            className="absolute inset-0 size-full resize-none overflow-auto bg-transparent p-2 leading-5 -outline-offset-2"
          />
        </div>
      </div>
      {shown.length > 0 && (
        <ul id={`${id}-wrong`} role="alert" className="text-bad">
          {shown.map(({ field, detail, line, span }) => (
            <li key={`${field} ${detail}`}>
              <button type="button" className="text-left underline" onClick={() => to(span)}>
                Line {line}
                {field && `, ${field}`}
              </button>
              : {detail}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** What is no JSON is shown where it ends to be any. */
function found(text: string, { field }: Mistake): Span {
  try {
    const span = placed(text, field);
    return field ? span : { from: span.from, to: span.from };
  } catch (error) {
    if (!(error instanceof NoJson)) throw error;
    return { from: error.at, to: error.at };
  }
}

/** Returns the object that a text says, or what keeps it from being one. */
export function object(text: string): Record<string, unknown> | Mistake[] {
  try {
    placed(text, "");
    const said: unknown = JSON.parse(text);
    if (typeof said === "object" && said && !Array.isArray(said)) return said as Record<string, unknown>;
    return [{ field: "", detail: "an event is an object: { … }" }];
  } catch (error) {
    if (!(error instanceof NoJson)) throw error;
    return [{ field: "", detail: error.message }];
  }
}
