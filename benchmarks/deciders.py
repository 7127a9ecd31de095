"""The small pure deciders that our rows run in real stages."""

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.sample import ATTACHED
from domain.definitions import Definitions
from domain.ids import derive
from schemas.events import AgentStep, BusinessEvent, Event, Request, RequestKind, StepStatus


class Route:
    """business-events -> requests, agent-steps."""

    name = "benchmark-route"
    inputs = ("business-events",)
    state = None
    newest = False

    def decide(self, state: None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Makes a request of some types and a step of the others, with all that the event says."""
        assert isinstance(event, BusinessEvent)
        run_id = derive(event.tenant_id, event.subject, "run")
        if event.type in ATTACHED:
            return [
                Request(
                    event_id=derive(event.event_id, "requests"),
                    tenant_id=event.tenant_id,
                    correlation_id=event.correlation_id,
                    causation_id=event.event_id,
                    occurred_at=event.occurred_at,
                    kind=RequestKind.ATTACHMENT,
                    run_id=run_id,
                    source=event.source,
                    subject=event.subject,
                    type=event.type,
                    workflow=event.workflow,
                    attributes=event.attributes,
                )
            ]
        return [
            AgentStep(
                event_id=derive(event.event_id, "agent-steps"),
                tenant_id=event.tenant_id,
                correlation_id=event.correlation_id,
                causation_id=event.event_id,
                occurred_at=event.occurred_at,
                run_id=run_id,
                step=event.type,
                agent="ingestion",
                uses="collect",
                status=StepStatus.REQUESTED,
                input=event.attributes,
            )
        ]

    def evolve(self, state: None, event: Event) -> None:
        """Keeps nothing."""


class Sum(Struct, frozen=True):
    """How many events a subject had, and what their amounts come to."""

    count: int
    amount: int


class Total:
    """business-events -> a running count and sum by subject."""

    name = "benchmark-total"
    inputs = ("business-events",)
    state = Sum
    newest = False

    def decide(self, state: Sum | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Says nothing: what is measured is the state."""
        return []

    def evolve(self, state: Sum | None, event: Event) -> Sum:
        """Adds the event."""
        assert isinstance(event, BusinessEvent)
        amount = int(event.attributes["amount"])
        return Sum(1, amount) if state is None else Sum(state.count + 1, state.amount + amount)
