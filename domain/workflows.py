"""Decides how a run goes on: which step is next, and how it ends.

The state of a run is the set of facts that have arrived: its request, and how each step was settled. What is put
out is a function of that set alone, so that no order of arrival changes it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field

from domain.definitions import Definitions, Step, Workflow, pinned
from domain.expressions import LIBRARIES
from domain.ids import derive
from domain.privacy import DETECTORS_VERSION
from domain.sanitising import SANITISER_VERSION
from schemas.events import (
    AgentStep,
    ComplianceDecision,
    Event,
    Outcome,
    Phase,
    Request,
    RequestKind,
    RunStatus,
    StepStatus,
    WorkflowRun,
)

CALLS = frozenset({RequestKind.CALL, RequestKind.CONNECTION})
"""Requests of no run: what came through the gateway, as it was answered."""


class Settled(Struct, frozen=True):
    """How a step ended."""

    status: StepStatus
    attempt: int
    cause: str
    occurred_at: datetime
    output: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class Run(Struct, frozen=True):
    """What is known of a run."""

    request: Request | None = None
    settled: dict[str, Settled] = field(default_factory=dict)
    """By step: completed, refused or failed. Skipped steps follow from these."""


class Workflows:
    """requests, agent-steps, compliance-decisions -> workflow-runs, agent-steps."""

    name = "workflows"
    inputs = ("requests", "agent-steps", "compliance-decisions")
    state = Run
    newest = False

    def decide(self, state: Run | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Returns what the run's facts imply with this event and did not imply without it."""
        after = self.evolve(state, event)
        if after is None or after is state or after.request is None:
            return []
        before = {each.event_id for each in _implied(state, definitions)} if state else set()
        return [each for each in _implied(after, definitions) if each.event_id not in before]

    def evolve(self, state: Run | None, event: Event) -> Run | None:
        """Adds the event to the facts; what is no fact or is known already changes nothing."""
        if isinstance(event, Request) and event.kind in CALLS:
            return state
        run = state or Run()
        if isinstance(event, Request) and event.kind is RequestKind.RUN and run.request is None:
            return Run(event, run.settled)
        fact = _fact(event)
        if fact is None or fact[0] in run.settled:
            return run
        return Run(run.request, {**run.settled, fact[0]: fact[1]})


def _fact(event: Event) -> tuple[str, Settled] | None:
    if isinstance(event, ComplianceDecision):
        if event.outcome is Outcome.REFUSED:
            why = ", ".join(finding.rule for finding in event.findings if finding.action == "refuse")
            reason = f"refused {event.phase} the step by {why}"
            status, output = StepStatus.REFUSED, {}
        elif event.phase is Phase.AFTER:
            reason, status, output = "", StepStatus.COMPLETED, event.payload
        else:
            return None
        return event.step, Settled(status, event.attempt, event.event_id, event.occurred_at, output, reason)
    if isinstance(event, AgentStep) and event.status is StepStatus.FAILED:
        failed = Settled(StepStatus.FAILED, event.attempt, event.event_id, event.occurred_at, {}, event.reason)
        return event.step, failed
    return None


def _implied(run: Run, definitions: Definitions) -> Iterator[Event]:
    """Yields every event that the facts imply, in the order of the workflow."""
    request = run.request
    if request is None:
        return
    pin = pinned(request.pins, "workflow")
    assert pin is not None
    workflow = definitions.workflow(pin.digest)
    started = _started(request)
    yield started
    ended: dict[str, Settled] = {}
    for step in workflow.steps:
        needs = [ended.get(need) for need in step.needs]
        if any(need is None for need in needs):
            continue
        known = [need for need in needs if need is not None]
        bad = [name for name, need in zip(step.needs, known, strict=True) if need.status is not StepStatus.COMPLETED]
        if bad:
            last = _latest(known)
            reason = f"needs {', '.join(bad)}"
            ended[step.id] = Settled(StepStatus.SKIPPED, 1, last.cause, last.occurred_at, {}, reason)
            yield _settled(request, step, ended[step.id])
            continue
        yield _requested(request, step, known, started)
        if step.id in run.settled:
            ended[step.id] = run.settled[step.id]
            if ended[step.id].status is not StepStatus.FAILED:
                yield _settled(request, step, ended[step.id])
    if len(ended) == len(workflow.steps):
        yield _ended(request, workflow, ended)


