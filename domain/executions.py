"""Decides what begins when a caller asks for a workflow, or for one agent by itself."""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct, field

from domain.definitions import Definitions, Step, canonical
from domain.doors import API, BadEvent, Call, decoded
from domain.identity import Principal
from domain.ids import derive
from domain.names import Name
from domain.triggers import Triggers
from schemas.events import BusinessEvent, Request

TYPE = "asked"
AGENTS: tuple[str, ...] = get_args(next(each.type for each in msgspec.structs.fields(Step) if each.name == "agent"))
TEXT = 200


class Execution(Struct, frozen=True, forbid_unknown_fields=True):
    """A workflow to run, and what its first steps are given."""

    workflow: Name
    input: dict[str, str] = field(default_factory=dict)
    type: Annotated[str, Meta(min_length=1, max_length=TEXT)] = TYPE
    """What happened, as a trigger's condition sees it."""


class Task(Struct, frozen=True, forbid_unknown_fields=True):
    """What one agent is given."""

    input: dict[str, str] = field(default_factory=dict)


class Begun(Struct, frozen=True):
    """What was asked for: the event that starts the run, and the run's id."""

    event: BusinessEvent
    run_id: str


EXECUTIONS = msgspec.json.Decoder(Execution)
TASKS = msgspec.json.Decoder(Task)


def asked(content: bytes) -> Execution:
    """Returns what a body asks for; raises BadEvent naming the field that is wrong."""
    return decoded(EXECUTIONS, content)


def tasked(agent: str, content: bytes) -> Execution:
    """Returns the run of an agent by itself: of the workflow `agent-<agent>`, of which a tenant may have its own."""
    return Execution(f"agent-{agent}", decoded(TASKS, content).input)


def asks(event: BusinessEvent) -> bool:
    """Returns whether this is what `begun` makes: somebody has asked for a run, which will be there soon."""
    return event.source == API and event.subject == event.event_id and event.workflow is not None


def begun(execution: Execution, call: Call, principal: Principal, definitions: Definitions, fresh: str) -> Begun:
    """Returns the event that starts the run: each is a subject of its own, so that none is attached to another's run.

    The run is the one that the stage `triggers` decides from the event. The event's id follows from the idempotency
    key and from what is asked for, so that a key that is used for something else asks for that; without a key it is
    `fresh`. Raises UnknownDefinition, and BadEvent when the workflow's trigger does not hold.
    """
    key, asked_for = call.idempotency_key, canonical(msgspec.to_builtins(execution))
    event_id = derive(principal.tenant_id, principal.id, key, "run", asked_for) if key is not None else fresh
    event = BusinessEvent(
        event_id=event_id,
        tenant_id=principal.tenant_id,
        correlation_id=event_id,
        causation_id=call.id,
        occurred_at=call.at,
        source=API,
        subject=event_id,
        type=execution.type,
        workflow=execution.workflow,
        attributes=execution.input,
        principal=principal.id,
    )
    for request in Triggers().decide(None, event, definitions):
        assert isinstance(request, Request) and request.run_id is not None
        return Begun(event, request.run_id)
    raise BadEvent(f"the trigger of workflow {execution.workflow} does not hold for this", "workflow")
