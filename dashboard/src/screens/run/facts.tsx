/** What is known of each kind of thing that happens in a run. */
import type { ReactNode } from "react";
import { classes } from "../../components/classes";
import { Figure, Money, Time } from "../../components/figures";
import { Status } from "../../components/status";
import { took } from "../../format/numbers";
import { Ranking } from "./ranking";
import type { Attempt, Call, Decision, Entry, Of, Step } from "./story";

/** Names and what they say, in two columns; what says nothing is left out. */
export function Known({ facts, mono = false }: { facts: readonly (readonly [name: string, said: ReactNode])[]; mono?: boolean }) {
  return (
    <dl className="grid grid-cols-[minmax(6rem,max-content)_minmax(0,1fr)] gap-x-3 gap-y-0.5">
      {facts
        .filter(([, said]) => said !== "" && said !== null && said !== undefined && said !== false)
        .map(([name, said]) => (
          <div key={name} className="contents">
            <dt className={classes("text-muted", mono && "font-mono text-small")}>{name}</dt>
            <dd className={classes("break-words", mono && "font-mono text-small break-all")}>{said}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Facts({ of }: { of: Of }) {
  if (of.kind === "step") return <StepKnown step={of.step} />;
  if (of.kind === "decision") return <DecisionKnown decision={of.decision} />;
  if (of.kind === "call") return <CallKnown call={of.call} />;
  if (of.kind === "routing") return <Ranking routing={of.routing} />;
  if (of.kind === "attempt") return <AttemptKnown attempt={of.attempt} />;
  if (of.kind === "money") return <EntryKnown entry={of.entry} />;
  return null;
}

function StepKnown({ step }: { step: Step }) {
  return (
    <Known
      facts={[
        ["Attempt", step.attempt],
        ["Agent", `${step.agent}, ${step.uses}`],
        ["Reason", step.reason],
        ["Happened", <><Time at={step.began_at} /> to <Time at={step.ended_at} /></>],
      ]}
    />
  );
}

function DecisionKnown({ decision }: { decision: Decision }) {
  return (
    <>
      <Known
        facts={[
          ["Outcome", <Status of={decision.outcome} />],
          ["Phase", `${decision.phase} the step`],
          ["Rules", `${decision.rules}, version ${decision.rules_version}`],
          ["Restriction", decision.restriction],
          ["Findings", decision.findings.length || "none: no rule applied"],
        ]}
      />
      {decision.findings.length > 0 && (
        <div className="overflow-x-auto rounded border border-line" tabIndex={0} role="region" aria-label="Rules that applied">
          <table className="w-full text-left">
            <thead className="bg-panel text-small text-muted">
              <tr>
                {["Rule", "Severity", "Does", "In", "Evidence"].map((head) => (
                  <th key={head} scope="col" className="px-2 py-1 font-medium">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {decision.findings.map((each, number) => (
                <tr key={number} className="border-t border-line">
                  {[each.rule, each.severity, each.action, each.path, each.evidence].map((said, cell) => (
                    <td key={cell} className="px-2 py-0.5 break-words">
                      {said}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function CallKnown({ call }: { call: Call }) {
  const counted = (list: Call["concealed"]) => list.map((each) => `${each.kind} × ${each.count}`).join(", ");
  return (
    <Known
      facts={[
        ["Model", [call.model, call.provider && `of ${call.provider}`].filter(Boolean).join(" ")],
        ["Task", call.task],
        ["Reason", call.reason],
        ["Tokens", <><Figure value={call.input_tokens} unit="in" />, <Figure value={call.output_tokens} unit="out" /></>],
        ["Cost", <Money micros={call.cost_usd_micros} />],
        ["Saved", call.saved_usd_micros > 0 && <Money micros={call.saved_usd_micros} />],
        ["Answered in", call.latency_ms > 0 && took(call.latency_ms)],
        ["Attempts", call.attempts.length],
        ["Degraded", call.degraded && "yes: the local model answered instead"],
        ["From the cache", call.cached && [call.cached, call.cached_from].filter(Boolean).join(", of ")],
        ["Ended by", call.finish],
        ["Concealed from it", counted(call.concealed)],
        ["Taken out", counted(call.sanitised)],
      ]}
    />
  );
}

function AttemptKnown({ attempt }: { attempt: Attempt }) {
  return (
    <Known
      facts={[
        ["Model", [attempt.model, attempt.provider && `of ${attempt.provider}`].filter(Boolean).join(" ")],
        ["Reason", attempt.reason],
        ["Tokens", <><Figure value={attempt.input_tokens} unit="in" />, <Figure value={attempt.output_tokens} unit="out" /></>],
        ["Cost", <Money micros={attempt.cost_usd_micros} />],
        ["Answered in", attempt.latency_ms > 0 && took(attempt.latency_ms)],
        ["Hold", attempt.hold_id],
      ]}
    />
  );
}

function EntryKnown({ entry }: { entry: Entry }) {
  return (
    <Known
      facts={[
        ["Amount", <Money micros={entry.amount_usd_micros} />],
        ["Held by it", <Money micros={entry.held_usd_micros} />],
        ["Billed by it", <Money micros={entry.billed_usd_micros} />],
        ["In doubt", entry.in_doubt && "yes: whether the provider bills it is not known"],
        ["Budgets", entry.level !== "unknown" && entry.level],
        ["Reason", entry.reason],
        ["Model", entry.model],
        ["Asked for by", entry.principal],
        ["Team", entry.team],
        ["Entry", <Figure value={entry.sequence} text={String(entry.sequence)} />],
        ["Hold", entry.hold_id],
      ]}
    />
  );
}
