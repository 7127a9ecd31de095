"""What became of each AI call, from the topics that say it: what was asked, who answered, whether that was good."""

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256

import msgspec
from msgspec import Struct

from domain.conversations import digest, head
from schemas.events import AgentStep, AiCall, CallStatus, ComplianceDecision, Event, Phase, StepStatus


class Observed(Struct, frozen=True, kw_only=True):
    """One call that was answered, and the signals of how good its answer was."""

    tenant_id: str
    run_id: str
    call_id: str
    occurred_at: datetime
    workflow: str
    step: str
    task: str
    asked: str
    """Names what was asked: the same for the same messages, model asked for, task and max_tokens."""
    model: str
    models_digest: str
    max_tokens: int
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int
    degraded: bool
    accepted: bool
    """The step was completed: what its answer became passed the rules."""
    findings: int
    """Rules that applied to what the answer became."""

    @property
    def met(self) -> bool:
        """Whether the answer met the bar: not degraded, taken by its step, and no rule had anything to say."""
        return not self.degraded and self.accepted and not self.findings

    @property
    def operation(self) -> tuple[str, str, str, str]:
        """What calls are compared within; never two tenants'."""
        return self.tenant_id, self.workflow, self.step, self.task


Step = tuple[str, str, str]
"""Tenant, run and step."""


class Observations:
    """Takes the records of `ai-calls`, `agent-steps` and `compliance-decisions`, in any order; the first copy counts.

    Keeps a few hundred bytes of each call, none of its text. `workflow` says the id behind a workflow's digest.
    """

    def __init__(self, workflow: Callable[[str], str]) -> None:
        self._workflow = workflow
        self._asked: dict[str, str] = {}
        self._answers: dict[str, AiCall] = {}
        self._accepted: set[Step] = set()
        self._findings: dict[Step, int] = {}

    def take(self, event: Event) -> None:
        """Takes one record; what says nothing of a call changes nothing."""
        if isinstance(event, AiCall):
            if event.status is CallStatus.REQUESTED:
                self._asked.setdefault(event.call_id, _digest(event))
            elif event.status is CallStatus.COMPLETED and event.call_id not in self._answers:
                self._answers[event.call_id] = msgspec.structs.replace(event, input={}, answer="", messages=[])
        elif isinstance(event, AgentStep):
            if event.status is StepStatus.COMPLETED:
                self._accepted.add((event.tenant_id, event.run_id, event.step))
        elif isinstance(event, ComplianceDecision) and event.phase is Phase.AFTER:
            self._findings.setdefault((event.tenant_id, event.run_id, event.step), len(event.findings))

    def observed(self) -> Iterator[Observed]:
        """Yields every call that was answered, in the order in which they were."""
        for each in sorted(self._answers.values(), key=lambda answer: (answer.occurred_at, answer.call_id)):
            step = (each.tenant_id, each.run_id, each.step)
            yield Observed(
                tenant_id=each.tenant_id,
                run_id=each.run_id,
                call_id=each.call_id,
                occurred_at=each.occurred_at,
                workflow=self._workflow(each.workflow_digest) if each.workflow_digest else "",
                step=each.step,
                task=each.task,
                asked=self._asked.get(each.call_id, each.call_id),
                model=each.model,
                models_digest=each.models_digest or "",
                max_tokens=each.max_tokens,
                input_tokens=each.input_tokens,
                output_tokens=each.output_tokens,
                cost_usd_micros=each.cost_usd_micros,
                degraded=each.degraded,
                accepted=step in self._accepted,
                findings=self._findings.get(step, 0),
            )


def _digest(asked: AiCall) -> str:
    messages = asked.conversation or head("", [digest(each) for each in asked.messages])
    said = (asked.tenant_id, asked.model, asked.task, asked.max_tokens, messages)
    return sha256(msgspec.json.encode(said)).hexdigest()
