/** A decoded value, field by field. */
import { useState } from "react";
import { Button } from "./button";

/** Of one list or object: more are shown when they are asked for. */
const SHOWN = 200;
const OPEN_DEPTH = 2;

export function Value({ of, label }: { of: Record<string, unknown>; label: string }) {
  return (
    <div role="region" aria-label={label} tabIndex={0} className="overflow-x-auto px-3 py-2">
      <Members of={of} depth={0} />
    </div>
  );
}

function Members({ of, depth }: { of: Record<string, unknown> | readonly unknown[]; depth: number }) {
  const [shown, setShown] = useState(SHOWN);
  const all = Object.entries(of);
  return (
    <ul className={depth ? "ml-1 border-l border-line pl-3" : ""}>
      {all.slice(0, shown).map(([name, value]) => (
        <li key={name}>
          <Member name={name} value={value} depth={depth} />
        </li>
      ))}
      {all.length > shown && (
        <li>
          <Button onClick={() => setShown(shown + SHOWN)}>{all.length - shown} more</Button>
        </li>
      )}
    </ul>
  );
}

function Member({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const within = typeof value === "object" && value ? Object.keys(value).length : 0;
  if (!within)
    return (
      <div className="grid grid-cols-[min(14rem,35%)_minmax(0,1fr)] gap-x-3 py-0.5">
        <span className="font-mono text-small break-words text-muted">{name}</span>
        <Leaf value={value} />
      </div>
    );
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="py-0.5">
        <span className="font-mono text-small text-muted">{name}</span> <span className="text-small text-muted">({within})</span>
      </summary>
      {open && <Members of={value as Record<string, unknown>} depth={depth + 1} />}
    </details>
  );
}

function Leaf({ value }: { value: unknown }) {
  if (value === null || value === "" || typeof value === "object") return <span className="font-mono text-small text-muted">{JSON.stringify(value)}</span>;
  return <span className="font-mono text-small break-words whitespace-pre-wrap">{String(value)}</span>;
}
