"""Decides what a step does with what it may use: its output, or the call it makes."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from domain.asking import request
from domain.definitions import Definitions, Step, Workflow, fill
from domain.expressions import ExpressionFailed, Scope
from domain.ids import derive
from domain.offers import BadImage
from domain.turns import NONE, Turns, after, converses, opened
from schemas.errors import Rejected
from schemas.events import AgentStep, AiCall, CallStatus, ComplianceDecision, Event, Outcome, Phase, StepStatus

ENDS = (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED)
"""How a call ends; its step fails when it has no answer."""


class Steps:
    """compliance-decisions, ai-calls -> agent-steps, ai-calls."""

    name = "steps"
    inputs = ("compliance-decisions", "ai-calls")
    state = Turns
    newest = False

    def decide(self, state: Turns | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Performs a step that may run, or asks a model for it; performs it when the model has answered.

        The outcome of a call holds what its step's output is made of, unless it is part of a conversation: then that
        is remembered, and whichever of what belongs together comes last makes the step go on.
        """
        if isinstance(event, ComplianceDecision):
            if event.phase is not Phase.BEFORE or event.outcome is Outcome.REFUSED:
                return []
            assert event.workflow_digest is not None
            workflow = definitions.workflow(event.workflow_digest)
            step = workflow.step(event.step)
            if step.uses != "ask":
                return [_performed(event, step)]
            if not converses(workflow, step):
                return [_asked(event, step)]
            return [*_goes_on(after(state or NONE, event), workflow, step)]
        assert isinstance(event, AiCall)
        return self._ended(state, event, definitions) if event.status in ENDS else []

    def _ended(self, state: Turns | None, call: AiCall, definitions: Definitions) -> Sequence[Event]:
        assert call.workflow_digest is not None
        workflow = definitions.workflow(call.workflow_digest)
        step = workflow.step(call.step)
        if not call.conversation:
            return [_answered(call, step, call.input)]
        return [*_goes_on(after(state or NONE, call), workflow, step)]

    def evolve(self, state: Turns | None, event: Event) -> Turns | None:
        """Keeps what the conversations of the run still need; nothing of a run without one."""
        if isinstance(event, AiCall) and event.status not in (CallStatus.REQUESTED, *ENDS):
            return state
        turns = after(state or NONE, event)
        return turns if turns.turns or turns.over else None


OUTPUT_CHARACTERS_MAX = 512 * 1024
"""Of all fields a step puts out: what grows from step to step ends as a failed step, not as a record too large."""


class OutputTooLarge(Rejected):
    """A step would put out more than is allowed."""


def _asked(decision: ComplianceDecision, step: Step) -> AiCall | AgentStep:
    try:
        return request(decision, step)
    except BadImage as error:
        return _step(decision, step, StepStatus.FAILED, reason=str(error))


def _goes_on(turns: Turns, workflow: Workflow, step: Step) -> Iterator[Event]:
    """Yields what follows for a step of a conversation from what is known by now, and for those that go on with it."""
    steps = [step]
    while steps:
        step = steps.pop(0)
        turn = turns.turns.get(step.id)
        if turn is None or turn.decision is None:
            continue
        if not turn.asked:
            before = turns.turns.get(step.continues)
            if step.continues and (before is None or not before.head):
                continue
            requested = _asked(turn.decision, step)
            if isinstance(requested, AiCall):
                requested = opened(requested, workflow, step, turns)
            yield requested
            turns = after(turns, requested)
            if isinstance(requested, AgentStep):
                continue
            turn = turns.turns[step.id]
        if turn.outcome is not None and turn.decision is not None:
            performed = _answered(turn.outcome, step, turn.decision.payload)
            yield performed
            turns = after(turns, performed)
            steps += workflow.continued_by(step.id)


def _performed(decision: ComplianceDecision, step: Step) -> AgentStep:
    try:
        return _step(decision, step, StepStatus.PERFORMED, output=_bounded(_output(step, decision.payload)))
    except (ExpressionFailed, OutputTooLarge) as error:
        return _step(decision, step, StepStatus.FAILED, reason=str(error))


def _answered(call: AiCall, step: Step, given: Mapping[str, str]) -> AgentStep:
    if call.status is not CallStatus.COMPLETED:
        return _step(call, step, StepStatus.FAILED, reason=call.reason)
    output = {**given, step.into: call.answer, f"{step.into}_model": call.model}
    if call.degraded:
        output[f"{step.into}_degraded"] = "true"
    if calls := [each for message in call.messages for each in message.tool_calls]:
        output[f"{step.into}_tools"] = ",".join(dict.fromkeys(each.name for each in calls))
        output[f"{step.into}_tool_calls"] = msgspec.json.encode(calls, order="deterministic").decode()
    try:
        return _step(call, step, StepStatus.PERFORMED, output=_bounded(output))
    except OutputTooLarge as error:
        return _step(call, step, StepStatus.FAILED, reason=str(error))


def _bounded(output: dict[str, str]) -> dict[str, str]:
    size = sum(len(name) + len(value) for name, value in output.items())
    if size > OUTPUT_CHARACTERS_MAX:
        raise OutputTooLarge(f"an output of {size} characters, more than {OUTPUT_CHARACTERS_MAX}")
    return output


def _output(step: Step, given: Mapping[str, str]) -> dict[str, str]:
    """Returns the fields that go on: the input's, and the step's own."""
    if step.uses == "collect":
        return {name: value for name, value in given.items() if not step.fields or name in step.fields}
    if step.uses == "compose":
        return {**given, step.into: fill(step.template, given)}
    scope = Scope(input=given)
    for label in step.labels:
        if scope.holds(label.when):
            return {**given, **label.set}
    return dict(given)


def _step(
    cause: ComplianceDecision | AiCall,
    step: Step,
    status: StepStatus,
    *,
    output: dict[str, str] | None = None,
    reason: str = "",
) -> AgentStep:
    return AgentStep(
        event_id=derive(cause.event_id, "agent-steps"),
        tenant_id=cause.tenant_id,
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        occurred_at=cause.occurred_at,
        run_id=cause.run_id,
        step=step.id,
        attempt=cause.attempt if isinstance(cause, ComplianceDecision) else 1,
        agent=step.agent,
        uses=step.uses,
        status=status,
        workflow_digest=cause.workflow_digest,
        rules_digest=cause.rules_digest,
        rules_version=cause.rules_version,
        models_digest=cause.models_digest,
        output=output or {},
        reason=reason,
        principal=cause.principal,
    )
