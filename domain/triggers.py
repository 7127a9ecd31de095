"""Decides which business events start a workflow run, and which are attached to one."""

from collections.abc import Sequence

from msgspec import Struct, field

from domain.definitions import Definitions, pinned
from domain.expressions import Scope
from domain.ids import derive
from schemas.events import BusinessEvent, Event, Pin, Request, RequestKind

PASSED_MAX = 1000


class Begun(Struct, frozen=True):
    """A run that an event of this subject started."""

    run_id: str
    first_event_id: str
    correlation_id: str
    pins: list[Pin]


class Subject(Struct):
    """The runs of one subject of one source, by workflow."""

    runs: dict[str, Begun] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    """Ids of the events that came before the run of their workflow and did not start it, the newest 1,000: a
    repetition of one is not a later event."""


class Triggers:
    """business-events -> requests."""

    name = "triggers"
    inputs = ("business-events",)
    state = Subject
    newest = True

    def decide(self, state: Subject | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Asks for a run at the first event of a subject (or at every event); attaches the later ones to it.

        Raises UnknownDefinition when the event names a workflow that does not exist.
        """
        assert isinstance(event, BusinessEvent)
        if event.workflow is None:
            return []
        begun = state.runs.get(event.workflow) if state else None
        if begun is not None:
            if begun.first_event_id == event.event_id:
                return []
            if _mode(begun.pins, definitions) == "first-of-subject":
                passed = state is not None and event.event_id in state.passed
                return [] if passed else [_attachment(event, begun)]
        pin = definitions.pin(event.tenant_id, "workflow", event.workflow)
        workflow = definitions.workflow(pin.digest)
        if workflow.trigger.when is not None and not _scope(event).holds(workflow.trigger.when):
            return []
        pins = [pin]
        if workflow.rules is not None:
            pins.append(definitions.pin(event.tenant_id, "rules", workflow.rules))
        pins.append(definitions.pin(event.tenant_id, "models", workflow.models))
        return [_run(event, pins)]

    def evolve(self, state: Subject | None, event: Event) -> Subject | None:
        """Remembers the run that was asked for, and the events that asked for none."""
        before = state or Subject()
        if isinstance(event, BusinessEvent):
            if event.workflow is None or event.workflow in before.runs or event.event_id in before.passed:
                return state
            return Subject(before.runs, [*before.passed, event.event_id][-PASSED_MAX:])
        if not isinstance(event, Request) or event.kind is not RequestKind.RUN:
            return state
        assert event.workflow is not None and event.run_id is not None and event.causation_id is not None
        begun = Begun(event.run_id, event.causation_id, event.correlation_id, event.pins)
        passed = [each for each in before.passed if each != event.causation_id]
        return Subject({**before.runs, event.workflow: begun}, passed)


def run_of(event: BusinessEvent) -> str:
    """Returns the id of the run that this event starts, if it starts one."""
    assert event.workflow is not None
    return derive(event.tenant_id, event.event_id, "run", event.workflow)


def _mode(pins: Sequence[Pin], definitions: Definitions) -> str:
    pin = pinned(pins, "workflow")
    assert pin is not None
    return definitions.workflow(pin.digest).trigger.starts


def _scope(event: BusinessEvent) -> Scope:
    said = {"source": event.source, "type": event.type, "subject": event.subject, "attributes": event.attributes}
    return Scope(event=said)


def _run(event: BusinessEvent, pins: list[Pin]) -> Request:
    return _request(event, RequestKind.RUN, run_of(event), event.correlation_id, pins)


def _attachment(event: BusinessEvent, begun: Begun) -> Request:
    return _request(event, RequestKind.ATTACHMENT, begun.run_id, begun.correlation_id, [])


def _request(event: BusinessEvent, kind: RequestKind, run_id: str, correlation_id: str, pins: list[Pin]) -> Request:
    assert event.workflow is not None
    return Request(
        event_id=derive(event.tenant_id, event.event_id, "requests", event.workflow),
        tenant_id=event.tenant_id,
        correlation_id=correlation_id,
        causation_id=event.event_id,
        occurred_at=event.occurred_at,
        kind=kind,
        run_id=run_id,
        source=event.source,
        subject=event.subject,
        type=event.type,
        workflow=event.workflow,
        pins=pins,
        attributes=event.attributes,
        principal=event.principal,
    )