def _latest(settled: Sequence[Settled]) -> Settled:
    return max(settled, key=lambda each: (each.occurred_at, each.cause))


def _started(request: Request) -> WorkflowRun:
    assert request.run_id is not None and request.workflow is not None
    return WorkflowRun(
        event_id=derive(request.run_id, "workflow-runs", "started"),
        tenant_id=request.tenant_id,
        correlation_id=request.correlation_id,
        causation_id=request.event_id,
        occurred_at=request.occurred_at,
        run_id=request.run_id,
        workflow=request.workflow,
        status=RunStatus.STARTED,
        source=request.source,
        subject=request.subject,
        pins=request.pins,
        libraries={**LIBRARIES, "detectors": DETECTORS_VERSION, "sanitiser": SANITISER_VERSION},
    )


def _requested(request: Request, step: Step, needs: Sequence[Settled], started: WorkflowRun) -> AgentStep:
    assert request.run_id is not None
    given: dict[str, str] = {} if needs else request.attributes
    for need in needs:
        given = {**given, **need.output}
    digests = {pin.kind: pin.digest for pin in request.pins}
    rules = pinned(request.pins, "rules")
    return AgentStep(
        event_id=derive(request.run_id, step.id, "1", "requested"),
        tenant_id=request.tenant_id,
        correlation_id=request.correlation_id,
        causation_id=_latest(needs).cause if needs else started.event_id,
        occurred_at=_latest(needs).occurred_at if needs else request.occurred_at,
        run_id=request.run_id,
        step=step.id,
        agent=step.agent,
        uses=step.uses,
        status=StepStatus.REQUESTED,
        workflow_digest=digests["workflow"],
        rules_digest=digests.get("rules"),
        rules_version=rules.version if rules is not None else 0,
        models_digest=digests["models"],
        input=given,
        principal=request.principal,
    )


def _settled(request: Request, step: Step, settled: Settled) -> AgentStep:
    assert request.run_id is not None
    return AgentStep(
        event_id=derive(request.run_id, step.id, str(settled.attempt), "settled"),
        tenant_id=request.tenant_id,
        correlation_id=request.correlation_id,
        causation_id=settled.cause,
        occurred_at=settled.occurred_at,
        run_id=request.run_id,
        step=step.id,
        attempt=settled.attempt,
        agent=step.agent,
        uses=step.uses,
        status=settled.status,
        output=settled.output,
        reason=settled.reason,
    )


def _ended(request: Request, workflow: Workflow, ended: dict[str, Settled]) -> WorkflowRun:
    assert request.run_id is not None
    last = _latest(list(ended.values()))
    status, reason = RunStatus.COMPLETED, ""
    for name, settled in ended.items():
        if settled.status is StepStatus.FAILED:
            status, reason = RunStatus.FAILED, f"step {name}: {settled.reason}"
            break
        if settled.status is StepStatus.REFUSED and status is RunStatus.COMPLETED:
            status, reason = RunStatus.REFUSED, f"step {name}: {settled.reason}"
    needed = {need for step in workflow.steps for need in step.needs}
    output: dict[str, str] = {}
    for step in workflow.steps:
        if step.id not in needed:
            output |= ended[step.id].output
    return WorkflowRun(
        event_id=derive(request.run_id, "workflow-runs", "ended"),
        tenant_id=request.tenant_id,
        correlation_id=request.correlation_id,
        causation_id=last.cause,
        occurred_at=last.occurred_at,
        run_id=request.run_id,
        workflow=workflow.id,
        status=status,
        source=request.source,
        subject=request.subject,
        reason=reason,
        pins=request.pins,
        output=output,
    )
