/** Live series over time, drawn by uPlot: what comes moves in from the right, and the axis keeps its width. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { rate } from "../format/numbers";
import { moment } from "../format/time";

export interface Line {
  label: string;
  /** One of the tokens --series-1 to --series-4. */
  colour: 1 | 2 | 3 | 4;
  /** Null: not known, which is a gap. */
  values: readonly (number | null)[];
}

const AXIS_PX = 52;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
/** Lines differ in more than their colour. */

/** `second` is that of the last value, of the epoch; each line has a value a second. */
export function Chart({ label, lines, second, height = 180 }: { label: string; lines: readonly Line[]; second: number; height?: number }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = lines.map((line) => line.label).join();
  const length = lines[0]?.values.length ?? 0;
  const data: uPlot.AlignedData = [
    Array.from({ length }, (_, back) => second - length + 1 + back),
    ...lines.map((line) => line.values as (number | null)[]),
  ];

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(options(lines, element.clientWidth, height), data, element);
    plot.current = made;
    const size = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    size.observe(element);
    const redraw = () => {
      colours.clear();
      made.redraw(false, true);
    };
    const theme = new MutationObserver(redraw);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme", "style"] });
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", redraw);
    return () => {
      size.disconnect();
      theme.disconnect();
      system.removeEventListener("change", redraw);
      made.destroy();
      plot.current = null;
    };
    // The data goes in below, without a new chart.
  }, [shape, height]);

  useEffect(() => {
    plot.current?.setData(data);
    // Once a second: in between the chart would only draw itself again.
  }, [second, shape]);

  return (
    <figure className="min-w-0 p-3" aria-label={label}>
      <ul className="mb-1 flex flex-wrap gap-x-4 gap-y-1">
        {lines.map((line, number) => (
          <li key={line.label} className="flex items-center gap-1.5">
            <svg width="18" height="6" aria-hidden="true">
              <line x1="0" x2="18" y1="3" y2="3" stroke={`var(--series-${line.colour})`} strokeWidth="2" strokeDasharray={DASHES[number]?.join(" ")} />
            </svg>
            {line.label}
            <span className="min-w-10 text-right font-medium">{rate(line.values.at(-1) ?? 0)}</span>
            <span className="text-muted">/s</span>
          </li>
        ))}
      </ul>
      <div ref={place} aria-hidden="true" style={{ height }} />
    </figure>
  );
}

const colours = new Map<string, string>();

/** A canvas knows nothing of light-dark(): the browser resolves it for an element, which takes long enough to do it once. */
function token(name: string): string {
  const known = colours.get(name);
  if (known) return known;
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  colours.set(name, colour);
  return colour;
}

function options(lines: readonly Line[], width: number, height: number): uPlot.Options {
  const axis = { stroke: () => token("--muted"), grid: { stroke: () => token("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] } },
    axes: [
      { ...axis, size: 24, space: 90, values: (_, seconds) => seconds.map((each) => moment(new Date(each * 1000).toISOString())?.clock ?? "") },
      { ...axis, size: AXIS_PX, space: 34, values: (_, values) => values.map((each) => rate(each)) },
    ],
    series: [
      {},
      ...lines.map(
        (line, number): uPlot.Series => ({
          label: line.label,
          stroke: () => token(`--series-${line.colour}`),
          width: 1.5,
          points: { show: false },
          ...(DASHES[number]?.length ? { dash: DASHES[number] } : {}),
        }),
      ),
    ],
  };
}
