/** How full each pot is now, and what is held of them for calls under way. */
import { useQuery } from "@tanstack/react-query";
import { call } from "../../api/client";
import type { Answer } from "../../api/contract";
import { classes } from "../../components/classes";
import { Exact, Figure, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { Badge, type Tone } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { grouped } from "../../format/money";
import { usePerson } from "../../session/hooks";
import { Aside, RunLink } from "./parts";

type Budgeted = Answer<"GET /budgets">;
type Pot = Budgeted["pots"][number];
type Hold = Budgeted["holds"][number];

const AGAIN_MS = 5_000;
/** A hold lives for a minute and a half at most. */
const LEVELS: Record<Pot["level"], readonly [Tone, string]> = {
  within: ["ok", "within"],
  warn: ["warn", "warn"],
  downgrade: ["bad", "downgrade"],
  stop: ["bad", "stop"],
  unknown: ["muted", "unknown"],
};

export default function Budgets() {
  const found = useQuery({ queryKey: ["/budgets"], queryFn: ({ signal }) => call<Budgeted>("/budgets", { signal }), refetchInterval: AGAIN_MS });
  return (
    <Loaded query={found} rows={10}>
      {(said) => (
        <div className="grid gap-3">
          <Panel title="Pots" side={<Aside>one member's share of one budget in one window; by all entries up to number {grouped(said.sequence)}</Aside>}>
            {said.pots.length ? <Table label="Pots" columns={POTS} rows={said.pots} rowKey={(pot) => [pot.budget, pot.member, pot.window].join()} max="none" /> : <Unlimited />}
            <p className="border-t border-line px-3 py-2 text-small text-muted">
              warn: entries say so. downgrade: calls go to cheaper models, at last to the local one. stop: calls are refused. What re-pricing changed is in
              the ledger, not in the pots.
            </p>
          </Panel>
          <Panel
            title="Open holds"
            side={
              <Aside>
                {grouped(said.open_holds)} open{said.open_holds > said.holds.length && `, the first ${said.holds.length} shown`}; {grouped(said.in_doubt)} attempts
                in doubt, billed whole
              </Aside>
            }
          >
            {said.holds.length ? (
              <Table label="Open holds" columns={HOLDS} rows={said.holds} rowKey={(hold) => hold.hold_id} />
            ) : (
              <Empty title="Nothing is held now.">A hold is the most that a call under way can cost; it ends with the call, at the latest with its lease.</Empty>
            )}
          </Panel>
        </div>
      )}
    </Loaded>
  );
}

function Unlimited() {
  const { tenant } = usePerson();
  return (
    <Empty title="Your tenant has no budget: it may spend what it likes.">
      All is held and billed just the same. Whoever runs the platform sets budgets: <code className="font-mono">auterity budgets set FILE --tenant {tenant}</code>
    </Empty>
  );
}

/** Billed and held of the limit; the figures beside it say the same. */
function Fill({ pot }: { pot: Pot }) {
  const part = (micros: number) => `${Math.min(100, pot.limit_usd_micros ? (micros / pot.limit_usd_micros) * 100 : 100)}%`;
  const tone = { within: "bg-ok", warn: "bg-warn" }[pot.level as string] ?? "bg-bad";
  return (
    <span className="flex items-center justify-end gap-2">
      <span aria-hidden="true" className="flex h-2 w-24 overflow-hidden rounded bg-line max-sm:hidden">
        <span className={classes("h-full shrink-0", tone)} style={{ width: part(pot.billed_usd_micros) }} />
        <span className={classes("h-full shrink-0 opacity-50", tone)} style={{ width: part(pot.held_usd_micros) }} />
      </span>
      <Figure value={pot.percent} unit="%" text={pot.percent.toFixed(1)} />
    </span>
  );
}

const POTS: readonly Column<Pot>[] = [
  { head: "Budget", cell: (pot) => pot.budget },
  {
    head: "Of",
    cell: (pot) => (
      <>
        <span className="text-muted">{pot.scope}</span> <span className="wrap-anywhere">{pot.member}</span>
      </>
    ),
  },
  { head: "Full", end: true, width: "12rem", cell: (pot) => <Fill pot={pot} /> },
  { head: "Level", width: "7rem", cell: (pot) => <Badge tone={LEVELS[pot.level][0]}>{LEVELS[pot.level][1]}</Badge> },
  { head: "Window", cell: (pot) => (pot.period === "total" ? "total" : <span className="whitespace-nowrap">{`${pot.period} ${pot.window}`}</span>) },
  { head: "Billed", end: true, width: "8rem", cell: (pot) => <Exact micros={pot.billed_usd_micros} /> },
  { head: "Held", end: true, width: "8rem", cell: (pot) => <Exact micros={pot.held_usd_micros} /> },
  { head: "Left", end: true, width: "8rem", cell: (pot) => <Exact micros={pot.limit_usd_micros - pot.billed_usd_micros - pot.held_usd_micros} /> },
  { head: "Limit", end: true, width: "8rem", cell: (pot) => <Exact micros={pot.limit_usd_micros} /> },
];

const HOLDS: readonly Column<Hold>[] = [
  { head: "Lease ends", width: "9rem", cell: (hold) => <Time at={hold.lease_until} day={false} /> },
  { head: "Held", end: true, width: "8rem", cell: (hold) => <Exact micros={hold.amount_usd_micros} /> },
  { head: "Model", cell: (hold) => hold.model },
  { head: "Workflow, step", wide: true, cell: (hold) => `${hold.workflow}, ${hold.step}, attempt ${hold.attempt}` },
  { head: "Team", wide: true, cell: (hold) => hold.team || <span className="text-muted">none</span> },
  { head: "Asked by", wide: true, cell: (hold) => hold.principal || <span className="text-muted">an event</span> },
  { head: "Run", width: "7rem", cell: (hold) => <RunLink id={hold.run_id} /> },
];
