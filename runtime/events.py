"""The events of a topic as they lie on the log, decoded, each with its place."""

from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.reader import read, whole
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Rejected, Undecodable
from schemas.record import DIGEST, Record


class UnknownTopic(Rejected):
    """The catalogue has no such topic."""


def events(
    bootstrap: str,
    codec: Codec,
    topic: str,
    *,
    tenant: str | None = None,
    correlation_id: str | None = None,
    limit: int = 20,
    first: bool = False,
) -> list[dict[str, Any]]:
    """Returns the last events of the topic (or the first ones), at most `limit`, oldest first.

    A tenant or a correlation id narrows them: then the whole topic is read. With a tenant given, what cannot be
    decoded is nobody's and is left out.
    """
    if topic not in TOPICS:
        raise UnknownTopic(f"no topic is called {topic}; there are {', '.join(TOPICS)}")
    narrowed = tenant is not None or correlation_id is not None
    found: list[dict[str, Any]] = []
    for record in _records(bootstrap, topic, None if narrowed else limit, first):
        each = shown(record, codec)
        if tenant is not None and each.get("tenant_id") != tenant:
            continue
        if correlation_id is not None and each.get("correlation_id") != correlation_id:
            continue
        found.append(each)
    found.sort(key=lambda each: (each["_recorded_at"], each["_partition"], each["_offset"]))
    return found[:limit] if first else found[-limit:]


def shown(record: Record, codec: Codec) -> dict[str, Any]:
    """Returns the event's fields and place as JSON values; of a record that cannot be decoded, why."""
    place: dict[str, Any] = {
        "_topic": record.topic,
        "_partition": record.partition,
        "_offset": record.offset,
        "_recorded_at": record.timestamp_ms,
        "_headers": {
            name: value.hex() if name == DIGEST and value else (value or b"").decode(errors="replace")
            for name, value in record.headers
        },
    }
    try:
        event = codec.decode(record)
    except Undecodable as error:
        return {**place, "undecodable": str(error), "value": (record.value or b"").hex()}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {**place, **fields}


def _records(bootstrap: str, topic: str, limit: int | None, first: bool) -> Iterator[Record]:
    span = {}
    for place, (low, last) in whole(bootstrap, [topic]).items():
        if limit is None:
            span[place] = (low, last)
        else:
            span[place] = (low, min(last, low + limit)) if first else (max(low, last - limit), last)
    for batch in read(bootstrap, span):
        yield from batch
