"""Definitions that a call changes: put on the log on top of the version that it was decided by, or not at all."""

import msgspec
from msgspec import Struct

from domain.definitions import define
from domain.doors import Call
from gateway.answers import Refusal
from gateway.door import SOURCE, Door
from schemas.events import Definition


class Overtaken(Refusal):
    """Of two changes that were decided by the same version the other one is first on the log."""

    def __init__(self) -> None:
        super().__init__(409, "it was changed by somebody else at the same moment")


async def put(
    door: Door, call: Call, tenant_id: str, kind: str, body: Struct, last: Definition | None, event_id: str = ""
) -> Definition | None:
    """Returns the version that counts when it is on the log and known here; None when `last` says this already.

    Of two that were decided by the same version the first on the log counts, for the other one Overtaken is raised.
    """
    event = define(tenant_id, kind, msgspec.to_builtins(body), last, call.at)
    if event is None:
        return None
    event = msgspec.structs.replace(
        event, event_id=event_id or event.event_id, correlation_id=call.id, causation_id=call.id
    )
    await door.latest()
    if door.definitions.last(tenant_id, kind, event.id) == last:
        await door.publisher.publish([door.codec.encode(event, SOURCE)])
        await door.latest()
    made = door.definitions.made(tenant_id, kind, event.id, event.event_id)
    if made is None:
        raise Overtaken
    return made
