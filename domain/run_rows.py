"""What an event of a run says of the read models: a line of its log, and how far run, step or call is."""

from collections.abc import Sequence

from domain.definitions import pinned
from domain.executions import asks
from domain.read_models import Call, Decision, Moment, Row, Run, Step, micros
from domain.triggers import run_of
from schemas.events import (
    AgentStep,
    AiCall,
    BusinessEvent,
    CallStatus,
    ComplianceDecision,
    Event,
    Pin,
    Request,
    RequestKind,
    RunStatus,
    StepStatus,
    WorkflowRun,
)
from schemas.record import Record

ACCEPTED, REQUESTED = "accepted", "requested"
ACCEPTED_RANK = -1
RUN_RANKS = {RunStatus.UNKNOWN: 0, RunStatus.STARTED: 1}
STEP_RANKS = {StepStatus.UNKNOWN: 0, StepStatus.REQUESTED: 1, StepStatus.PERFORMED: 2}
CALL_RANKS = {
    CallStatus.UNKNOWN: 0,
    CallStatus.REQUESTED: 1,
    CallStatus.ROUTED: 2,
    CallStatus.ADMITTED: 3,
    CallStatus.STARTED: 4,
    CallStatus.IN_DOUBT: 5,
    CallStatus.ATTEMPT_FAILED: 6,
    CallStatus.DOWNGRADED: 7,
}
END = 10**12
"""The rank of what is over; nothing is further."""

KINDS = frozenset({RequestKind.RUN, RequestKind.ATTACHMENT})
"""Of requests: the others are of no run."""
OfRun = BusinessEvent | Request | WorkflowRun | AgentStep | ComplianceDecision | AiCall


def of_run(event: Event) -> OfRun | None:
    """Returns the event when it is one of a run: not a call through the gateway, of business events only what asks for
    a run of its own, and of no other topic."""
    if isinstance(event, BusinessEvent):
        return event if asks(event) else None
    if isinstance(event, Request):
        return event if event.run_id is not None and event.kind in KINDS else None
    return event if isinstance(event, WorkflowRun | AgentStep | ComplianceDecision | AiCall) else None


def rows(event: OfRun, record: Record) -> list[Row]:
    """Returns the event's line of the log, and what it says of its run, step, call or decision, if it does."""
    said = _life(event, record.timestamp_ms)
    return [_moment(event, record)] if said is None else [_moment(event, record), said]


def _moment(event: OfRun, record: Record) -> Moment:
    step = "" if isinstance(event, BusinessEvent | Request | WorkflowRun) else event.step
    attempt = 0 if isinstance(event, BusinessEvent | Request | WorkflowRun) else event.attempt
    reason = "" if isinstance(event, BusinessEvent | Request | ComplianceDecision) else event.reason
    if isinstance(event, BusinessEvent):
        what, status = event.type, ACCEPTED
    elif isinstance(event, Request):
        what, status = event.type, event.kind.value
    elif isinstance(event, WorkflowRun):
        what, status = event.workflow, event.status.value
    elif isinstance(event, AgentStep):
        what, status = f"{event.agent}, {event.uses}", event.status.value
    elif isinstance(event, ComplianceDecision):
        what, status = f"{event.phase} the step", event.outcome.value
        reason = ", ".join(finding.rule for finding in event.findings)
    else:
        what, status = event.model, event.status.value
    return Moment(
        tenant_id=event.tenant_id,
        run_id=_run_id(event),
        topic=record.topic,
        event_id=event.event_id,
        causation_id=event.causation_id or "",
        partition=record.partition,
        offset=record.offset,
        occurred_at=micros(event.occurred_at),
        recorded_ms=record.timestamp_ms,
        step=step,
        attempt=attempt,
        what=what,
        status=status,
        reason=reason,
    )


def _life(event: OfRun, recorded_ms: int) -> Row | None:
    """Returns what the event says of its run, step, call or decision; an attachment says nothing but its moment."""
    if isinstance(event, BusinessEvent | Request):
        if isinstance(event, Request) and event.kind is not RequestKind.RUN:
            return None
        status, rank = (REQUESTED, 0) if isinstance(event, Request) else (ACCEPTED, ACCEPTED_RANK)
        return _run(event, event.workflow or "", status, rank, "", recorded_ms)
    if isinstance(event, WorkflowRun):
        rank = RUN_RANKS.get(event.status, END)
        return _run(event, event.workflow, event.status.value, rank, event.reason, recorded_ms)
    if isinstance(event, AgentStep):
        return _step(event, recorded_ms)
    if isinstance(event, AiCall):
        return _call(event, recorded_ms)
    return Decision(
        tenant_id=event.tenant_id,
        run_id=event.run_id,
        event_id=event.event_id,
        step=event.step,
        attempt=event.attempt,
        phase=event.phase.value,
        outcome=event.outcome.value,
        rules=event.rules or "",
        rules_version=event.rules_version,
        applied=[finding.rule for finding in event.findings],
        occurred_at=micros(event.occurred_at),
        recorded_ms=recorded_ms,
    )


def _run_id(event: OfRun) -> str:
    return run_of(event) if isinstance(event, BusinessEvent) else event.run_id or ""


def _run(
    event: BusinessEvent | Request | WorkflowRun, workflow: str, status: str, rank: int, reason: str, recorded_ms: int
) -> Run:
    at = micros(event.occurred_at)
    return Run(
        tenant_id=event.tenant_id,
        run_id=_run_id(event),
        status=status,
        reason=reason,
        began_at=None if rank == END else at,
        ended_at=at if rank == END else None,
        recorded_ms=recorded_ms,
        rank=rank,
        fact=event.event_id,
        workflow=workflow,
        version=0 if isinstance(event, BusinessEvent) else _version(event.pins),
        source=event.source,
        subject=event.subject,
        correlation_id=event.correlation_id,
    )


def _step(event: AgentStep, recorded_ms: int) -> Step:
    rank = STEP_RANKS.get(event.status, END)
    at = micros(event.occurred_at)
    return Step(
        tenant_id=event.tenant_id,
        run_id=event.run_id,
        status=event.status.value,
        reason=event.reason,
        began_at=at if event.status is StepStatus.REQUESTED else None,
        ended_at=at if rank == END else None,
        recorded_ms=recorded_ms,
        rank=rank,
        fact=event.event_id,
        step=event.step,
        attempt=event.attempt,
        agent=event.agent,
        uses=event.uses,
    )


def _call(event: AiCall, recorded_ms: int) -> Call:
    rank = END if event.status not in CALL_RANKS else event.attempt * 10 + CALL_RANKS[event.status]
    at = micros(event.occurred_at)
    return Call(
        tenant_id=event.tenant_id,
        run_id=event.run_id,
        status=event.status.value,
        reason=event.reason,
        began_at=at if event.status is CallStatus.REQUESTED else None,
        ended_at=at if rank == END else None,
        recorded_ms=recorded_ms,
        rank=rank,
        fact=event.event_id,
        call_id=event.call_id,
        step=event.step,
        attempts=event.attempt,
        model=event.model,
        provider=event.provider,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cost_usd_micros=event.cost_usd_micros,
        latency_ms=event.latency_ms,
        degraded=event.degraded,
        cached=event.cached,
        saved_usd_micros=event.saved_usd_micros,
    )


def _version(pins: Sequence[Pin]) -> int:
    pin = pinned(pins, "workflow")
    return pin.version if pin is not None else 0
