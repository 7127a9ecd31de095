/** The topics of the log. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Figure } from "../../components/figures";
import { Panel, ScreenHead } from "../../components/panel";
import { Empty, Forbidden, Loaded } from "../../components/states";
import { Badge } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { go, Link } from "../../router";
import { useMay } from "../../session/hooks";
import { topicPath } from "./places";

export type Topic = Answer<"GET /topics">["topics"][number];

export function useTopics() {
  return useQuery({ queryKey: ["/topics"], queryFn: ({ signal }) => call<Answer<"GET /topics">>("/topics", { signal }) });
}

export function records(topic: Topic): number {
  return topic.partitions.reduce((sum, each) => sum + each.end - each.begin, 0);
}

const COLUMNS: readonly Column<Topic>[] = [
  { head: "Topic", cell: (topic) => <Link to={topicPath(topic.name)} onClick={(event) => event.stopPropagation()}>{topic.name}</Link> },
  { head: "Records", end: true, width: "6rem", cell: (topic) => <Figure value={records(topic)} /> },
  {
    head: "Partitions, from offset to the next one",
    wide: true,
    cell: (topic) => (
      <ul className="flex flex-wrap gap-x-4">
        {topic.partitions.map(({ partition, begin, end }) => (
          <li key={partition} className="whitespace-nowrap">
            <span className="text-muted">{partition}</span> {begin}–{end}
          </li>
        ))}
      </ul>
    ),
  },
  { head: "Key", wide: true, cell: (topic) => topic.key },
  { head: "Owner", wide: true, cell: (topic) => <code className="font-mono text-small">{topic.owner}</code> },
  { head: "Clients", width: "6.5rem", cell: (topic) => (topic.open ? <Badge tone="accent">may write</Badge> : <span className="whitespace-nowrap text-muted">may not</span>) },
  { head: "Schemas", end: true, width: "5rem", cell: (topic) => topic.schema_versions },
];

export default function Topics() {
  return (
    <>
      <ScreenHead title="Topics" />
      {useMay("log:read") ? <List /> : <Forbidden needs="log:read" />}
    </>
  );
}

function List() {
  return (
    <Panel title="On the log" side={<span className="text-small text-muted">Offsets count the records of all tenants; the records shown are yours.</span>}>
      <Loaded query={useTopics()} rows={12}>
        {({ topics }) =>
          topics.length ? (
            <Table label="Topics" rows={topics} rowKey={(topic) => topic.name} columns={COLUMNS} onOpen={(topic) => go(topicPath(topic.name))} max="none" />
          ) : (
            <Empty title="Your roles show you no topic." />
          )
        }
      </Loaded>
    </Panel>
  );
}
