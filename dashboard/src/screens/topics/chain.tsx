/** What caused a record, and what it caused: up and down with Alt and the arrow keys, wherever the focus is. */
import { type KeyboardEvent, useEffect } from "react";
import { Id } from "../../components/facts";
import { Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Status } from "../../components/status";
import { go, Link } from "../../router";
import { useMay } from "../../session/hooks";
import { type Place, PlaceLink, recordPath } from "./places";
import type { RecordDetail } from "./record";

type Other = NonNullable<RecordDetail["cause"]>;

export function Chain({ detail: { record, cause, consequences, more } }: { detail: RecordDetail }) {
  useKeys(cause, consequences[0]);
  return (
    <Panel title="Cause and consequences" side={<span className="text-small text-muted pointer-coarse:hidden">Alt+↑ cause, Alt+↓ first consequence</span>}>
      <div onKeyDown={fromLinkToLink} className="max-h-[60vh] overflow-y-auto px-3 py-2">
        <h3 className="text-small text-muted">Cause</h3>
        {cause ? <Step of={cause} keys="Alt+ArrowUp" /> : <Unknown id={record.causation_id} />}
        <h3 className="mt-2 text-small text-muted">Consequences{consequences.length > 0 && ` (${consequences.length}${more ? ", and more" : ""})`}</h3>
        {consequences.length ? (
          <ol>
            {consequences.map((each, at) => (
              <li key={`${each.topic} ${each.partition} ${each.offset}`}>
                <Step of={each} {...(at ? {} : { keys: "Alt+ArrowDown" })} />
              </li>
            ))}
          </ol>
        ) : (
          <p>None is known.</p>
        )}
      </div>
    </Panel>
  );
}

function Unknown({ id }: { id: string | null }) {
  if (!id) return <p>Nothing on the log: it is the first.</p>;
  return (
    <p>
      <Id>{id}</Id>, which is the event of no run, or not for your roles.
    </p>
  );
}

function Step({ of, keys }: { of: Other; keys?: string }) {
  const mayRuns = useMay("runs:read");
  return (
    <p className="flex flex-wrap items-center gap-x-2 py-0.5">
      <PlaceLink of={of} data-step {...(keys ? { "aria-keyshortcuts": keys } : {})} />
      {of.what && <span>{of.what}</span>}
      {of.status && <Status of={of.status} />}
      <span className="text-small">
        <Time at={of.recorded_at} day={false} ms />
      </span>
      {of.run_id && mayRuns && (
        <Link to={`/app/runs/${encodeURIComponent(of.run_id)}`} className="text-small" aria-label={`Run ${of.run_id}`}>
          run
        </Link>
      )}
    </p>
  );
}

function useKeys(cause: Place | null, consequence: Place | undefined) {
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const to = { ArrowUp: cause, ArrowDown: consequence }[event.key];
      if (!to || (event.target instanceof HTMLElement && event.target.closest("select"))) return;
      event.preventDefault();
      go(recordPath(to));
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [cause, consequence]);
}

/** The arrow keys go from one to the next; Enter is the link's own. */
function fromLinkToLink(event: KeyboardEvent<HTMLElement>) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || event.altKey) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-step]")];
  const next = links[links.indexOf(document.activeElement as HTMLElement) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
