"""Decides what becomes of events that a client offers, and what is said of its call."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from domain.dead_letters import REASON_MAX, reason_of
from domain.identity import PLATFORM, Principal
from domain.ids import CANONICAL, derive
from schemas.catalogue import TOPICS, Topic
from schemas.errors import Rejected
from schemas.events import BusinessEvent, CallOutcome, DeadLetter, Event, Request, RequestKind

OURS = ("correlation_id", "causation_id", "principal")
"""What the gateway says of an event, never its sender."""
STAGE = "gateway"
API = "api"
"""The source of what callers ask for, as a trigger's condition sees it; nobody else's."""
NOWHERE = -1
"""The partition of what never lay on a topic; its offset is its number in the call."""
_AT = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_Said = TypeVar("_Said")
_UNKNOWN = re.compile(r"contains unknown field `(\w+)`")


class BadEvent(Rejected):
    """An offered event is not what the topic takes; `field` names the place, empty when it is all of it."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


class AnotherTenant(BadEvent):
    """An offered event names another tenant than the caller's."""


class Call(Struct, frozen=True, kw_only=True):
    """What is known of a call before anything is decided."""

    id: str
    """UUID v7: the event's id, and the correlation id that the caller is told."""
    at: datetime
    route: str
    """Method and path with its parameters' names, such as `POST /events/{topic}`."""
    address: str = ""
    device: str = ""
    """SHA-256 of what the device showed, in hex; empty when none did."""
    idempotency_key: str | None = None
    kind: RequestKind = RequestKind.CALL


class Fact(Struct, frozen=True):
    """What a call did besides putting events on topics: its type, what it was done to, and what there is to say."""

    type: str
    subject: str
    attributes: dict[str, str]


def open_to_clients(name: str) -> Topic | None:
    """Returns the topic when the catalogue opens it to clients."""
    topic = TOPICS.get(name)
    return topic if topic is not None and topic.open else None


def offered(topic: Topic, content: bytes, call: Call, principal: Principal, number: int, fresh: str) -> Event:
    """Returns the event that a client offers in JSON, as the `number`th of its call; raises BadEvent.

    Its id is what the client says, else it follows from the idempotency key and the number, else it is `fresh`.
    """
    said = decoded(_decoder(topic.event), content)
    fields = msgspec.structs.asdict(said)
    _belongs(fields.pop("tenant_id"), principal)
    event_id = fields.pop("event_id")
    if event_id is None:
        key = call.idempotency_key
        event_id = derive(principal.tenant_id, principal.id, key, str(number)) if key is not None else fresh
    elif not CANONICAL.fullmatch(event_id):
        raise BadEvent("event_id is no UUID in small letters", "event_id")
    if said.occurred_at.tzinfo is None:
        raise BadEvent("occurred_at has no zone", "occurred_at")
    try:
        fields["occurred_at"] = said.occurred_at.astimezone(UTC)
    except OverflowError:
        raise BadEvent("occurred_at is none of the years 1 to 9999 in UTC", "occurred_at") from None
    event = topic.event(
        event_id=event_id, tenant_id=principal.tenant_id, correlation_id=event_id, causation_id=call.id, **fields
    )
    _theirs_to_say(event)
    return _said_by(principal, event)


def decoded(decoder: msgspec.json.Decoder[_Said], content: bytes) -> _Said:
    """Returns what the JSON says; raises BadEvent naming the field that is wrong."""
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise BadEvent(*_told(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(f"no JSON: {error}") from error


def taken(topic: Topic, event: Event, call: Call, principal: Principal) -> Event:
    """Returns an event that a client sent in Avro as the gateway says it; raises BadEvent."""
    _belongs(event.tenant_id, principal)
    _theirs_to_say(event)
    if not CANONICAL.fullmatch(event.event_id):
        raise BadEvent("event_id is no UUID in small letters", "event_id")
    return _said_by(principal, msgspec.structs.replace(event, correlation_id=event.event_id, causation_id=call.id))


def said_of(
    call: Call,
    principal: Principal | None,
    outcome: CallOutcome,
    status: int,
    reasons: Sequence[str],
    count: int = 0,
    fact: Fact | None = None,
) -> Request:
    """Returns the event of a call; it belongs to the caller's tenant, or to the platform's when nobody is known."""
    return Request(
        event_id=call.id,
        tenant_id=principal.tenant_id if principal is not None else PLATFORM,
        correlation_id=call.id,
        occurred_at=call.at,
        kind=call.kind,
        source=STAGE,
        route=call.route,
        outcome=outcome,
        status=status,
        principal=principal.id if principal is not None else "",
        address=call.address,
        reasons=[reason[:REASON_MAX] for reason in reasons],
        events=count,
        type=fact.type if fact is not None else "",
        subject=fact.subject if fact is not None else "",
        attributes=fact.attributes if fact is not None else {},
    )


def letter(topic: str, content: bytes, call: Call, principal: Principal, number: int, error: Rejected) -> DeadLetter:
    """Returns the dead letter of something offered that was refused, with its bytes as they came."""
    return DeadLetter(
        event_id=derive(call.id, topic, str(number), "dead-letters"),
        tenant_id=principal.tenant_id,
        correlation_id=call.id,
        causation_id=call.id,
        occurred_at=call.at,
        stage=STAGE,
        source_topic=topic,
        source_partition=NOWHERE,
        source_offset=number,
        source_value=content,
        error=type(error).__name__,
        reason=reason_of(error),
    )


def _theirs_to_say(event: Event) -> None:
    if isinstance(event, BusinessEvent) and event.source == API:
        raise BadEvent(f"the source {API} is the gateway's own", "source")


def _said_by(principal: Principal, event: Event) -> Event:
    """Returns the event as this caller's, whoever it says it is of: the budgets and models of its run are his."""
    return msgspec.structs.replace(event, principal=principal.id) if isinstance(event, BusinessEvent) else event


def _belongs(tenant_id: str | None, principal: Principal) -> None:
    if tenant_id not in (None, principal.tenant_id):
        raise AnotherTenant("the event names another tenant than the caller's", "tenant_id")


@cache
def _decoder(event: type[Event]) -> msgspec.json.Decoder[Any]:
    """Returns what reads the fields that a client may say of an event, and no others."""
    fields: list[Any] = [("event_id", str | None, None), ("tenant_id", str | None, None)]
    for each in msgspec.structs.fields(event):
        if each.name in ("event_id", "tenant_id", *OURS):
            continue
        if each.default_factory is not msgspec.NODEFAULT:
            fields.append((each.name, each.type, msgspec.field(default_factory=each.default_factory)))
        elif each.default is not msgspec.NODEFAULT:
            fields.append((each.name, each.type, each.default))
        else:
            fields.append((each.name, each.type))
    return msgspec.json.Decoder(msgspec.defstruct(event.__name__, fields, forbid_unknown_fields=True, kw_only=True))


def _told(error: msgspec.ValidationError) -> tuple[str, str]:
    """Returns what is wrong and where, of msgspec's message."""
    text = str(error)
    at = _AT.search(text)
    place = at[1] if at else ""
    for pattern in (_MISSING, _UNKNOWN):
        if found := pattern.search(text):
            place = f"{place}.{found[1]}" if place else found[1]
    return _AT.sub("", text), place
