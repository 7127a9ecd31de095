/** The schemas of a topic: every version's text, and what changed from one to another. */
import { useQuery as useAnswer } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { CodeBlock } from "../../components/code";
import { Select } from "../../components/field";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { Badge } from "../../components/status";
import { Table } from "../../components/table";
import { useQuery } from "../../router";
import { type FieldChange, fields, lines, near } from "./diff";

type Told = Answer<"GET /topics/{topic}/schema">;
type Version = Told["versions"][number];

const TONES = { added: "ok", removed: "bad", changed: "warn" } as const;
const SHADES = { "+": "text-ok bg-ok/10", "-": "text-bad bg-bad/10", " ": "" };

export default function Schemas({ topic }: { topic: string }) {
  const path = `/topics/${encodeURIComponent(topic)}/schema`;
  const found = useAnswer({ queryKey: [path], queryFn: ({ signal }) => call<Told>(path, { signal }) });
  return (
    <Loaded query={found} rows={12}>
      {(told) => (told.versions.length ? <Versions told={told} /> : <Empty title="No schema is registered yet: nothing was written to this topic." />)}
    </Loaded>
  );
}

function Versions({ told }: { told: Told }) {
  const [version, setVersion] = useQuery("version");
  const [against, setAgainst] = useQuery("against");
  const newest = told.versions.at(-1) as Version;
  const shown = told.versions.find((each) => `${each.version}` === version) ?? newest;
  const other = told.versions.find((each) => `${each.version}` === against) ?? told.versions.find((each) => each.version === shown.version - 1);
  const options = told.versions.map((each) => [`${each.version}`, `${each.version} (id ${each.id}${each.id === told.written ? ", written now" : ""})`] as const);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <div className="w-52">
          <Select label="Version" value={`${shown.version}`} onChange={(event) => setVersion(event.target.value)} options={options} />
        </div>
        {told.versions.length > 1 && (
          <div className="w-52">
            <Select
              label="Compared with"
              value={other ? `${other.version}` : ""}
              onChange={(event) => setAgainst(event.target.value)}
              options={other ? options : [["", "none before it"], ...options]}
            />
          </div>
        )}
        <p className="text-muted">
          Subject <code className="font-mono text-small">{told.subject}</code>
          {told.versions.length === 1 && " has one version: nothing has changed."}
        </p>
      </div>
      {other && other !== shown && <Changes from={other} to={shown} />}
      <Panel title={`Version ${shown.version}`} side={<span className="text-small text-muted">schema id {shown.id}</span>}>
        <CodeBlock text={shown.schema} label={`Schema, version ${shown.version}`} max="60vh" />
      </Panel>
    </div>
  );
}

function Changes({ from, to }: { from: Version; to: Version }) {
  const changed = fields(from.schema, to.schema);
  return (
    <Panel title={`What changed from version ${from.version} to ${to.version}`}>
      {changed.length ? (
        <Table
          label="Changed fields"
          rows={changed}
          rowKey={(each) => each.name}
          max="40vh"
          columns={[
            { head: "Field", width: "12rem", cell: (each) => <code className="font-mono text-small break-words">{each.name}</code> },
            { head: "How", width: "6rem", cell: (each) => <Badge tone={TONES[each.how]}>{each.how}</Badge> },
            { head: "What", cell: (each) => <What of={each} /> },
          ]}
        />
      ) : (
        <Empty title="No field of the record came, went or has another type." />
      )}
      <pre tabIndex={0} role="region" aria-label="Changed lines" className="max-h-[50vh] overflow-auto border-t border-line p-3 font-mono text-small">
        {near(lines(from.schema, to.schema)).map((line, at) =>
          line ? (
            <span key={at} className={`block ${SHADES[line.sign]}`}>
              {line.sign} {line.text}
            </span>
          ) : (
            <span key={at} className="block text-muted">
              …
            </span>
          ),
        )}
      </pre>
    </Panel>
  );
}

function What({ of }: { of: FieldChange }) {
  return (
    <span className="font-mono text-small break-words">
      {of.was && <del className="text-muted">{of.was}</del>} {of.is && <ins className="no-underline">{of.is}</ins>}
    </span>
  );
}
