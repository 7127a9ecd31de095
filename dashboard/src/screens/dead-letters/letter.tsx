/** One dead letter: why it was given up, its bytes, and the way to send it again. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Problem } from "../../api/problem";
import { Bytes } from "../../components/bytes";
import { Facts, Id } from "../../components/facts";
import { Figure, Time } from "../../components/figures";
import { Panel, ScreenHead } from "../../components/panel";
import { Empty, Forbidden, Loaded } from "../../components/states";
import { Link } from "../../router";
import { useMay } from "../../session/hooks";
import { PlaceLink } from "../topics/places";
import { Headers } from "../topics/record";
import { lay, type Letter, State } from "./index";
import { Mend } from "./mend";

export type LetterDetail = Answer<"GET /dead-letters/{id}">;

export default function LetterScreen({ params }: { params: Record<string, string> }) {
  return (
    <>
      <ScreenHead title="Dead letter">
        <Link to="/app/dead-letters">All dead letters</Link>
      </ScreenHead>
      {useMay("dead-letters:read") ? <Found id={params["id"] ?? ""} /> : <Forbidden needs="dead-letters:read" />}
    </>
  );
}

function Found({ id }: { id: string }) {
  const path = `/dead-letters/${encodeURIComponent(id)}`;
  const found = useQuery({ queryKey: [path], queryFn: ({ signal }) => call<LetterDetail>(path, { signal }), refetchOnWindowFocus: false });
  if (found.error instanceof Problem && found.error.status === 404) return <Empty title="Your tenant has no such dead letter." />;
  return (
    <Loaded query={found} rows={12}>
      {(detail) => <Shown detail={detail} />}
    </Loaded>
  );
}

function Shown({ detail }: { detail: LetterDetail }) {
  const letter = detail.dead_letter;
  return (
    <>
      <Panel title="Why it was given up" side={<State of={letter} />}>
        <p className="px-3 pt-2 font-medium break-words">{letter.reason}</p>
        <About detail={detail} />
      </Panel>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-3 2xl:grid-cols-2">
        <Mend detail={detail} />
        <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
          <Panel title="Original bytes" side={<Figure value={detail.bytes} unit="B" />}>
            <Bytes base64={detail.value_base64} text={detail.text} name={`${letter.id}.bin`} />
          </Panel>
          <Panel title="Headers">
            <Headers of={detail.headers} />
          </Panel>
        </div>
      </div>
    </>
  );
}

function About({ detail }: { detail: LetterDetail }) {
  const letter = detail.dead_letter;
  const mayLog = useMay("log:read");
  const own = { topic: "dead-letters", partition: letter.partition, offset: letter.offset };
  return (
    <Facts
      label="What the dead letter is"
      facts={[
        ["Given up", <Time key="at" at={letter.recorded_at} ms />],
        ["Happened", <Time key="happened" at={letter.at} ms />],
        ["Stage", letter.stage],
        ["Error", <Id key="error">{letter.error}</Id>],
        ["Of", <Source key="of" letter={letter} link={mayLog} />],
        ["Key", detail.key ? <Id key="key">{detail.key}</Id> : <span key="key" className="text-muted">none</span>],
        ["Id", <Id key="id">{letter.id}</Id>],
        ["Lies at", mayLog ? <PlaceLink key="lies" of={own} /> : `${own.topic} ${own.partition}:${own.offset}`],
      ]}
    />
  );
}

function Source({ letter, link }: { letter: Letter; link: boolean }) {
  if (letter.source_partition < 0)
    return (
      <>
        {letter.source_topic}, on which it never lay <span className="text-muted">(number {letter.source_offset} of its call)</span>
      </>
    );
  const place = { topic: letter.source_topic, partition: letter.source_partition, offset: letter.source_offset };
  return link ? <PlaceLink of={place} /> : lay(letter);
}
