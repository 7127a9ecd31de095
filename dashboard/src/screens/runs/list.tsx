/** The list: its newest page is asked again as runs go on, older ones come when they are wanted. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { call } from "../../api/client";
import { Button } from "../../components/button";
import { Figure, Money, Time } from "../../components/figures";
import { Panel } from "../../components/panel";
import { Empty, Loaded } from "../../components/states";
import { Status } from "../../components/status";
import { type Column, Table } from "../../components/table";
import { toast } from "../../components/toast";
import { useAskAgain } from "../../live/again";
import { go, Link } from "../../router";
import { Duration } from "./duration";
import { letIn, newest, older, type Page, type Rows, type Run, told } from "./rows";

const LIMIT = 50;
const HEIGHT = "max(24rem, calc(100dvh - 16.5rem))";

export function List({ query, wrong }: { query: Record<string, string>; wrong: readonly string[] }) {
  const [rows, setRows] = useState<Rows | null>(null);
  const [more, setMore] = useState(false);
  const hold = useHold(() => setRows((now) => now && letIn(now)));
  const head = useQuery({
    queryKey: ["/workflows", query],
    queryFn: ({ signal }) => asked(query, "", signal),
    enabled: !wrong.length,
    staleTime: 0,
  });
  useEffect(() => {
    if (head.data) setRows((now) => newest(now, head.data, hold.on()));
  }, [head.data]);
  useAskAgain(
    (event) => event.channel !== "decisions",
    () => void head.refetch({ cancelRefetch: false }),
    (events) => setRows((now) => now && told(now, events)),
  );
  async function next() {
    if (!rows?.next) return;
    setMore(true);
    try {
      const page = await asked(query, rows.next);
      setRows((now) => now && older(now, page));
    } catch (error) {
      toast(error instanceof Error ? error.message : "The next page did not come.");
    } finally {
      setMore(false);
    }
  }
  if (wrong.length) {
    return (
      <Panel title="Runs found">
        <Empty title="Nothing is asked for while a filter is wrong.">{wrong.join(" ")}</Empty>
      </Panel>
    );
  }
  const waiting = rows?.anew ? `${LIMIT} or more` : rows?.waiting.length;
  return (
    <Panel
      title="Runs found"
      side={
        <div className="flex min-h-[var(--row)] items-center gap-3 text-small text-muted">
          <span role="status" className="sr-only">
            {waiting ? "There are new runs." : ""}
          </span>
          {waiting ? (
            <Button
              kind="primary"
              onClick={() => {
                hold.top();
                setRows((now) => now && letIn(now));
              }}
            >
              {waiting} new
            </Button>
          ) : null}
          {head.error && head.data ? <span className="text-warn">Not of now: {head.error.message}</span> : head.data && <span>as of <Time at={head.data.as_of} day={false} /></span>}
        </div>
      }
    >
      <div ref={hold.place} {...hold.watch} style={{ minHeight: "24rem" }}>
        <Loaded query={{ data: rows ?? undefined, error: head.error, refetch: head.refetch }} rows={12}>
          {({ shown, next: cursor }) =>
            shown.length ? (
              <>
                <Table label="Runs" columns={COLUMNS} rows={shown} rowKey={keyOf} onOpen={open} max={HEIGHT} least="min(40rem, 100%)" />
                <div className="flex items-center justify-between gap-2 border-t border-line p-2 text-small text-muted">
                  <Button onClick={() => void next()} busy={more} disabled={!cursor}>
                    {LIMIT} more
                  </Button>
                  <span>
                    {shown.length} shown, {cursor ? "there are more" : "that is all"}; newest first, by when the log took the first event
                  </span>
                </div>
              </>
            ) : (
              <Empty title={Object.keys(query).length ? "No run is like that." : "There has been no run yet."} />
            )
          }
        </Loaded>
      </div>
    </Panel>
  );
}

async function asked(query: Record<string, string>, cursor: string, signal?: AbortSignal): Promise<Page & { as_of: string | null }> {
  return call("/workflows", { query: { ...query, limit: LIMIT, cursor }, ...(signal ? { signal } : {}) });
}

/** Whether rows must stay where they are: the list is scrolled, or the pointer or the keyboard is among them. */
function useHold(released: () => void) {
  const place = useRef<HTMLDivElement>(null);
  const over = useRef(false);
  const scroller = () => place.current?.querySelector("[role=region]");
  const on = useCallback(() => over.current || (scroller()?.scrollTop ?? 0) > 0 || document.activeElement?.closest("tr")?.parentElement?.tagName === "TBODY", []);
  const left = () => queueMicrotask(() => on() || released());
  return {
    place,
    on,
    top: () => scroller()?.scrollTo(0, 0),
    watch: {
      onPointerEnter: () => void (over.current = true),
      onPointerLeave: () => {
        over.current = false;
        left();
      },
      onScrollCapture: left,
    },
  };
}

const keyOf = (run: Run) => run.run_id;
const address = (run: Run) => `/app/runs/${encodeURIComponent(run.run_id)}`;
const open = (run: Run) => go(address(run));

const COLUMNS: readonly Column<Run>[] = [
  { head: "Status", width: "6.5rem", cell: (run) => <Status of={run.status} /> },
  {
    head: "Workflow",
    width: "11rem",
    cell: (run) => (
      <>
        <Link to={address(run)} onClick={(event) => event.stopPropagation()} tabIndex={-1} className="block truncate" title={`${run.workflow}, version ${run.version}`}>
          {run.workflow}
        </Link>
        <span className="text-small lg:hidden">
          <Time at={run.began_at} />
        </span>
      </>
    ),
  },
  { head: "Subject", wide: true, width: "14rem", cell: (run) => <span className="block truncate" title={run.subject}>{run.subject}</span> },
  { head: "Run", wide: true, width: "9rem", cell: (run) => <code className="block truncate font-mono text-small" title={run.run_id}>{run.run_id}</code> },
  { head: "Began", wide: true, width: "16rem", cell: (run) => <Time at={run.began_at} /> },
  { head: "Duration", wide: true, width: "8rem", end: true, cell: (run) => <Duration began={run.began_at} ended={run.ended_at} /> },
  { head: "Steps", wide: true, width: "5rem", end: true, cell: (run) => <Steps of={run.steps} /> },
  { head: "Cost", width: "6rem", end: true, cell: (run) => <Money micros={run.cost_usd_micros} /> },
];

function Steps({ of }: { of: Run["steps"] }) {
  const all = Object.values(of).reduce((sum, each) => sum + each, 0);
  const said = Object.entries(of).map(([status, number]) => `${number} ${status}`);
  return (
    <span title={said.join(", ")}>
      <Figure value={of["completed"] ?? 0} />
      <span className="text-muted">/{all}</span>
    </span>
  );
}
