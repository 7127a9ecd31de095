import { type KeyboardEvent, memo, type ReactNode } from "react";
import { classes } from "./classes";

export interface Column<T> {
  head: string;
  cell: (row: T) => ReactNode;
  /** To the right, as figures are. */
  end?: boolean;
  /** Left out on narrow screens. */
  wide?: boolean;
  /** A CSS width, so that nothing jumps when the rows change. */
  width?: string;
}

/** A table with a head that stays; with `onOpen` the arrow keys go from row to row, and Enter opens one. */
export function Table<T>({
  label,
  columns,
  rows,
  rowKey,
  onOpen,
  max = "60vh",
  least,
}: {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  onOpen?: (row: T) => void;
  /** Its height at most; then it scrolls by itself. */
  max?: string;
  /** A CSS width: columns keep theirs whatever the rows say, and below this the table scrolls sideways. */
  least?: string;
}) {
  return (
    <div className="overflow-auto" style={{ maxHeight: max }} tabIndex={0} role="region" aria-label={label}>
      <table className={classes("w-full border-collapse text-left", least && "table-fixed")} style={{ minWidth: least }}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.head}
                scope="col"
                style={{ width: column.width }}
                className={classes(
                  "sticky top-0 z-10 border-b border-line bg-panel px-3 py-1 text-small font-medium whitespace-nowrap text-muted",
                  column.end && "text-right",
                  column.wide && "max-lg:hidden",
                )}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={rowKey(row)} row={row} columns={columns as readonly Column<unknown>[]} {...(onOpen ? { onOpen: onOpen as (row: unknown) => void } : {})} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A row that is what it was is not made again, however often the table is. */
const Row = memo(function Row({ row, columns, onOpen }: { row: unknown; columns: readonly Column<unknown>[]; onOpen?: (row: unknown) => void }) {
  function key(event: KeyboardEvent<HTMLTableRowElement>) {
    const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key] as "nextElementSibling" | undefined;
    const next = to && event.currentTarget[to];
    if (next instanceof HTMLElement) {
      event.preventDefault();
      next.focus();
    } else if (event.key === "Enter" && event.target === event.currentTarget) onOpen?.(row);
  }
  return (
    <tr
      tabIndex={onOpen ? 0 : undefined}
      onKeyDown={onOpen && key}
      onClick={onOpen && (() => onOpen(row))}
      className={classes("border-b border-line last:border-0 hover:bg-panel", onOpen && "cursor-pointer")}
    >
      {columns.map((column) => (
        <td key={column.head} className={classes("h-[var(--row)] px-3 py-1", column.end && "text-right", column.wide && "max-lg:hidden")}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
});
