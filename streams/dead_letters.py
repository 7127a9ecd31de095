"""any topic -> dead-letters."""

from datetime import UTC, datetime

from domain.definitions import PLATFORM
from domain.ids import derive
from schemas.events import DeadLetter, Event, Header
from schemas.record import Record

CREDENTIALS = {"authorization", "cookie", "x-api-key", "proxy-authorization"}
REASON_MAX = 1000


def dead_letter(stage: str, record: Record, event: Event | None, error: Exception) -> DeadLetter:
    """Returns the letter of a record that the stage gives up, with its original bytes and place.

    Its id and time follow from the record, so that giving it up again gives the same letter. The tenant is the
    event's when the event could be read (its digest held), else the platform.
    """
    event_id = derive(stage, record.topic, str(record.partition), str(record.offset), "dead-letters")
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
        source_key=record.key,
        source_value=record.value,
        source_headers=[
            Header(name=name, value=value) for name, value in record.headers if name.lower() not in CREDENTIALS
        ],
        error=type(error).__name__,
        reason=(str(error) or repr(error)).splitlines()[0][:REASON_MAX],
    )
