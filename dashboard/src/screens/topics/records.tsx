/** The records of a topic: what is asked for is in the address. */
import { type FormEvent, useState } from "react";
import { Button } from "../../components/button";
import { Field, Select } from "../../components/field";
import { Figure, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Failure, Loaded } from "../../components/states";
import { type Column, Table } from "../../components/table";
import { here, moment } from "../../format/time";
import { go, Link, useSearch } from "../../router";
import { type Asked, asked, local, order, search, utc, wrong } from "./asked";
import type { Topic } from "./index";
import { PlaceLink, recordPath, topicPath } from "./places";
import { type LogRecord, useScan } from "./scan";
import { summary } from "./summary";

/** Takes what room there is, and no more. */
const REST = "block truncate [contain:inline-size] max-lg:whitespace-normal max-lg:line-clamp-3 max-lg:break-words";

const COLUMNS: readonly Column<LogRecord>[] = [
  {
    head: "Place",
    width: "5.5rem",
    cell: (record) => (
      <>
        <PlaceLink of={record} topic={false} />
        <div className="text-small lg:hidden">
          <Time at={record.recorded_at} />
        </div>
      </>
    ),
  },
  { head: "Appended", wide: true, width: "13rem", cell: (record) => <Time at={record.recorded_at} ms /> },
  {
    head: "Key",
    wide: true,
    width: "14rem",
    cell: (record) => (
      <code className="block w-56 truncate font-mono text-small" title={record.key}>
        {record.key}
      </code>
    ),
  },
  {
    head: "Event",
    wide: true,
    width: "8rem",
    cell: (record) => (
      <code className="block w-32 truncate font-mono text-small" title={record.event_id}>
        {record.event_id}
      </code>
    ),
  },
  { head: "Size", wide: true, end: true, width: "5rem", cell: (record) => <Figure value={record.bytes} unit="B" /> },
  {
    head: "Says",
    width: "100%",
    cell: (record) => (
      <span className={REST}>
        {record.value ? (
          summary(record.value).map(([name, text]) => (
            <span key={name}>
              <span className="text-muted">{name}=</span>
              {text}{" "}
            </span>
          ))
        ) : (
          <span className="text-muted">{record.withheld}</span>
        )}
      </span>
    ),
  },
];

const keyOf = (record: LogRecord) => `${record.partition}:${record.offset}`;

function open(record: LogRecord) {
  if (getSelection()?.isCollapsed !== false) go(recordPath(record)); // who selects text goes nowhere
}

export function Records({ topic }: { topic: Topic }) {
  const said = asked(useSearch());
  const bad = wrong(said);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Filter key={search(said)} topic={topic} said={said} />
      {bad ? <Empty title={bad} /> : <Found topic={topic} said={said} />}
    </div>
  );
}

function Filter({ topic, said }: { topic: Topic; said: Asked }) {
  const [way, setWay] = useState(order(said));
  const [bad, setBad] = useState("");
  const newest = way === "newest";
  const zone = moment(new Date().toISOString())?.zone ?? here();
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const given = Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()])) as Asked;
    const next = { ...given, time: utc(given.time ?? "") };
    setBad(wrong(next));
    if (!wrong(next)) go(topicPath(topic.name) + search(next));
  }
  const partitions = topic.partitions.map(({ partition }) => [`${partition}`, `${partition}`] as const);
  return (
    <form role="search" aria-label="Records" onSubmit={submit} className="grid grid-cols-2 items-end gap-2 sm:grid-cols-3 lg:grid-cols-[9rem_13rem_6rem_9rem_minmax(8rem,1fr)_minmax(8rem,1fr)_auto]">
      <Select
        label="Order"
        name="order"
        value={way}
        onChange={(event) => setWay(event.target.value as typeof way)}
        options={[
          ["newest", "newest first"],
          ["oldest", "oldest first"],
        ]}
      />
      <Field label={`Appended ${newest ? "before" : "from"} (${zone})`} name="time" type="datetime-local" step={1} defaultValue={local(said.time)} />
      <Select label="Partition" name="partition" defaultValue={said.partition ?? ""} options={[["", "all"], ...partitions]} />
      <Field
        label={newest ? "Offset, and below" : "Offset, and above"}
        name="offset"
        inputMode="numeric"
        pattern="[0-9]*"
        title="A whole number"
        defaultValue={said.offset}
        error={bad}
      />
      <Field label="Key" name="key" defaultValue={said.key} placeholder={topic.key} spellCheck={false} autoCapitalize="none" />
      <Field label="Correlation id" name="correlation_id" defaultValue={said.correlation_id} spellCheck={false} autoCapitalize="none" />
      <div className="col-span-full flex gap-2 lg:col-span-1">
        <Button kind="primary" type="submit">
          Look
        </Button>
        <Button onClick={() => go(topicPath(topic.name))} disabled={!search(said)}>
          Clear
        </Button>
      </div>
    </form>
  );
}

function Found({ topic, said }: { topic: Topic; said: Asked }) {
  const scan = useScan(topic.name, said);
  const first = order(said) === "newest" ? "newest first" : "oldest first";
  const looked = `${scan.data?.length ?? 0} records in ${scan.scanned.toLocaleString("en-US")} offsets looked at`;
  return (
    <Panel
      title={`Records, ${first}`}
      side={
        <span className="flex items-center gap-3">
          <span role="status" className="text-small text-muted">
            {scan.busy ? `${looked}…` : `${looked}${scan.more ? "; there are more to look at" : "; that is all"}`}
          </span>
          <Button onClick={scan.again} disabled={scan.busy}>
            Look again
          </Button>
        </span>
      }
    >
      <Loaded query={scan} rows={12}>
        {(rows) => (
          <div className={scan.former ? "opacity-60" : ""} aria-busy={scan.busy}>
            {rows.length ? (
              <Table label="Records" rows={rows} rowKey={keyOf} columns={COLUMNS} onOpen={open} max="70vh" />
            ) : (
              <Nothing said={said} topic={topic} more={scan.more} busy={scan.busy} />
            )}
          </div>
        )}
      </Loaded>
      {scan.stopped && <Failure error={scan.stopped} onAgain={scan.next} />}
      {scan.data && (
        <div className="flex min-h-11 items-center gap-3 border-t border-line p-1.5">
          {scan.busy ? (
            <Button onClick={scan.stop}>Stop</Button>
          ) : (
            <Button onClick={scan.next} disabled={!scan.more}>
              More
            </Button>
          )}
        </div>
      )}
    </Panel>
  );
}

function Nothing({ topic, said, more, busy }: { topic: Topic; said: Asked; more: boolean; busy: boolean }) {
  if (busy) return <Empty title="None found yet; the search goes on." />;
  if (more) return <Empty title="None found yet.">The search has stopped at its bound; More goes on from there.</Empty>;
  if (!search(said)) return <Empty title="No record of your tenant lies on this topic." />;
  return (
    <Empty title="No record of your tenant is as asked.">
      <Link to={topicPath(topic.name)}>Show all of the topic</Link>
    </Empty>
  );
}
