"""Builds Avro containers from Kafka's record batches, without taking these apart.

Kafka writes a record (message format 2) as Avro would: lengths are zigzag varints before their bytes. So the body of
a batch is a valid Avro block, of records that hold what Kafka says of each: key, value, headers. Two schemas read
it: one that leaves the value as bytes, for the digest, and one that reads the value's own fields. ClickHouse compares
the two row by row: the first follows the lengths that Kafka has checked, so a value that is not exactly one body is
found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.errors import Undecodable
from schemas.layout import DIGEST_BYTES, layout
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


def places(batches: Sequence[RecordBatch]) -> bytes:
    """Returns, for each row, the number of its batch from 1 on, as RowBinary of UInt16."""
    return b"".join(number.to_bytes(2, "little") * batch.count for number, batch in enumerate(batches, 1))


def plain(topic: Topic, batches: Sequence[RecordBatch], mark: bytes) -> list[Piece]:
    """Returns, in pieces, the container whose rows have `_key`, `_value` and the headers' values as bytes."""
    return _container([*_FIRST, _bytes("_value"), *_headers(topic)], batches, mark)


def decoded(topic: Topic, writer: Mapping[str, Any], batches: Sequence[RecordBatch], mark: bytes) -> list[Piece]:
    """Returns, in pieces, the container whose rows have the fields of the writer's schema in place of `_value`."""
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
            extra = DIGEST_BYTES if part.name == "_digest" else 0
            fields.append(_fixed(part.name, len(part.same) + extra))
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
