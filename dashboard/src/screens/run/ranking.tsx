/** How the router ranked the models for a call: what each scored, and why it was passed over. */
import type { ReactNode } from "react";
import { Money } from "../../components/figures";
import { Status } from "../../components/status";
import { span } from "../../format/numbers";
import { Known } from "./facts";
import type { Routing } from "./story";

type Ranked = Routing["ranking"][number];

export function Ranking({ routing }: { routing: Routing }) {
  const { ranking } = routing;
  const criteria = [...new Set(ranking.flatMap((each) => Object.keys(each.scores)))];
  const lines: [string, (each: Ranked) => ReactNode][] = [
    ["Standing", (each) => <Status of={each.standing.replaceAll("_", " ")} />],
    ["Score", (each) => <b>{each.score}</b>],
    ...criteria.map((name): [string, (each: Ranked) => ReactNode] => [`of ${name}`, (each) => each.scores[name] ?? "–"]),
    ["Cost at most", (each) => <Money micros={each.cost_usd_micros_max} />],
    ["Expected in", (each) => span(each.latency_ms)],
    ["Failed lately", (each) => `${each.failures} of ${each.attempts}`],
  ];
  return (
    <>
      <Known
        facts={[
          ["Chosen", routing.model],
          ["Route", routing.route],
          ["Asked of it", routing.constraints.map((each) => `${each.name}: ${each.value}`).join("; ")],
        ]}
      />
      <div className="overflow-x-auto rounded border border-line" tabIndex={0} role="region" aria-label="Ranking of the models">
        <table className="w-full text-right text-small">
          <caption className="px-2 py-1 text-left text-small text-muted">Ranking of the models; scores are thousandths, 1000 the best.</caption>
          <thead className="bg-panel">
            <tr>
              <td className="sticky left-0 bg-panel" />
              {ranking.map((each) => (
                <th key={each.model} scope="col" className="px-1.5 py-1 font-medium whitespace-nowrap">
                  {each.model}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.map(([name, cell]) => (
              <tr key={name} className="border-t border-line">
                <th scope="row" className="sticky left-0 bg-bg px-1.5 py-0.5 text-left font-normal whitespace-nowrap text-muted">
                  {name}
                </th>
                {ranking.map((each) => (
                  <td key={each.model} className="px-1.5 py-0.5 whitespace-nowrap">
                    {cell(each)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <section>
        <h3 className="mb-1">Why</h3>
        <Known facts={ranking.map((each): [string, string] => [each.model, each.reason])} />
      </section>
    </>
  );
}
