/** Mends a dead letter: its event is changed as JSON, and sent in its place. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Problem } from "../../api/problem";
import { Button } from "../../components/button";
import { Id } from "../../components/facts";
import { type Mistake, JsonEditor, object } from "../../components/json-editor";
import { Panel } from "../../components/panel";
import { Empty, Forbidden, Refused } from "../../components/states";
import { toast } from "../../components/toast";
import { Link } from "../../router";
import { useMay } from "../../session/hooks";
import { search } from "../topics/asked";
import { PlaceLink, topicPath } from "../topics/places";
import { useRecord } from "../topics/record";
import type { Letter } from "./index";
import type { LetterDetail } from "./letter";

export function Mend({ detail }: { detail: LetterDetail }) {
  const letter = detail.dead_letter;
  const may = useMay("dead-letters:mend");
  return (
    <Panel title="Mend and send again">
      {letter.mended ? (
        <Became letter={letter} event={letter.mended} />
      ) : !letter.mendable ? (
        <Empty title={`No client may write ${letter.source_topic}.`}>So nothing can be sent in its place; it is kept as it is.</Empty>
      ) : may ? (
        <Editor key={letter.id} detail={detail} />
      ) : (
        <Forbidden needs="dead-letters:mend" />
      )}
    </Panel>
  );
}

function Became({ letter, event }: { letter: Letter; event: string }) {
  const mayLog = useMay("log:read");
  const mayRuns = useMay("runs:read");
  const found = useRecord(["dead-letters", letter.partition, letter.offset], mayLog);
  const place = found.data?.consequences.find((each) => each.event_id === event);
  return (
    <div className="grid gap-1 p-3">
      <p>
        It was mended, and became the event <Id>{event}</Id> of {letter.source_topic}.
      </p>
      <p className="flex min-h-6 flex-wrap gap-x-3">
        {place ? <PlaceLink of={place} /> : mayLog && <Link className="underline" to={topicPath(letter.source_topic) + search({ correlation_id: event })}>Look for it on {letter.source_topic}</Link>}
        {place?.run_id && mayRuns && <Link to={`/app/runs/${encodeURIComponent(place.run_id)}`}>Its run</Link>}
      </p>
    </div>
  );
}

/** Returns what mending begins with: the fields that its bytes say, else what text they are. */
function beginning({ draft, text }: LetterDetail): string {
  return draft ? JSON.stringify(draft, null, 2) : (text ?? "{\n}");
}

const NONE: readonly Mistake[] = [];

function Editor({ detail }: { detail: LetterDetail }) {
  const queries = useQueryClient();
  const { id, source_topic: topic } = detail.dead_letter;
  const begun = beginning(detail);
  const [text, setText] = useState(begun);
  const [mistakes, setMistakes] = useState(NONE);
  const send = useMutation({
    mutationFn: (body: Record<string, unknown>) => call<Answer<"POST /dead-letters/{id}/mend">>(`/dead-letters/${encodeURIComponent(id)}/mend`, { method: "POST", body }),
    async onSuccess() {
      toast("It was sent again.");
      await again();
    },
    async onError(error) {
      if (!(error instanceof Problem)) return;
      setMistakes(error.status === 422 ? error.errors : NONE);
      if (error.status === 409) await again();
    },
  });
  async function again() {
    await queries.invalidateQueries({ queryKey: [`/dead-letters/${encodeURIComponent(id)}`] });
    await queries.invalidateQueries({ queryKey: ["/dead-letters"] });
  }
  function submit() {
    if (send.isPending) return;
    send.reset();
    const said = object(text);
    if (Array.isArray(said)) return setMistakes(said as Mistake[]);
    setMistakes(NONE);
    send.mutate(said as Record<string, unknown>);
  }
  const elsewhere = send.error && !mistakes.length;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-2 p-3">
      <JsonEditor
        label={`Event of ${topic}, as JSON`}
        text={text}
        mistakes={mistakes}
        onSubmit={submit}
        onChange={(next) => {
          setText(next);
          if (mistakes.length) setMistakes(NONE);
        }}
      />
      {!detail.draft && <p className="text-muted">Its bytes say no fields of {topic}; the event is to be written anew.</p>}
      {elsewhere && <Refused error={send.error} />}
      <div className="flex flex-wrap items-center gap-2">
        <Button kind="primary" busy={send.isPending} onClick={submit}>
          Send again
        </Button>
        <Button
          disabled={text === begun}
          onClick={() => {
            setText(begun);
            setMistakes(NONE);
          }}
        >
          As it was
        </Button>
        <span className="text-small text-muted pointer-coarse:hidden">Ctrl+Enter sends. It is sent once, whoever does it.</span>
      </div>
    </div>
  );
}
