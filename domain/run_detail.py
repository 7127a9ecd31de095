"""Decides what is told of the decisions and the calls of a run, from its events; no input, output or message."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.events import AiCall, CallStatus, ComplianceDecision, Event

ENDED = (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED, CallStatus.CANCELLED)


class Placed(Struct, frozen=True):
    """An event, and where it lies."""

    event: Event
    topic: str
    partition: int
    offset: int


class Lying(Struct, frozen=True, kw_only=True):
    """What says where its event lies."""

    event_id: str
    topic: str
    partition: int
    offset: int
    at: datetime


class FindingDetail(Struct, frozen=True):
    """A rule that applied, and its evidence."""

    rule: str
    severity: str
    action: str
    path: str
    evidence: str


class DecisionDetail(Lying, frozen=True, kw_only=True):
    """A decision of compliance on a step."""

    step: str
    attempt: int
    phase: str
    outcome: str
    rules: str
    rules_version: int
    restriction: str
    findings: list[FindingDetail]


class Limit(Struct, frozen=True):
    """What was asked of a model."""

    name: str
    value: str


class RankedDetail(Struct, frozen=True):
    """A model of a routing: what it scored, or why it was passed over; scores are thousandths."""

    model: str
    provider: str
    standing: str
    reason: str
    score: int
    scores: dict[str, int]
    cost_usd_micros_max: int
    latency_ms: int
    attempts: int
    failures: int


class Routing(Lying, frozen=True, kw_only=True):
    """How the models were ranked for a call."""

    model: str
    route: str
    constraints: list[Limit]
    ranking: list[RankedDetail]


class Moment(Lying, frozen=True, kw_only=True):
    """One event of an attempt."""

    status: str
    level: str
    reason: str


class Attempt(Struct, frozen=True, kw_only=True):
    """An attempt at a model, as its last event says it, and all of its events."""

    attempt: int
    model: str
    provider: str
    status: str
    reason: str
    hold_id: str
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int
    latency_ms: int
    events: list[Moment]


class Taken(Struct, frozen=True):
    """How many of a kind were concealed from the model, or taken out of what it was asked."""

    kind: str
    count: int


class CallDetail(Struct, frozen=True, kw_only=True):
    """A call of a model, as its last event says it; `cached` and `saved_usd_micros` of an answer given again."""

    call_id: str
    step: str
    step_attempt: int
    """Of the step; 0 when the decision that led to the call is not known."""
    status: str
    reason: str
    model: str
    provider: str
    task: str
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int
    saved_usd_micros: int
    latency_ms: int
    degraded: bool
    cached: str
    cached_from: str
    finish: str
    routings: list[Routing]
    attempts: list[Attempt]
    concealed: list[Taken]
    sanitised: list[Taken]


def decisions(found: Iterable[Placed]) -> list[DecisionDetail]:
    """Returns the decisions among the events, the first copy of each."""
    events = [(each, each.event) for each in found]
    known: dict[str, DecisionDetail] = {}
    for placed, event in events:
        if isinstance(event, ComplianceDecision) and event.event_id not in known:
            known[event.event_id] = _decision(placed, event)
    return list(known.values())


def calls(found: Iterable[Placed]) -> list[CallDetail]:
    """Returns the calls among the events of a run, in the order in which they were first spoken of."""
    by_call: dict[str, dict[str, tuple[Placed, AiCall]]] = defaultdict(dict)
    attempts: dict[str, int] = {}
    for placed in found:
        event = placed.event
        if isinstance(event, AiCall):
            by_call[event.call_id].setdefault(event.event_id, (placed, event))
        elif isinstance(event, ComplianceDecision):
            attempts[event.event_id] = event.attempt
    return [_call(call_id, list(each.values()), attempts) for call_id, each in by_call.items()]


def _decision(placed: Placed, event: ComplianceDecision) -> DecisionDetail:
    return DecisionDetail(
        **_lies(placed),
        step=event.step,
        attempt=event.attempt,
        phase=event.phase.value,
        outcome=event.outcome.value,
        rules=event.rules or "",
        rules_version=event.rules_version,
        restriction=event.restriction or "",
        findings=[
            FindingDetail(each.rule, each.severity, each.action, each.path, each.evidence) for each in event.findings
        ],
    )


def _call(call_id: str, moments: Sequence[tuple[Placed, AiCall]], attempts: dict[str, int]) -> CallDetail:
    events = [event for _, event in moments]
    last = next((each for each in events if each.status in ENDED), max(events, key=lambda each: each.attempt))
    by_attempt: dict[int, list[tuple[Placed, AiCall]]] = defaultdict(list)
    for placed, event in moments:
        if event.attempt and event.status is not CallStatus.ROUTED:
            by_attempt[event.attempt].append((placed, event))
    causes = [attempts.get(event.causation_id or "", 0) for event in events if event.status is CallStatus.REQUESTED]
    return CallDetail(
        call_id=call_id,
        step=last.step,
        step_attempt=max(causes, default=0),
        status=last.status.value,
        reason=last.reason,
        model=last.model,
        provider=last.provider,
        task=next((each.task for each in events if each.task), ""),
        input_tokens=last.input_tokens,
        output_tokens=last.output_tokens,
        cost_usd_micros=last.cost_usd_micros,
        saved_usd_micros=last.saved_usd_micros,
        latency_ms=last.latency_ms,
        degraded=last.degraded,
        cached=last.cached,
        cached_from=last.cached_from,
        finish=last.finish,
        routings=[_routing(placed, event) for placed, event in moments if event.status is CallStatus.ROUTED],
        attempts=[_attempt(number, each) for number, each in sorted(by_attempt.items())],
        concealed=_summed((each.kind, each.count) for event in events for each in event.concealed),
        sanitised=_summed((each.kind, each.count) for event in events for each in event.sanitised),
    )


def _routing(placed: Placed, event: AiCall) -> Routing:
    return Routing(
        **_lies(placed),
        model=event.model,
        route=event.route,
        constraints=[Limit(each.name, each.value) for each in event.constraints],
        ranking=[
            RankedDetail(
                each.model,
                each.provider,
                each.standing.value,
                each.reason,
                each.score,
                each.scores,
                each.cost_usd_micros_max,
                each.latency_ms,
                each.attempts,
                each.failures,
            )
            for each in event.ranking
        ],
    )


def _attempt(number: int, moments: Sequence[tuple[Placed, AiCall]]) -> Attempt:
    last = moments[-1][1]
    return Attempt(
        attempt=number,
        model=last.model,
        provider=last.provider,
        status=last.status.value,
        reason=last.reason,
        hold_id=next((event.hold_id for _, event in moments if event.hold_id), ""),
        input_tokens=last.input_tokens,
        output_tokens=last.output_tokens,
        cost_usd_micros=last.cost_usd_micros,
        latency_ms=last.latency_ms,
        events=[
            Moment(**_lies(placed), status=event.status.value, level=event.level.value, reason=event.reason)
            for placed, event in moments
        ],
    )


def _summed(counts: Iterable[tuple[str, int]]) -> list[Taken]:
    found: dict[str, int] = defaultdict(int)
    for kind, count in counts:
        found[kind] += count
    return [Taken(kind, count) for kind, count in sorted(found.items())]


def _lies(placed: Placed) -> dict[str, Any]:
    at = placed.event.occurred_at
    names = {"topic": placed.topic, "partition": placed.partition, "offset": placed.offset}
    return {"event_id": placed.event.event_id, "at": at, **names}
