import { classes } from "./classes";

export interface Bar {
  /** What it stands for, such as a day. */
  key: string;
  value: number;
  /** What stands below it: short. */
  under: string;
  /** Its value with its unit, for who points at it. */
  text: string;
}

const LABELS_MAX = 6;

/** Bars over a row of keys; the axis goes by `scale`, from the least to the most. A table beside it says the same to who sees no bars. */
export function Bars({ label, bars, scale, axis }: { label: string; bars: readonly Bar[]; scale: readonly number[]; axis: (value: number) => string }) {
  const [least, most] = [scale[0] ?? 0, scale.at(-1) ?? 1];
  const height = (value: number) => `${(Math.abs(value) / (most - least)) * 100}%`;
  const place = (value: number) => `${((value - least) / (most - least)) * 100}%`;
  const every = Math.ceil(bars.length / LABELS_MAX);
  return (
    <figure aria-label={label} className="p-3">
      <div aria-hidden="true" className="grid h-44 grid-cols-[5.5rem_minmax(0,1fr)] grid-rows-[minmax(0,1fr)_1.5rem]">
        <div className="relative">
          {scale.map((value) => (
            <span key={value} className="absolute right-2 translate-y-1/2 text-small text-muted" style={{ bottom: place(value) }}>
              {axis(value)}
            </span>
          ))}
        </div>
        <div className="relative border-l border-line">
          {scale.map((value) => (
            <span key={value} className={classes("absolute inset-x-0 border-t", value === 0 ? "border-line-strong" : "border-line")} style={{ bottom: place(value) }} />
          ))}
          <div className="absolute inset-0 flex">
            {bars.map((bar) => (
              <div key={bar.key} title={`${bar.key}: ${bar.text}`} className="relative min-w-0 flex-1 hover:bg-panel">
                <span
                  className={classes("absolute inset-x-px", bar.value < 0 ? "bg-[var(--series-4)]" : "bg-[var(--series-1)]", bar.value !== 0 && "min-h-0.5")}
                  style={{ bottom: place(Math.min(bar.value, 0)), height: height(bar.value) }}
                />
              </div>
            ))}
          </div>
        </div>
        <div />
        <div className="flex pt-1 text-small text-muted">
          {bars.map((bar, number) => (
            <span key={bar.key} className="min-w-0 flex-1 whitespace-nowrap">
              {number % every === 0 && number + every / 2 <= bars.length && bar.under}
            </span>
          ))}
        </div>
      </div>
    </figure>
  );
}
