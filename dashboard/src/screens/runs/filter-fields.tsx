/** The fields of the filters; what they say is in the address. */
import { useQuery } from "@tanstack/react-query";
import { type InputHTMLAttributes, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Button } from "../../components/button";
import { Field, Select } from "../../components/field";
import { here } from "../../format/time";
import { go } from "../../router";
import { useMay } from "../../session/hooks";
import { type Asked, fieldOf, type Filters, momentOf, type Name, OUTCOMES, searchOf, STATUSES } from "./filters";

const TYPED_MS = 400;
const WORKFLOWS_MAX = 200;

export function FilterFields({ filters, wrong }: { filters: Filters; wrong: Asked["wrong"] }) {
  const decisions = useMay("decisions:read");
  const set = (name: Name, value: string) => go(location.pathname + searchOf({ ...filters, [name]: value }), true);
  const workflows = useWorkflows();
  const list = useId();
  const some = Object.values(filters).some(Boolean);
  const zone = here();
  return (
    <form
      role="search"
      aria-label="Filter of runs"
      onSubmit={(event) => event.preventDefault()}
      className="grid grid-cols-2 items-start gap-2 sm:grid-cols-3 lg:grid-cols-4 2xl:grid-cols-[repeat(7,minmax(0,1fr))_auto]"
    >
      <Typed label="Workflow" list={list} value={filters.workflow} error={wrong.workflow} onSaid={(value) => set("workflow", value)} placeholder="all" />
      <datalist id={list}>
        {workflows.map((id) => (
          <option key={id} value={id} />
        ))}
      </datalist>
      <Select label="Status" options={choices(STATUSES)} value={filters.status} error={wrong.status} onChange={(event) => set("status", event.target.value)} />
      <Select
        label="Outcome of a decision"
        options={decisions ? choices(OUTCOMES) : [["", "needs decisions:read"]]}
        disabled={!decisions}
        value={decisions ? filters.outcome : ""}
        error={wrong.outcome}
        onChange={(event) => set("outcome", event.target.value)}
      />
      <Typed label="Cost at least, $" inputMode="decimal" placeholder="0.05" value={filters.cost} error={wrong.cost} onSaid={(value) => set("cost", value)} />
      <Moment label="Recorded from" zone={zone} value={filters.from} error={wrong.from} onSaid={(value) => set("from", value)} />
      <Moment label="Recorded before" zone={zone} value={filters.to} error={wrong.to} onSaid={(value) => set("to", value)} />
      <Typed label="Text" type="search" placeholder="in id, subject, source" value={filters.text} error={wrong.text} onSaid={(value) => set("text", value)} />
      <Button className="mt-[calc(var(--size)*1.45+0.25rem)]" disabled={!some} onClick={() => go(location.pathname, true)}>
        Clear
      </Button>
    </form>
  );
}

function choices(names: readonly string[]): [string, string][] {
  return [["", "all"], ...names.map((name): [string, string] => [name, name])];
}

interface Said {
  label: string;
  value: string;
  error?: string | undefined;
  hint?: ReactNode;
  onSaid: (value: string) => void;
}

/** A field that says what was typed a little after the last key. */
function Typed({ value, onSaid, ...more }: Said & Omit<InputHTMLAttributes<HTMLInputElement>, "value">) {
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setTyped((sent.current = value)); // the address was changed by something else
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const latest = useRef(onSaid);
  latest.current = onSaid;
  function say(next: string) {
    clearTimeout(timer.current);
    if (next.trim() !== sent.current) latest.current((sent.current = next.trim()));
  }
  return (
    <Field
      {...more}
      autoComplete="off"
      maxLength={200}
      value={typed}
      onChange={(event) => {
        const next = event.target.value;
        setTyped(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => say(next), TYPED_MS);
      }}
      onBlur={() => say(typed)}
      onKeyDown={(event) => event.key === "Enter" && say(typed)}
    />
  );
}

function Moment({ label, zone, value, error, onSaid }: Said & { zone: string }) {
  return <Typed label={`${label} (${zone})`} type="datetime-local" step={1} value={fieldOf(value)} error={error} onSaid={(field) => onSaid(momentOf(field))} />;
}

/** The workflows to choose from; it is no harm when they are not known. */
function useWorkflows(): string[] {
  const found = useQuery({
    queryKey: ["/definitions", "workflow"],
    queryFn: ({ signal }) => call<Answer<"GET /definitions">>("/definitions", { query: { kind: "workflow", limit: WORKFLOWS_MAX }, signal }),
    staleTime: 60_000,
  });
  return found.data?.definitions.map((each) => each.id) ?? [];
}
