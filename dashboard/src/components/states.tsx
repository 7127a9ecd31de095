import type { ReactNode } from "react";
import { Problem } from "../api/problem";
import { Button } from "./button";

/** What stands in the place of what is not there. */
function Instead({ title, children, alert = false }: { title: string; children?: ReactNode; alert?: boolean }) {
  return (
    <div role={alert ? "alert" : undefined} className="grid min-h-24 place-content-center justify-items-center gap-2 p-4 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-prose text-muted">{children}</div>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return <Instead title={title}>{children}</Instead>;
}

/** Says that something comes; it takes the place that the thing will take, so that nothing jumps. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div role="status" className="grid gap-2 p-3">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} aria-hidden="true" className="h-4 rounded bg-panel" />
      ))}
    </div>
  );
}

export function Forbidden({ needs }: { needs: string }) {
  return (
    <Instead title="Your roles do not permit this.">
      It needs <code className="font-mono">{needs}</code>; an admin of your tenant can give you a role that has it.
    </Instead>
  );
}

export function Offline({ onAgain }: { onAgain: () => void }) {
  return (
    <Instead title="The gateway does not answer." alert>
      <p className="mb-3">Nothing is shown that may be out of date. What is under way goes on without this page.</p>
      <Button onClick={onAgain}>Try again</Button>
    </Instead>
  );
}

/** What went wrong, in the gateway's own words, with the id under which the log has it. */
export function Failure({ error, onAgain }: { error: unknown; onAgain?: () => void }) {
  if (error instanceof Problem && error.offline && onAgain) return <Offline onAgain={onAgain} />;
  const problem = error instanceof Problem ? error : null;
  return (
    <Instead title={problem?.detail ?? "Something in this page went wrong."} alert>
      {problem?.correlationId && (
        <p className="mb-3 text-small">
          Call <code className="font-mono break-all">{problem.correlationId}</code>
        </p>
      )}
      {onAgain && <Button onClick={onAgain}>Try again</Button>}
    </Instead>
  );
}

/** Shows one of these states, or the data. */
export function Loaded<T>({
  query,
  rows,
  children,
}: {
  query: { data: T | undefined; error: Error | null; refetch: () => unknown };
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failure error={query.error} onAgain={() => void query.refetch()} />;
  return <Loading {...(rows ? { rows } : {})} />;
}

/** What the gateway says against what was asked, beside the form that asked it. */
export function Refused({ error }: { error: Error | null }) {
  if (!error) return null;
  return (
    <p role="alert" className="text-bad">
      {error.message}
    </p>
  );
}

/** Below a list: what asks for its next page, as long as there is one. */
export function More({ list }: { list: { more: boolean; next: () => void; busy: boolean } }) {
  if (!list.more) return null;
  return (
    <div className="border-t border-line p-2">
      <Button onClick={list.next} busy={list.busy}>
        More
      </Button>
    </div>
  );
}
