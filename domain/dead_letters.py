"""Decides what is kept of something that is given up: the dead letter, with its original bytes."""

from datetime import UTC, datetime
from hashlib import sha256

from domain.identity import PLATFORM
from domain.ids import derive
from schemas.events import DeadLetter, Event, Header
from schemas.record import Record

CREDENTIALS = {"authorization", "cookie", "x-api-key", "proxy-authorization"}
REASON_MAX = 1000
VALUE_BYTES_MAX = 11 * 1024 * 1024 + 256 * 1024
KEY_BYTES_MAX = 64 * 1024
HEADERS_MAX = 1000
HEADERS_BYTES_MAX = 256 * 1024
"""Longer ones are cut, and the reason says so: Kafka bounds records as they are compressed, a letter is not."""


def reason_of(error: Exception) -> str:
    """Returns the first line of what an error says, as far as an event has room for it."""
    return (str(error) or repr(error)).splitlines()[0][:REASON_MAX]


def dead_letter(stage: str, record: Record, event: Event | None, error: Exception) -> DeadLetter:
    """Returns the letter of a record that the stage gives up, with its original bytes and place.

    Its id and time follow from the record, so that giving it up again gives the same letter. The tenant is the
    event's when the event could be read (its digest held), else the platform.
    """
    event_id = derive(stage, record.topic, str(record.partition), str(record.offset), "dead-letters")
    key, value, headers, cut = _within(record)
    reason = reason_of(error)
    return DeadLetter(
        event_id=event_id,
        tenant_id=event.tenant_id if event is not None else PLATFORM,
        correlation_id=event.correlation_id if event is not None else event_id,
        causation_id=event.event_id if event is not None else None,
        occurred_at=datetime.fromtimestamp(max(record.timestamp_ms, 0) / 1000, UTC),
        stage=stage,
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        source_key=key,
        source_value=value,
        source_headers=headers,
        error=type(error).__name__,
        reason=f"{reason} ({cut})" if cut else reason,
    )


def _within(record: Record) -> tuple[bytes | None, bytes | None, list[Header], str]:
    """Returns key, value and headers as far as a letter has room for them, and what was cut off."""
    cut = []
    key, value = record.key, record.value
    if value is not None and len(value) > VALUE_BYTES_MAX:
        cut.append(f"value of {len(value)} bytes, SHA-256 {sha256(value).hexdigest()}")
        value = value[:KEY_BYTES_MAX]
    if key is not None and len(key) > KEY_BYTES_MAX:
        cut.append(f"key of {len(key)} bytes")
        key = key[:KEY_BYTES_MAX]
    said = list(record.headers)
    headers: list[Header] = []
    size = 0
    for name, content in said:
        if name.lower() in CREDENTIALS:
            continue
        size += len(name.encode()) + len(content or b"")
        if len(headers) == HEADERS_MAX or size > HEADERS_BYTES_MAX:
            cut.append(f"{len(said)} headers")
            break
        headers.append(Header(name=name, value=content))
    return key, value, headers, "cut: " + ", ".join(cut) if cut else ""
