"""business-events -> agent-steps: counts and adds up each subject's amounts, and chains their order in a digest."""

import os
import signal
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from domain.definitions import Definitions
from domain.ids import derive
from schemas.events import AgentStep, BusinessEvent, Event, StepStatus

NAME = "totals"
POISON = "poison"
"""The attribute that makes the decider fail: `raise`, or `crash` (SIGSEGV)."""


class Total(msgspec.Struct, frozen=True):
    """What is known of a key: a lost, doubled or swapped event changes at least the chain."""

    count: int = 0
    total: int = 0
    last: int = 0
    chain: str = ""

    def after(self, sequence: int, amount: int) -> "Total":
        """Returns the state after an event."""
        link = sha256(f"{self.chain}/{sequence}/{amount}".encode()).hexdigest()[:16]
        return Total(self.count + 1, self.total + amount, sequence, link)


class Poisoned(Exception):
    """An event that no decider can take."""


class Totals:
    """A decider that recognises no repetition itself: what is applied twice shows in its state."""

    name = NAME
    inputs = ("business-events",)
    state = Total
    newest = False

    def decide(self, state: Any, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Returns one step for each event; it carries the total so far."""
        assert isinstance(event, BusinessEvent)
        if kind := event.attributes.get(POISON):
            if kind == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            raise Poisoned(f"event {event.event_id} cannot be decided")
        return [outcome(event, derive(event.event_id, "agent-steps"), self.evolve(state, event))]

    def evolve(self, state: Any, event: Event) -> Any:
        """Takes in business events; our own steps change nothing."""
        if not isinstance(event, BusinessEvent):
            return state
        return (state or Total()).after(int(event.attributes["sequence"]), int(event.attributes["amount"]))


def outcome(event: BusinessEvent, event_id: str, total: Total) -> AgentStep:
    """Returns the step that says the total after the event."""
    return AgentStep(
        event_id=event_id,
        tenant_id=event.tenant_id,
        correlation_id=event.correlation_id,
        causation_id=event.event_id,
        occurred_at=event.occurred_at,
        run_id=run_id(event.subject),
        step=NAME,
        status=StepStatus.COMPLETED,
        output={name: str(value) for name, value in msgspec.structs.asdict(total).items()},
    )


def run_id(subject: str) -> str:
    """Returns the key of a subject's steps."""
    return derive("chaos", subject, "run")
