"""Decides the life of an AI call: what is asked, what each attempt means, what it cost."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct, field

from domain.definitions import Definitions, Step, fill
from domain.ids import derive
from domain.models import LOCAL, Model
from domain.ports import Answer
from schemas.events import AiCall, CallStatus, ComplianceDecision, Event, Message

ATTEMPTS_MAX = 3
"""Attempts at the model that was asked for; after them the local one answers, marked degraded."""

OUTCOMES = {CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED, CallStatus.CANCELLED}


class Attempt(Struct, frozen=True):
    """The last attempt of a call, and whether it is still without an outcome."""

    number: int
    open: bool


class Calls(Struct, frozen=True):
    """The calls of a run: the last attempt of each that goes on, and those that are over."""

    begun: dict[str, Attempt] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)

    def after(self, event: AiCall) -> "Calls":
        """Returns the state after this moment of a call."""
        if event.status in OUTCOMES:
            begun = {call: attempt for call, attempt in self.begun.items() if call != event.call_id}
            return Calls(begun, [*self.over, event.call_id] if event.call_id not in self.over else self.over)
        if event.call_id in self.over:
            return self
        if event.status is CallStatus.STARTED:
            return Calls({**self.begun, event.call_id: Attempt(event.attempt, True)}, self.over)
        if event.status in (CallStatus.ATTEMPT_FAILED, CallStatus.IN_DOUBT):
            return Calls({**self.begun, event.call_id: Attempt(event.attempt, False)}, self.over)
        return self


def request(decision: ComplianceDecision, step: Step, definitions: Definitions) -> AiCall:
    """Returns the call that the step makes on its checked input: a restricted step asks the local model only."""
    assert decision.models_digest is not None
    models = definitions.models(decision.models_digest)
    model = models.model(LOCAL if decision.restriction == LOCAL else models.default)
    messages = [Message(role="user", content=fill(step.template, decision.payload))]
    if step.system:
        messages.insert(0, Message(role="system", content=step.system))
    call_id = derive(decision.run_id, step.id, str(decision.attempt), "call")
    return AiCall(
        event_id=derive(call_id, "requested"),
        tenant_id=decision.tenant_id,
        correlation_id=decision.correlation_id,
        causation_id=decision.event_id,
        occurred_at=decision.occurred_at,
        run_id=decision.run_id,
        step=step.id,
        call_id=call_id,
        status=CallStatus.REQUESTED,
        model=model.id,
        provider=model.provider,
        models_digest=decision.models_digest,
        workflow_digest=decision.workflow_digest,
        rules_digest=decision.rules_digest,
        rules_version=decision.rules_version,
        max_tokens=step.max_tokens,
        messages=messages,
        input=decision.payload,
    )


def attempt(requested: AiCall, state: Calls, definitions: Definitions, now: datetime) -> Sequence[AiCall]:
    """Returns what goes on the log before the next attempt: `started`, after `in_doubt` when one was begun before.

    Nothing when the call is over. `now` is the edge's clock.
    """
    if requested.call_id in state.over:
        return []
    last = state.begun.get(requested.call_id, Attempt(0, False))
    events = []
    if last.open:
        events.append(_moment(requested, CallStatus.IN_DOUBT, last.number, definitions, now))
    events.append(_moment(requested, CallStatus.STARTED, last.number + 1, definitions, now))
    return events


def attempt_failed(started: AiCall, reason: str, now: datetime) -> AiCall:
    """Returns the end of an attempt that got no answer."""
    return _after(started, CallStatus.ATTEMPT_FAILED, f"{started.attempt}:failed", now, reason=reason)


def failed(requested: AiCall, started: AiCall, reason: str, now: datetime) -> AiCall:
    """Returns the end of a call that no model answered."""
    event = _after(started, CallStatus.FAILED, "outcome", now, reason=reason)
    return msgspec.structs.replace(event, input=requested.input)


def completed(requested: AiCall, started: AiCall, answer: Answer, definitions: Definitions, now: datetime) -> AiCall:
    """Returns the end of a call that was answered, priced by the run's pinned models."""
    assert started.models_digest is not None
    model = definitions.models(started.models_digest).model(started.model)
    event = _after(started, CallStatus.COMPLETED, "outcome", now)
    return msgspec.structs.replace(
        event,
        input=requested.input,
        answer=answer.text,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd_micros=cost(model, answer),
        degraded=answer.degraded,
    )


def cost(model: Model, answer: Answer) -> int:
    """Returns what the answer costs in micro-dollars, rounded up to a whole one."""
    million = 1_000_000
    total = answer.input_tokens * model.input_usd_micros_per_million
    total += answer.output_tokens * model.output_usd_micros_per_million
    return -(-total // million)


def evolve(state: Calls | None, event: Event) -> Calls | None:
    """Returns the state after the event."""
    return (state or Calls()).after(event) if isinstance(event, AiCall) else state


def _model(requested: AiCall, number: int, definitions: Definitions) -> Model:
    assert requested.models_digest is not None
    models = definitions.models(requested.models_digest)
    return models.model(requested.model if number <= ATTEMPTS_MAX else LOCAL)


def _moment(requested: AiCall, status: CallStatus, number: int, definitions: Definitions, now: datetime) -> AiCall:
    model = _model(requested, number, definitions)
    return AiCall(
        event_id=derive(requested.call_id, str(number), status),
        tenant_id=requested.tenant_id,
        correlation_id=requested.correlation_id,
        causation_id=requested.event_id,
        occurred_at=now,
        run_id=requested.run_id,
        step=requested.step,
        call_id=requested.call_id,
        status=status,
        attempt=number,
        model=model.id,
        provider=model.provider,
        models_digest=requested.models_digest,
        workflow_digest=requested.workflow_digest,
        rules_digest=requested.rules_digest,
        rules_version=requested.rules_version,
        max_tokens=requested.max_tokens,
    )


def _after(started: AiCall, status: CallStatus, what: str, now: datetime, reason: str = "") -> AiCall:
    return msgspec.structs.replace(
        started,
        event_id=derive(started.call_id, what),
        causation_id=started.event_id,
        occurred_at=max(now, started.occurred_at),
        status=status,
        latency_ms=max(0, round((now - started.occurred_at).total_seconds() * 1000)),
        reason=reason,
    )
