/** The tree of a run beside its line of time: a row for each thing that happened, by mouse and by keyboard. */
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { Button } from "../../components/button";
import { classes } from "../../components/classes";
import { Money, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Status } from "../../components/status";
import { took } from "../../format/numbers";
import { useNow } from "../runs/duration";
import { bar, moved, type Row, rows, shownSpan, type Span, ticks } from "./layout";
import type { Node } from "./story";

const COLUMNS = "grid-cols-[minmax(0,1fr)_6rem_5.5rem] lg:grid-cols-[minmax(11rem,19rem)_7rem_4.5rem_5.5rem_minmax(8rem,1fr)]";
const INDENT_REM = 0.9;
/** Per cent of the line: behind it a mark has no room for its time. */
const LABEL_MAX = 90;
const TONES: Partial<Record<Node["of"]["kind"], string>> = { run: "var(--series-1)", step: "var(--series-1)", call: "var(--series-2)", attempt: "var(--series-2)", routing: "var(--series-2)", money: "var(--series-3)", decision: "var(--series-4)" };

export function Waterfall({ root, chosen, onChoose, asOf }: { root: Node; chosen: string; onChoose: (id: string) => void; asOf: string | null }) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState("");
  const tree = useRef<HTMLDivElement>(null);
  const now = useNow(root.end === null);
  const all = useMemo(() => rows(root, closed), [root, closed]);
  const span = shownSpan(root, now);
  const here = all.some((row) => row.node.id === at) ? at : all.some((row) => row.node.id === chosen) ? chosen : root.id;
  function toggle(id: string) {
    setClosed((before) => (before.has(id) ? new Set([...before].filter((each) => each !== id)) : new Set([...before, id])));
  }
  function key(event: KeyboardEvent) {
    if (event.key === "Enter" || event.key === " ") onChoose(here);
    else {
      const { to, toggle: other } = moved(all, here, event.key, closed);
      if (other) toggle(other);
      else if (!to) return;
      else {
        setAt(to);
        tree.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(to)}"]`)?.focus();
      }
    }
    event.preventDefault();
  }
  const inner = root.children.filter((each) => each.children.length).map((each) => each.id);
  return (
    <Panel
      title="What happened"
      side={
        <div className="flex items-center gap-3 text-small text-muted">
          {asOf && <span className="max-sm:hidden">as of <Time at={asOf} day={false} /></span>}
          <Button kind="quiet" onClick={() => setClosed(closed.size ? new Set() : new Set(inner))}>
            {closed.size ? "Open all" : "Steps only"}
          </Button>
        </div>
      }
    >
      <div aria-hidden="true" className={classes("grid gap-x-2 border-b border-line bg-panel px-2 py-1 text-small font-medium text-muted", COLUMNS)}>
        <span>What</span>
        <span>Status</span>
        <span className="text-right max-lg:hidden">Took</span>
        <span className="text-right">Amount</span>
        <Axis span={span} />
      </div>
      <div ref={tree} role="tree" aria-label="What happened in the run, within what" onKeyDown={key}>
        {all.map((row) => (
          <Item
            key={row.node.id}
            row={row}
            span={span}
            now={now}
            open={row.node.children.length ? !closed.has(row.node.id) : undefined}
            chosen={row.node.id === chosen}
            here={row.node.id === here}
            onToggle={() => toggle(row.node.id)}
            onChoose={() => {
              setAt(row.node.id);
              onChoose(row.node.id);
            }}
          />
        ))}
      </div>
    </Panel>
  );
}

function Axis({ span }: { span: Span }) {
  return (
    <span className="relative overflow-hidden max-lg:hidden">
      {ticks(span).map(({ ms, left }) => (
        <span key={ms} className="absolute border-l border-line-strong pl-1 whitespace-nowrap" style={{ left: `${left}%` }}>
          {left > LABEL_MAX ? "" : ms ? took(ms).replace(/\.?0+ s$/, " s") : "0"}
        </span>
      ))}
    </span>
  );
}

interface Shown {
  row: Row;
  span: Span;
  now: number;
  open: boolean | undefined;
  chosen: boolean;
  here: boolean;
  onToggle: () => void;
  onChoose: () => void;
}

function Item({ row: { node, level, place, of }, span, now, open, chosen, here, onToggle, onChoose }: Shown) {
  const point = node.end === node.begin && node.of.kind !== "step" && node.of.kind !== "run";
  const long = (node.end ?? Math.max(now, node.begin)) - node.begin;
  const after = node.begin - span.begin;
  const said = [!point && `took ${took(long)}`, `${took(after)} after the beginning`].filter(Boolean).join(", ");
  return (
    <div
      role="treeitem"
      data-node={node.id}
      aria-level={level}
      aria-posinset={place}
      aria-setsize={of}
      aria-expanded={open}
      aria-selected={chosen}
      tabIndex={here ? 0 : -1}
      onClick={onChoose}
      className={classes(
        "grid min-h-7 cursor-pointer items-center gap-x-2 border-b border-line px-2 -outline-offset-2 last:border-0 max-lg:pb-1",
        COLUMNS,
        chosen ? "bg-accent/10 shadow-[inset_3px_0_0_var(--accent)]" : "hover:bg-panel",
      )}
    >
      <span className="flex min-w-0 items-center" style={{ paddingLeft: `${(level - 1) * INDENT_REM}rem` }}>
        <span
          aria-hidden="true"
          className="grid h-6 w-4 shrink-0 place-content-center text-muted"
          onClick={(event) => {
            if (open === undefined) return;
            event.stopPropagation();
            onToggle();
          }}
        >
          {open === undefined ? "" : open ? "▾" : "▸"}
        </span>
        <span className="truncate" title={[node.title, node.note].filter(Boolean).join(": ")}>
          <span className={level <= 2 ? "font-medium" : undefined}>{node.title}</span> <span className="text-small text-muted">{node.note}</span>
        </span>
      </span>
      <span className="truncate">{node.status && <Status of={node.status} />}</span>
      <span aria-hidden="true" className="text-right text-small whitespace-nowrap max-lg:hidden">{point ? "" : took(long)}</span>
      <span className="text-right text-small">{node.cost !== null && <Money micros={node.cost} />}</span>
      <Drawn node={node} span={span} now={now} point={point} said={said} />
    </div>
  );
}

function Drawn({ node, span, now, point, said }: { node: Node; span: Span; now: number; point: boolean; said: string }) {
  const { left, width } = bar(node, span, now);
  const colour = TONES[node.of.kind] ?? "var(--line-strong)";
  return (
    <span className="relative block h-4 max-lg:col-span-3 max-lg:h-2" title={said}>
      <span className="sr-only">{said}</span>
      {point ? (
        <span className="absolute top-1/2 size-2 -translate-1/2 rotate-45" style={{ left: `${left}%`, background: colour }} />
      ) : (
        <span
          className={classes("absolute inset-y-0.5 rounded-[2px]", node.end === null && "border-r-2 border-dashed border-warn")}
          style={{ left: `${left}%`, width: `max(2px, ${width}%)`, background: colour, opacity: node.children.length ? 0.55 : 1 }}
        />
      )}
    </span>
  );
}
