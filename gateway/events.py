"""POST /events/{topic}: events of clients onto the topics that are open to them."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response

from domain.doors import BadEvent, Call, letter, offered, open_to_clients, taken
from domain.identity import Permission, Principal
from gateway.answers import Done, Refusal
from gateway.bodies import AVRO, JSON, NDJSON, Body, Share, UnknownMediaType, opened, read
from gateway.door import SOURCE, Door
from gateway.problems import declared
from schemas.catalogue import DOOR_BYTES_MAX, Topic
from schemas.codec import UnknownSchema
from schemas.errors import Rejected, TooLarge
from schemas.events import DeadLetter, Event
from schemas.record import Outgoing

KEY_BYTES_MAX = 4096
"""Of a record's key: who partitions by it looks at each byte."""
TURN = 200
"""Events after which other calls have their turn."""
TOLD_MAX = 100
"""Refused events that one answer names."""
PROBLEMS = {
    400: "The body is not what its media type says, or the Idempotency-Key is too long.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this, or no client may write this topic.",
    408: "The body did not come to its end.",
    413: "The body, an event in it, or their number is too large.",
    415: "The gateway reads no such bodies.",
    422: "An event is not what the topic's schema says. Nothing of the call was taken.",
    429: "A limit or a quota is met; the problem names it, Retry-After says when there is more.",
    503: "The log does not take it now, or what is needed to read the body does not answer.",
}
ANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}},
            NDJSON: {"schema": {"type": "string"}},
            AVRO: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def routes(door: Door) -> APIRouter:
    """Returns the routes of events."""
    router = APIRouter(tags=["events"])

    @router.post(
        "/events/{topic}",
        status_code=202,
        summary="Put events on a topic",
        responses=declared(PROBLEMS),
        openapi_extra=ANY_BODY,
        response_class=Response,
    )
    async def put(topic: str, request: Request) -> Response:
        """Takes one event, a list of them, or a line each: all of them or none."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            return await _put(door, topic, request, call, principal, share)

        return await door.call(request, Permission.WRITE_EVENTS, work)

    return router


async def _put(door: Door, name: str, request: Request, call: Call, principal: Principal, share: Share) -> Done:
    topic = open_to_clients(name)
    if topic is None:
        raise Refusal(403, "the topic is not open to clients")
    check_plain(request)
    body = opened(request.headers.get("content-type", JSON), await read(request, share))
    return await take(door, topic, body, call, principal)


async def take(door: Door, topic: Topic, body: Body, call: Call, principal: Principal) -> Done:
    """Returns what puts the events of a body on the topic, all of them; refuses when one is wrong."""
    records: list[Outgoing] = []
    ids: dict[str, None] = {}
    wrong: list[tuple[int, Rejected]] = []
    for number, content in enumerate(body.contents):
        if number % TURN == TURN - 1:
            await asyncio.sleep(0)
        try:
            event = await _event(door, topic, content, call, principal, number, body.kind == AVRO)
            record = written(door, topic, event)
            if event.event_id in ids:
                raise BadEvent(f"event_id {event.event_id} stands twice", "event_id")
        except Rejected as error:
            wrong.append((number, error))
        else:
            records.append(record)
            ids[event.event_id] = None
    await door.usage.take(principal.tenant_id, door.quota(principal.tenant_id), len(body.contents), call.at)
    if wrong:
        letters = [letter(topic.name, body.contents[number], call, principal, number, error) for number, error in wrong]
        raise _refusal(door, topic, wrong, letters)
    if body.many:
        return Done({"events": list(ids)}, records)
    return Done({"event_id": next(iter(ids))}, records)


def written(door: Door, topic: Topic, event: Event) -> Outgoing:
    """Returns the record of an event that came through a door; raises TooLarge when it is larger than those take."""
    record = door.codec.encode(event, SOURCE)
    if len(record.value or b"") > DOOR_BYTES_MAX:
        raise TooLarge(f"an event of {len(record.value or b'')} bytes; a door takes {DOOR_BYTES_MAX}")
    if len(record.key) > KEY_BYTES_MAX:
        raise TooLarge(f"a key ({topic.key_doc}) of {len(record.key)} bytes; a door takes {KEY_BYTES_MAX}")
    return record


async def _event(
    door: Door, topic: Topic, content: bytes, call: Call, principal: Principal, number: int, avro: bool
) -> Event:
    if not avro:
        return offered(topic, content, call, principal, number, door.new_id())
    try:
        event = door.codec.value(topic.name, content)
    except UnknownSchema:  # registered since this process began, perhaps
        await door.refresh(topic.name)
        event = door.codec.value(topic.name, content)
    return taken(topic, event, call, principal)


def check_plain(request: Request) -> None:
    """Raises UnknownMediaType for a compressed body."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnknownMediaType("the gateway reads no compressed bodies")


def _refusal(door: Door, topic: Topic, wrong: list[tuple[int, Rejected]], letters: list[DeadLetter]) -> Refusal:
    number, first = wrong[0]
    field = first.field if isinstance(first, BadEvent) else ""
    errors = [
        {
            "number": number,
            "field": error.field if isinstance(error, BadEvent) else "",
            "detail": str(error),
            "dead_letter": letter.event_id,
        }
        for (number, error), letter in zip(wrong[:TOLD_MAX], letters, strict=False)
    ]
    at = f" at {field}" if field else ""
    return Refusal(
        413 if all(isinstance(error, TooLarge) for _, error in wrong) else 422,
        f"event {number}{at}: {first}",
        letters,
        schema={"subject": topic.subject, "id": door.codec.written(topic.name)},
        errors=errors,
        refused=len(wrong),
    )
