"""Events and records as a topic would hold them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.events import BusinessEvent, Event
from schemas.record import DIGEST, Headers, Record, seal

NUMBERS = {topic: number for number, topic in enumerate(TOPICS, start=1)}
"""The schema id of each topic."""
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


def codec() -> Codec:
    return Codec(NUMBERS)


def identifier(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


def business(number: int, tenant: str = "acme", **fields: Any) -> BusinessEvent:
    given: dict[str, Any] = {
        "event_id": identifier(number),
        "tenant_id": tenant,
        "correlation_id": identifier(number),
        "occurred_at": AT,
        "source": "volvo-it",
        "subject": f"case-{number}",
        "type": "status.changed",
        "attributes": {"impact": "medium", "status": "Accepted/In Progress"},
    }
    return BusinessEvent(**(given | fields))


def record(event: Event, offset: int, partition: int = 0) -> Record:
    out = codec().encode(event, "connectors")
    return Record(out.topic, partition, offset, 1_700_000_000_000 + offset, out.key, out.value, out.headers)


def records(events: Sequence[Event], start: int = 0) -> list[Record]:
    return [record(event, start + number) for number, event in enumerate(events)]


def sealed(original: Record, value: bytes, headers: Headers | None = None) -> Record:
    """The record with another value, its digest right: what a faulty or hostile writer would send."""
    said = [each for each in (original.headers if headers is None else headers) if each[0] != DIGEST]
    digest = seal(original.key or b"", value, said)
    return msgspec.structs.replace(original, value=value, headers=[*said, (DIGEST, digest)])
