/** What stands behind a node: what is known of it, its events, and each as the log has it. */
import { useEffect, useRef } from "react";
import { Button } from "../../components/button";
import { Panel } from "../../components/panel";
import { Empty } from "../../components/states";
import { Status } from "../../components/status";
import { Time } from "../../components/figures";
import { classes } from "../../components/classes";
import { Facts } from "./facts";
import { RecordTold } from "./record";
import { type Node, placed } from "./story";

interface Shown {
  node: Node | null;
  /** The event of it that is looked at: `topic/partition/offset`. */
  place: string;
  known: ReadonlyMap<string, Node>;
  onChoose: (place: string) => void;
}

/** Beside the tree where there is room, else in front of it. */
export function Side({ node, place, known, onChoose }: Shown) {
  const frame = useRef<HTMLDivElement>(null);
  const id = node?.id ?? "";
  useEffect(() => {
    if (id && !matchMedia("(min-width: 80rem)").matches) frame.current?.focus();
  }, [id]);
  useEffect(() => {
    if (!id) return;
    const close = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      onChoose("");
      document.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`)?.focus();
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [id]);
  if (!node) {
    return (
      <Panel title="Event" className="max-xl:hidden">
        <Empty title="Choose something that happened.">What is known of it stands here, and the event as the log has it. With the keyboard: arrows, Enter, Escape.</Empty>
      </Panel>
    );
  }
  const event = node.events.find((each) => placed(each) === place) ?? node.events[0];
  return (
    <div
      ref={frame}
      tabIndex={-1}
      className="min-w-0 outline-none max-xl:fixed max-xl:inset-y-0 max-xl:right-0 max-xl:z-40 max-xl:w-[min(34rem,100%)] max-xl:overflow-auto max-xl:border-l max-xl:border-line-strong max-xl:bg-bg xl:sticky xl:top-3 xl:max-h-[calc(100dvh-1.5rem)] xl:overflow-auto"
    >
      <Panel
        title={[node.title, node.note].filter(Boolean).join(": ")}
        side={
          <span className="flex items-center gap-2">
            {node.status && <Status of={node.status} />}
            <Button kind="quiet" aria-label="Close" onClick={() => onChoose("")}>
              ✕
            </Button>
          </span>
        }
      >
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3 p-3">
          <Facts of={node.of} />
          {node.events.length > 1 && (
            <ol aria-label="Events of this" className="overflow-hidden rounded border border-line">
              {node.events.map((each) => (
                <li key={placed(each)} className="border-b border-line last:border-0">
                  <button
                    type="button"
                    aria-current={each === event ? "true" : undefined}
                    onClick={() => onChoose(placed(each))}
                    className={classes("flex w-full flex-wrap items-center gap-x-3 px-2 py-1 text-left -outline-offset-2", each === event ? "bg-accent/10" : "hover:bg-panel")}
                  >
                    <Time at={new Date(each.at).toISOString()} day={false} ms />
                    <Status of={each.status} />
                    <span className="min-w-0 flex-1 truncate text-small text-muted">{each.reason || `${each.topic} ${each.partition}:${each.offset}`}</span>
                  </button>
                </li>
              ))}
            </ol>
          )}
          {event ? <RecordTold place={event} known={known} onChoose={onChoose} /> : <p className="text-muted">None of its events is shown.</p>}
        </div>
      </Panel>
    </div>
  );
}
