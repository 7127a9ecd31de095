"""Decides what of the log a caller sees: which topics, whose records, and what of a record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.dead_letters import CREDENTIALS
from domain.identity import Permission, Principal
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.events import Definition, Event
from schemas.record import DIGEST, PREFIX, TENANT_ID, Record, header

NEEDED: Mapping[str, Permission] = {
    "business-events": Permission.READ_LOG,
    "requests": Permission.READ_REQUESTS,
    "workflow-runs": Permission.READ_LOG,
    "agent-steps": Permission.READ_LOG,
    "ai-calls": Permission.READ_LOG,
    "compliance-decisions": Permission.READ_DECISIONS,
    "budget-entries": Permission.READ_MONEY,
    "alerts": Permission.READ_LOG,
    "ingest-positions": Permission.READ_LOG,
    "dead-letters": Permission.READ_DEAD_LETTERS,
    "definitions": Permission.MANAGE_USERS,
    "sessions": Permission.MANAGE_USERS,
}
"""What a topic needs besides the permission to read the log; one that is not here nobody sees."""
SHOWN_KINDS = frozenset({"workflow", "rules", "models", "prices", "budgets", "mended-letter", "branding"})
"""Of definitions: the body of any other kind may hold what is sealed, and stays away."""
VALUE_BYTES_MAX = 64 * 1024
"""Of a record in a list: a larger value is shown by its place alone."""


class Head(Struct, frozen=True):
    """A header of a record; the digest in hex."""

    name: str
    value: str


class LogRecord(Struct, frozen=True, kw_only=True):
    """A record as it lies on the log, decoded."""

    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    """When Kafka took it."""
    key: str
    schema_id: int
    schema_version: int | None
    """Which of the topic's schemas that are known, by their ids; null for none of them."""
    bytes: int
    """Of the value."""
    headers: list[Head]
    """Without credentials."""
    event_id: str
    correlation_id: str
    causation_id: str | None
    occurred_at: datetime
    value: dict[str, Any] | None
    withheld: str
    """Why the value, or a field of it, is not shown; empty when all of it is."""


def topics(principal: Principal) -> list[str]:
    """Returns the topics that a caller who may read the log sees."""
    return [name for name in TOPICS if name in NEEDED and NEEDED[name] in principal.permissions]


def own(record: Record, codec: Codec, tenant_id: str) -> Event | None:
    """Returns the event of a record of this tenant; None for another's, and for what cannot be read, which is nobody's.

    What the headers name is only a reason not to look: the body says whose it is, and has to agree with them.
    """
    if _named(record) not in (None, tenant_id.encode()):
        return None
    try:
        event = codec.decode(record)
    except Undecodable:
        return None
    return event if event.tenant_id == tenant_id else None


def shown(record: Record, event: Event, codec: Codec, bytes_max: int | None = VALUE_BYTES_MAX) -> LogRecord:
    """Returns what is shown of a record, whose event this is; of a value of more bytes only that."""
    value = record.value or b""
    said, withheld = _value(event, len(value), bytes_max)
    number = int.from_bytes(value[1:PREFIX])
    numbers = sorted(codec.numbers(record.topic))
    return LogRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        recorded_at=datetime.fromtimestamp(max(record.timestamp_ms, 0) / 1000, UTC),
        key=(record.key or b"").decode(errors="replace"),
        schema_id=number,
        schema_version=numbers.index(number) + 1 if number in numbers else None,
        bytes=len(value),
        headers=[_head(name, content) for name, content in record.headers if name.lower() not in CREDENTIALS],
        event_id=event.event_id,
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        occurred_at=event.occurred_at,
        value=said,
        withheld=withheld,
    )


def _value(event: Event, size: int, bytes_max: int | None) -> tuple[dict[str, Any] | None, str]:
    if bytes_max is not None and size > bytes_max:
        return None, f"a value of {size} bytes: a list shows {bytes_max}, its place all of it"
    said: dict[str, Any] = msgspec.to_builtins(event)
    if isinstance(event, Definition) and event.kind not in SHOWN_KINDS:
        return {**said, "body": ""}, f"the body of a definition of kind {event.kind} is not shown"
    return said, ""


def _head(name: str, content: bytes | None) -> Head:
    return Head(name, (content or b"").hex() if name == DIGEST else (content or b"").decode(errors="replace"))


def _named(record: Record) -> bytes | None:
    """Returns the tenant that the headers name; what they do not say soundly, the decoder finds out."""
    try:
        return header(record.headers, TENANT_ID)
    except Undecodable:
        return None
