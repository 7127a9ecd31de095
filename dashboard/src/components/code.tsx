import { useState } from "react";
import { Button } from "./button";

/** Text as it is, to be copied. */
export function CodeBlock({ text, label, max = "24rem" }: { text: string; label: string; max?: string }) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  }
  return (
    <div className="relative rounded border border-line bg-panel">
      <pre tabIndex={0} role="region" aria-label={label} style={{ maxHeight: max }} className="overflow-auto p-3 pr-20 font-mono text-small whitespace-pre-wrap break-words">
        {text}
      </pre>
      {"clipboard" in navigator && (
        <Button className="absolute top-1.5 right-1.5" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </Button>
      )}
    </div>
  );
}

/** A value as JSON. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return <CodeBlock text={JSON.stringify(value, null, 2)} label={label} />;
}
