/** What models cost, from when on, and what pricing the past again has changed. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { Exact, Figure, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { Badge } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { grouped, unrounded } from "../../format/money";
import { Aside, RecordLink } from "./parts";
import { inForce, type Price } from "./sums";

type Restated = Answer<"GET /prices/restatements">;
type One = Restated["restatements"][number];

export default function Prices() {
  const prices = useQuery({ queryKey: ["/prices"], queryFn: ({ signal }) => call<Answer<"GET /prices">>("/prices", { signal }) });
  const changed = useQuery({ queryKey: ["/prices/restatements"], queryFn: ({ signal }) => call<Restated>("/prices/restatements", { signal }) });
  return (
    <div className="grid gap-3">
      <Panel title="Prices" side={<Aside>dollars for a million tokens, and for an image</Aside>}>
        <Loaded query={prices} rows={6}>
          {(said) =>
            said.prices.length ? (
              <Table label="Prices" columns={columns(inForce(said.prices, Date.now()))} rows={said.prices} rowKey={(row) => row.owner + row.model + row.valid_from} />
            ) : (
              <Empty title="There is no price book.">Models cost what their definition says; one without a price is not asked.</Empty>
            )
          }
        </Loaded>
      </Panel>
      <Panel title="What pricing again has changed" side={<Aside>the old figure stays in the ledger; the difference is an entry of its own</Aside>}>
        <Loaded query={changed} rows={4}>
          {(said) => (said.restatements.length ? <Changed said={said} /> : <Empty title="The past was never priced again." />)}
        </Loaded>
      </Panel>
    </div>
  );
}

function Changed({ said }: { said: Restated }) {
  return (
    <>
      <Table label="Restatements" columns={CHANGED} rows={said.restatements} rowKey={(row) => row.event_id} />
      <dl className="flex flex-wrap gap-x-6 gap-y-1 border-t border-line px-3 py-2">
        {said.totals.map((total) => (
          <div key={total.model} className="flex flex-wrap gap-x-2">
            <dt className="text-muted">{total.model}, in all</dt>
            <dd>
              <Exact micros={total.delta_usd_micros} sign /> <span className="text-muted">by</span> <Figure value={total.restatements} unit={total.restatements === 1 ? "entry" : "entries"} />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function price(micros: number | null) {
  if (micros === null) return <span className="text-muted">as input</span>;
  return (
    <data value={micros} title={`${grouped(micros)} micro-dollars`}>
      {unrounded(micros)}
    </data>
  );
}

function columns(now: ReadonlySet<Price>): readonly Column<Price>[] {
  return [
    { head: "Model", cell: (row) => <span className="inline-block min-w-32 wrap-anywhere">{row.model}</span> },
    { head: "Now", width: "5rem", cell: (row) => now.has(row) && <Badge tone="ok">holds</Badge> },
    { head: "Input", end: true, width: "6rem", cell: (row) => price(row.input_usd_micros_per_million) },
    { head: "Output", end: true, width: "6rem", cell: (row) => price(row.output_usd_micros_per_million) },
    { head: "From", width: "12rem", cell: (row) => <Time at={row.valid_from} /> },
    { head: "Cached input", end: true, wide: true, width: "7rem", cell: (row) => price(row.cached_input_usd_micros_per_million) },
    { head: "Embedding", end: true, wide: true, width: "7rem", cell: (row) => price(row.embedding_usd_micros_per_million) },
    { head: "An image", end: true, wide: true, width: "6rem", cell: (row) => price(row.image_usd_micros) },
    { head: "Book", wide: true, cell: (row) => <span className="whitespace-nowrap">{`${row.owner}, version ${row.version}`}</span> },
    { head: "Known from", wide: true, width: "12rem", cell: (row) => <Time at={row.known_from} /> },
  ];
}

const CHANGED: readonly Column<One>[] = [
  { head: "Model", cell: (row) => <span className="wrap-anywhere lg:whitespace-nowrap">{row.model}</span> },
  { head: "Attempts", end: true, wide: true, width: "6rem", cell: (row) => <Figure value={row.attempts} /> },
  { head: "Old", end: true, width: "8rem", cell: (row) => <Exact micros={row.old_usd_micros} /> },
  { head: "Difference", end: true, width: "8rem", cell: (row) => <Exact micros={row.delta_usd_micros} sign /> },
  { head: "New", end: true, width: "8rem", cell: (row) => <Exact micros={row.new_usd_micros} /> },
  { head: "When", width: "12rem", cell: (row) => <Time at={row.at} /> },
  {
    head: "Why",
    wide: true,
    cell: (row) => (
      <span title={row.reason} className="line-clamp-1 max-w-96 text-small break-all text-muted">
        {row.reason}
      </span>
    ),
  },
  { head: "Record", width: "6rem", cell: (row) => <RecordLink topic="budget-entries" partition={row.partition} offset={row.offset} /> },
];
