/** One topic: its records, its partitions, its schemas. */
import { lazy, Suspense } from "react";
import { Figure } from "../../components/figures";
import { Panel, ScreenHead } from "../../components/panel";
import { Empty, Forbidden, Loaded, Loading } from "../../components/states";
import { type Column, Table } from "../../components/table";
import { Tabs } from "../../components/tabs";
import { go, Link, useQuery } from "../../router";
import { useMay } from "../../session/hooks";
import { records, type Topic, useTopics } from "./index";
import { topicPath } from "./places";
import { Records } from "./records";

const Schemas = lazy(() => import("./schemas"));
const PARTS = [
  ["records", "Records"],
  ["partitions", "Partitions"],
  ["schemas", "Schemas"],
] as const;

export default function TopicScreen({ params }: { params: Record<string, string> }) {
  const name = params["topic"] ?? "";
  return (
    <>
      <ScreenHead title={name}>
        <Link to="/app/topics">All topics</Link>
      </ScreenHead>
      {useMay("log:read") ? <Known name={name} /> : <Forbidden needs="log:read" />}
    </>
  );
}

function Known({ name }: { name: string }) {
  return (
    <Loaded query={useTopics()} rows={12}>
      {({ topics }) => {
        const topic = topics.find((each) => each.name === name);
        return topic ? <Parts topic={topic} /> : <Empty title={`There is no topic ${name}, or your roles do not show it to you.`} />;
      }}
    </Loaded>
  );
}

function Parts({ topic }: { topic: Topic }) {
  const [part, setPart] = useQuery("part");
  const chosen = PARTS.some(([id]) => id === part) ? part : "records";
  return (
    <div className="min-w-0">
      <p className="mb-1 text-muted">
        <Figure value={records(topic)} unit="records of all tenants" /> · keyed by {topic.key} · written by <code className="font-mono text-small">{topic.owner}</code>
        {topic.open && " and by clients"}
      </p>
      <Tabs label="Parts of the topic" tabs={PARTS} chosen={chosen} onChoose={(id) => setPart(id === "records" ? "" : id)}>
        {chosen === "records" && <Records topic={topic} />}
        {chosen === "partitions" && <Partitions topic={topic} />}
        {chosen === "schemas" && (
          <Suspense fallback={<Loading rows={12} />}>
            <Schemas topic={topic.name} />
          </Suspense>
        )}
      </Tabs>
    </div>
  );
}

type Span = Topic["partitions"][number];

const COLUMNS: readonly Column<Span>[] = [
  { head: "Partition", end: true, width: "6rem", cell: (each) => each.partition },
  { head: "Begins at", end: true, cell: (each) => each.begin },
  { head: "Next offset", end: true, cell: (each) => each.end },
  { head: "Records", end: true, cell: (each) => each.end - each.begin },
];

function Partitions({ topic }: { topic: Topic }) {
  return (
    <Panel title="Partitions" side={<span className="text-small text-muted">Offsets count the records of all tenants.</span>}>
      <Table
        label="Partitions"
        rows={topic.partitions}
        rowKey={(each) => `${each.partition}`}
        columns={COLUMNS}
        onOpen={(each) => go(`${topicPath(topic.name)}?partition=${each.partition}`)}
        max="none"
      />
    </Panel>
  );
}
