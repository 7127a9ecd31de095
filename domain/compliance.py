"""Decides whether a step may run on its input, and whether its output may be used."""

from collections.abc import Iterator, Mapping, Sequence

from domain.definitions import Definitions, Rule
from domain.expressions import ExpressionFailed, Scope
from domain.ids import derive
from domain.models import LOCAL
from domain.privacy import redact
from schemas.events import AgentStep, ComplianceDecision, Event, Finding, Outcome, Phase, StepStatus

PHASES = {StepStatus.REQUESTED: Phase.BEFORE, StepStatus.PERFORMED: Phase.AFTER}


class Compliance:
    """agent-steps -> compliance-decisions."""

    name = "compliance"
    inputs = ("agent-steps",)
    state = None
    newest = False

    def decide(self, state: None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Judges the input of a requested step and the output of a performed one, under the run's pinned rules."""
        assert isinstance(event, AgentStep)
        phase = PHASES.get(event.status)
        if phase is None:
            return []
        return [_decision(event, phase, definitions)]

    def evolve(self, state: None, event: Event) -> None:
        """Keeps nothing."""


def _decision(step: AgentStep, phase: Phase, definitions: Definitions) -> ComplianceDecision:
    payload = step.input if phase is Phase.BEFORE else step.output
    findings: list[Finding] = []
    rules_id, rules_version = None, 0
    if step.rules_digest is not None:
        rules = definitions.rules(step.rules_digest)
        rules_id, rules_version = rules.id, step.rules_version
        scope = Scope(input=payload, step={"id": step.step, "agent": step.agent, "uses": step.uses})
        clean = dict(payload)
        for rule in rules.rules:
            if rule.phase in (phase, "both"):
                findings += _findings(rule, scope, clean)
        payload = clean if clean != payload else payload
    changed = payload is not step.input and payload is not step.output
    outcome = _outcome(findings, changed)
    return ComplianceDecision(
        event_id=derive(step.event_id, "compliance-decisions"),
        tenant_id=step.tenant_id,
        correlation_id=step.correlation_id,
        causation_id=step.event_id,
        occurred_at=step.occurred_at,
        run_id=step.run_id,
        step=step.step,
        attempt=step.attempt,
        phase=phase,
        outcome=outcome,
        rules=rules_id,
        rules_version=rules_version,
        rules_digest=step.rules_digest,
        workflow_digest=step.workflow_digest,
        models_digest=step.models_digest,
        findings=findings,
        restriction=LOCAL if any(finding.action == "restrict" for finding in findings) else None,
        payload={} if outcome is Outcome.REFUSED else payload,
        principal=step.principal,
    )


def _outcome(findings: Sequence[Finding], changed: bool) -> Outcome:
    actions = {finding.action for finding in findings}
    if "refuse" in actions:
        return Outcome.REFUSED
    if "escalate" in actions:
        return Outcome.ESCALATED
    if changed or "restrict" in actions:
        return Outcome.REMEDIATED
    return Outcome.ALLOWED


def _findings(rule: Rule, scope: Scope, payload: dict[str, str]) -> Iterator[Finding]:
    """Yields what the rule finds, and redacts the payload in place when that is what it does."""
    try:
        applies = rule.when is None or scope.holds(rule.when)
    except ExpressionFailed as error:  # fail closed: a rule that cannot be decided refuses
        yield Finding(rule=rule.id, severity=rule.severity, action="refuse", evidence=f"undecidable: {error}")
        return
    if not applies:
        return
    if rule.detect:
        yield from _detected(rule, payload)
    elif rule.action == "redact":
        for name in rule.fields:
            token = f"[{rule.id}]"
            if payload.get(name, token) != token:
                payload[name] = token
                yield Finding(rule=rule.id, severity=rule.severity, action=rule.action, path=name, evidence="field")
    else:
        yield Finding(rule=rule.id, severity=rule.severity, action=rule.action, evidence=_evidence(rule, payload))


def _detected(rule: Rule, payload: dict[str, str]) -> Iterator[Finding]:
    for name in rule.fields or sorted(payload):
        text, counts = redact(payload.get(name, ""), rule.detect)
        for kind, count in counts.items():
            evidence = f"{kind} x {count}"
            yield Finding(rule=rule.id, severity=rule.severity, action=rule.action, path=name, evidence=evidence)
        if rule.action == "redact" and name in payload:
            payload[name] = text


def _evidence(rule: Rule, payload: Mapping[str, str]) -> str:
    """Returns the condition, and the values of the fields that the rule names as safe to show: should one hold
    personal data all the same, without it."""
    shown = "; ".join(f"{name} = {redact(payload.get(name, 'absent'))[0]}" for name in rule.fields)
    return f"{rule.when or 'always'}" + (f" ({shown})" if shown else "")
