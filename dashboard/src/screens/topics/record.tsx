/** One record of the log: what it says, what it is, what caused it and what it caused. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Facts, Id } from "../../components/facts";
import { Figure, Time } from "../../components/figures";
import { Json } from "../../components/code";
import { Panel, ScreenHead } from "../../components/panel";
import { Empty, Forbidden, Loaded } from "../../components/states";
import { Table } from "../../components/table";
import { Tabs } from "../../components/tabs";
import { Value } from "../../components/value";
import { Problem } from "../../api/problem";
import { Link } from "../../router";
import { useMay } from "../../session/hooks";
import { search } from "./asked";
import { Chain } from "./chain";
import { topicPath } from "./places";

export type RecordDetail = Answer<"GET /records/{topic}/{partition}/{offset}">;
type LogRecord = RecordDetail["record"];

export default function RecordScreen({ params }: { params: Record<string, string> }) {
  const { topic = "", partition = "", offset = "" } = params;
  return (
    <>
      <ScreenHead title={`${topic} ${partition}:${offset}`}>
        <span className="flex flex-wrap gap-3">
          <Link to={topicPath(topic) + search({ partition, offset, order: "newest" })}>Before it</Link>
          <Link to={topicPath(topic) + search({ partition, offset })}>After it</Link>
          <Link to={topicPath(topic)}>Topic</Link>
        </span>
      </ScreenHead>
      {useMay("log:read") ? <Found key={`${topic} ${partition} ${offset}`} place={[topic, partition, offset]} /> : <Forbidden needs="log:read" />}
    </>
  );
}

/** Returns what is known of the record at a place. */
export function useRecord(place: readonly [topic: string, partition: string | number, offset: string | number], enabled = true) {
  const path = `/records/${place.map(encodeURIComponent).join("/")}`;
  return useQuery({ queryKey: [path], queryFn: ({ signal }) => call<RecordDetail>(path, { signal }), enabled });
}

function Found({ place }: { place: readonly [string, string, string] }) {
  const found = useRecord(place);
  if (found.error instanceof Problem && found.error.status === 404)
    return <Empty title="No record of your tenant lies there, or your roles do not show it to you." />;
  return (
    <Loaded query={found} rows={12}>
      {(detail) => <Shown detail={detail} />}
    </Loaded>
  );
}

function Shown({ detail }: { detail: RecordDetail }) {
  const { record } = detail;
  return (
    <>
      <Panel title="What it is">
        <About record={record} />
      </Panel>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Panel title="Value">
          <Said record={record} />
        </Panel>
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
          <Chain detail={detail} />
          <Panel title="Headers">
            <Headers of={record.headers} />
          </Panel>
        </div>
      </div>
    </>
  );
}

function About({ record }: { record: LogRecord }) {
  const may = { runs: useMay("runs:read"), letters: useMay("dead-letters:read") };
  const run = record.value?.["run_id"];
  const digest = record.headers.find(({ name }) => name === "x-digest")?.value;
  const around = (asked: ReactNode, of: Parameters<typeof search>[0]) => (
    <>
      {asked}{" "}
      <Link to={topicPath(record.topic) + search(of)} className="underline">
        all with it
      </Link>
    </>
  );
  return (
    <Facts
      label="What the record is"
      facts={[
        ["Appended", <Time key="at" at={record.recorded_at} ms />],
        ["Happened", <Time key="happened" at={record.occurred_at} ms />],
        ["Event", <Id key="id">{record.event_id}</Id>],
        ["Key", around(<Id>{record.key}</Id>, { key: record.key })],
        ["Correlation", around(<Id>{record.correlation_id}</Id>, { correlation_id: record.correlation_id })],
        typeof run === "string" && !!run && ["Run", may.runs ? <Link key="run" to={`/app/runs/${encodeURIComponent(run)}`} className="font-mono text-small break-all">{run}</Link> : <Id key="run">{run}</Id>],
        record.topic === "dead-letters" && may.letters && ["Dead letter", <Link key="letter" to={`/app/dead-letters/${encodeURIComponent(record.event_id)}`}>its bytes, and sending it again</Link>],
        ["Schema", <Schema key="schema" record={record} />],
        ["Size", <Figure key="size" value={record.bytes} unit="B" />],
        digest && ["Digest", <Id key="digest">{digest}</Id>],
      ]}
    />
  );
}

function Schema({ record: { topic, schema_id, schema_version } }: { record: LogRecord }) {
  if (schema_version === null) return <>id {schema_id}: none of the topic's that are known</>;
  return (
    <Link to={`${topicPath(topic)}?part=schemas&version=${schema_version}`}>
      version {schema_version}, id {schema_id}
    </Link>
  );
}

const WAYS = [
  ["fields", "Fields"],
  ["json", "JSON"],
] as const;

function Said({ record }: { record: LogRecord }) {
  const [way, setWay] = useState("fields");
  return (
    <>
      {record.withheld && <p className="border-b border-line px-3 py-1.5 text-warn">{record.withheld}</p>}
      {record.value && (
        <Tabs label="Value as" tabs={WAYS} chosen={way} onChoose={setWay}>
          {way === "fields" ? (
            <Value of={record.value} label="Fields of the value" />
          ) : (
            <div className="px-3 pb-3">
              <Json value={record.value} label="Value as JSON" />
            </div>
          )}
        </Tabs>
      )}
    </>
  );
}

export function Headers({ of }: { of: readonly { name: string; value: string }[] }) {
  if (!of.length) return <p className="px-3 py-2 text-muted">None.</p>;
  return (
    <Table
      label="Headers"
      rows={of.map((each, at) => ({ ...each, at }))}
      rowKey={({ at }) => `${at}`}
      max="24rem"
      columns={[
        { head: "Name", cell: ({ name }) => <code className="font-mono text-small">{name}</code> },
        { head: "Value", width: "100%", cell: ({ value }) => <Id>{value}</Id> },
      ]}
    />
  );
}
