/** Bytes as they are: as text when they are that, in hex, and to be saved. */
import { useEffect, useMemo, useRef, useState } from "react";
import { dump, unpacked } from "../format/bytes";
import { Button } from "./button";
import { CodeBlock } from "./code";
import { Empty } from "./states";
import { Tabs } from "./tabs";

/** Of hex, at first, and more each time. */
const BYTES = 4096;
const CHARACTERS_MAX = 128 * 1024;
/** Where there are so many pixels, a line has 16 bytes. */
const WIDE_PX = 580;
const WAYS = [
  ["text", "Text"],
  ["hex", "Hex"],
] as const;

export function Bytes({ base64, text, name }: { base64: string; text: string | null; name: string }) {
  const [way, setWay] = useState(text === null ? "hex" : "text");
  const bytes = useMemo(() => unpacked(base64), [base64]);
  if (!bytes.length) return <Empty title="It has no bytes." />;
  return (
    <Tabs label="Bytes as" tabs={WAYS} chosen={way} onChoose={setWay}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-2 px-3 pb-3">
        {way === "text" ? <Text text={text} /> : <Hex bytes={bytes} />}
        <div>
          <Button onClick={() => save(bytes, name)}>Save the bytes</Button>
        </div>
      </div>
    </Tabs>
  );
}

function Text({ text }: { text: string | null }) {
  if (text === null) return <Empty title="These bytes are no text in UTF-8." />;
  return (
    <>
      <CodeBlock text={text.slice(0, CHARACTERS_MAX)} label="Bytes as text" />
      {text.length > CHARACTERS_MAX && <p className="text-muted">The first {CHARACTERS_MAX} of {text.length} characters.</p>}
    </>
  );
}

function Hex({ bytes }: { bytes: Uint8Array }) {
  const [shown, setShown] = useState(BYTES);
  const place = useRef<HTMLPreElement>(null);
  const [wide, setWide] = useState(16);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const size = new ResizeObserver(() => setWide(element.clientWidth < WIDE_PX ? 8 : 16));
    size.observe(element);
    return () => size.disconnect();
  }, []);
  return (
    <>
      <pre ref={place} tabIndex={0} role="region" aria-label="Bytes in hex" className="max-h-96 overflow-auto rounded border border-line bg-panel p-2 font-mono text-small">
        {dump(bytes.subarray(0, shown), wide)}
      </pre>
      {bytes.length > shown && (
        <p className="flex items-center gap-2 text-muted">
          The first {shown} of {bytes.length} bytes. <Button onClick={() => setShown(shown * 4)}>More</Button>
        </p>
      )}
    </>
  );
}

function save(bytes: Uint8Array<ArrayBuffer>, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
