/** What was given up, and why. */
import { type FormEvent, useId } from "react";
import type { Answer } from "../../api/contract";
import { useList } from "../../api/lists";
import { Button } from "../../components/button";
import { Field } from "../../components/field";
import { Time } from "../../components/figures";
import { Panel, ScreenHead } from "../../components/panel";
import { Empty, Forbidden, Loaded, More } from "../../components/states";
import { Badge } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { go, Link, useSearch } from "../../router";
import { useMay } from "../../session/hooks";

export type Letter = Answer<"GET /dead-letters">["dead_letters"][number];

const PATH = "/app/dead-letters";
const REST = "block truncate [contain:inline-size] max-lg:whitespace-normal max-lg:line-clamp-3 max-lg:break-words";

export function letterPath(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

/** Where it lay; what a gateway refused never lay anywhere. */
export function lay(letter: Letter): string {
  return letter.source_partition < 0 ? letter.source_topic : `${letter.source_topic} ${letter.source_partition}:${letter.source_offset}`;
}

export function State({ of }: { of: Letter }) {
  if (of.mended) return <Badge tone="ok">mended</Badge>;
  return of.mendable ? <Badge tone="warn">open</Badge> : <Badge>kept</Badge>;
}

const COLUMNS: readonly Column<Letter>[] = [
  {
    head: "Given up",
    width: "9rem",
    cell: (letter) => (
      <>
        <Link to={letterPath(letter.id)} onClick={(event) => event.stopPropagation()} className="max-lg:text-small">
          <Time at={letter.recorded_at} />
        </Link>
        <div className="flex items-center gap-2 text-small lg:hidden">
          {letter.stage} <State of={letter} />
        </div>
      </>
    ),
  },
  { head: "Stage", wide: true, width: "7rem", cell: (letter) => letter.stage },
  { head: "Of", wide: true, width: "13rem", cell: (letter) => <span className="whitespace-nowrap">{lay(letter)}</span> },
  { head: "Error", wide: true, width: "9rem", cell: (letter) => <code className="font-mono text-small">{letter.error}</code> },
  { head: "Reason", width: "100%", cell: (letter) => <span className={REST} title={letter.reason}>{letter.reason}</span> },
  { head: "State", wide: true, width: "5rem", cell: (letter) => <State of={letter} /> },
];

export default function DeadLetters() {
  return (
    <>
      <ScreenHead title="Dead letters" />
      {useMay("dead-letters:read") ? <List /> : <Forbidden needs="dead-letters:read" />}
    </>
  );
}

function List() {
  const search = new URLSearchParams(useSearch());
  const [stage, topic] = [search.get("stage") ?? "", search.get("topic") ?? ""];
  const found = useList<Letter>("/dead-letters", "dead_letters", { stage, topic });
  const narrowed = !!(stage || topic);
  return (
    <>
      <Filter key={`${stage} ${topic}`} stage={stage} topic={topic} rows={found.data ?? []} />
      <Panel title="Newest first" side={<span className="text-small text-muted">open: it can be mended and sent again · kept: no client may write its topic</span>}>
        <Loaded query={found} rows={8}>
          {(rows) =>
            rows.length ? (
              <Table label="Dead letters" rows={rows} rowKey={(letter) => letter.id} columns={COLUMNS} onOpen={(letter) => go(letterPath(letter.id))} max="70vh" />
            ) : (
              <Empty title={narrowed ? "No dead letter is of that." : "Nothing of your tenant was given up."}>{narrowed && <Link to={PATH}>Show all</Link>}</Empty>
            )
          }
        </Loaded>
        <More list={found} />
      </Panel>
    </>
  );
}

function Filter({ stage, topic, rows }: { stage: string; topic: string; rows: readonly Letter[] }) {
  const id = useId();
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const said = new URLSearchParams();
    for (const [name, value] of new FormData(event.currentTarget)) if (String(value).trim()) said.set(name, String(value).trim());
    go(PATH + (said.size ? `?${said}` : ""));
  }
  return (
    <form role="search" aria-label="Dead letters" onSubmit={submit} className="grid grid-cols-2 items-end gap-2 sm:grid-cols-[12rem_14rem_auto]">
      <Field label="Stage" name="stage" defaultValue={stage} list={`${id}-stages`} maxLength={200} autoCapitalize="none" />
      <Field label="Topic" name="topic" defaultValue={topic} list={`${id}-topics`} maxLength={200} autoCapitalize="none" />
      <div className="flex gap-2 max-sm:col-span-full">
        <Button kind="primary" type="submit">
          Look
        </Button>
        <Button onClick={() => go(PATH)} disabled={!stage && !topic}>
          Clear
        </Button>
      </div>
      <Known id={`${id}-stages`} values={rows.map((each) => each.stage)} />
      <Known id={`${id}-topics`} values={rows.map((each) => each.source_topic)} />
    </form>
  );
}

function Known({ id, values }: { id: string; values: readonly string[] }) {
  return (
    <datalist id={id}>
      {[...new Set(values)].sort().map((value) => (
        <option key={value} value={value} />
      ))}
    </datalist>
  );
}
