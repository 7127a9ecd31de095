"""Builds Avro containers from Kafka's record batches, without taking these apart.

Kafka writes a record (message format 2) as Avro would: lengths are zigzag varints before their bytes. So the body of
a batch is a valid Avro block: of texts, a record each, or of records that hold what Kafka says of each, key, value
(here its own fields) and headers. ClickHouse reads the first for the digests and the second for the rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.errors import Undecodable
from schemas.layout import layout
from schemas.record import PREFIX
from schemas.wire import long, number
from sinks.avro_block import head
from sinks.engine import Piece


def frame(batch: RecordBatch) -> bytes:
    """Returns magic byte and schema id of the batch's first value; nothing when it has none."""
    if not batch.plain or not batch.count:
        return b""
    data = batch.data
    try:
        _, at = long(data, batch.body_at)  # the record's length
        _, at = long(data, at + 1)  # behind its attributes: its time, less that of the batch
        _, at = long(data, at)  # its offset, less that of the batch
        key, at = long(data, at)
        value, at = long(data, at + max(key, 0))
    except (IndexError, Undecodable):
        return b""
    return data[at : at + PREFIX] if value > PREFIX else b""


def whole(batches: Sequence[RecordBatch], mark: bytes) -> list[Piece]:
    """Returns, in pieces, the container whose rows have each record as `_record`."""
    return _container([_bytes("_record")], batches, mark)


def decoded(topic: Topic, writer: Mapping[str, Any], batches: Sequence[RecordBatch], mark: bytes) -> list[Piece]:
    """Returns, in pieces, the container whose rows have the fields of the writer's schema, and the headers' values."""
    value = [{"name": "_size", "type": "long"}, _fixed("_frame", PREFIX), *writer["fields"]]
    return _container([*_FIRST, *value, *_headers(topic)], batches, mark)


def _container(fields: list[Any], batches: Sequence[RecordBatch], mark: bytes) -> list[Piece]:
    schema = {"type": "record", "name": "KafkaRecord", "fields": fields}
    # One block: each costs ClickHouse a tenth of a millisecond.
    bodies = [memoryview(batch.data)[batch.body_at : batch.end] for batch in batches]
    rows = sum(batch.count for batch in batches)
    return [head(schema), mark, number(rows), number(sum(map(len, bodies))), *bodies, mark]


def _headers(topic: Topic) -> list[Any]:
    fields = []
    for part in layout(topic):
        if part.same is None:
            fields.append(_bytes(part.name))
        else:
            fields.append(_fixed(part.name, part.size))
    return fields


def _bytes(name: str) -> dict[str, Any]:
    return {"name": name, "type": "bytes"}


def _fixed(name: str, size: int) -> dict[str, Any]:
    return {"name": name, "type": {"type": "fixed", "name": f"Fixed{name}", "size": size}}


_FIRST = [
    {"name": "_length", "type": "long"},
    _fixed("_attributes", 1),
    {"name": "_time", "type": "long"},
    {"name": "_delta", "type": "long"},
    _bytes("_key"),
]
