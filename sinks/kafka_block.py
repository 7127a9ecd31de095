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
from schemas.codec import PREFIX
from schemas.errors import Undecodable
from schemas.layout import DIGEST_BYTES, layout
from schemas.wire import long, number
from sinks.avro_block import head


def frame(batch: RecordBatch) -> bytes:
    """Returns magic byte and schema id of the batch's first value; nothing when it has none."""
    body = batch.body or b""
    try:
        _, at = long(body, 0)  # the record's length
        _, at = long(body, at + 1)  # behind its attributes: its time, less that of the batch
        _, at = long(body, at)  # its offset, less that of the batch
        key, at = long(body, at)
        value, at = long(body, at + max(key, 0))
    except (IndexError, Undecodable):
        return b""
    return body[at : at + PREFIX] if value > PREFIX else b""


def places(batches: Sequence[RecordBatch]) -> bytes:
    """Returns, for each row, the number of its batch from 1 on, as RowBinary of UInt16."""
    return b"".join(number.to_bytes(2, "little") * batch.count for number, batch in enumerate(batches, 1))


def plain(topic: Topic, batches: Sequence[RecordBatch], mark: bytes) -> list[bytes]:
    """Returns, in pieces, the container whose rows have `_key`, `_value` and the headers' values as bytes."""
    return _container([*_FIRST, _bytes("_value"), *_headers(topic)], batches, mark)


def decoded(topic: Topic, writer: Mapping[str, Any], batches: Sequence[RecordBatch], mark: bytes) -> list[bytes]:
    """Returns, in pieces, the container whose rows have the fields of the writer's schema in place of `_value`."""
    value = [{"name": "_size", "type": "long"}, _fixed("_frame", PREFIX), *writer["fields"]]
    return _container([*_FIRST, *value, *_headers(topic)], batches, mark)


def _container(fields: list[Any], batches: Sequence[RecordBatch], mark: bytes) -> list[bytes]:
    schema = {"type": "record", "name": "KafkaRecord", "fields": fields}
    bodies = [batch.body or b"" for batch in batches]  # one block: each costs ClickHouse a tenth of a millisecond
    rows = sum(batch.count for batch in batches)
    return [head(schema), mark, number(rows), number(sum(map(len, bodies))), *bodies, mark]


def _headers(topic: Topic) -> list[Any]:
    fields = []
    for part in layout(topic).headers:
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
