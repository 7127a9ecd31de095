"""Builds an Avro object container from records as they lie on a topic, without decoding them.

Bodies do not delimit themselves, so the container frames each: before it the record's place (20 bytes), after it a
mark of 16 random bytes. A reader that finds the mark at the end of every row has read every body to exactly its end:
as many marks as rows, each row ends with one, so none was swallowed, and nothing was left over.
"""

import json
from collections.abc import Mapping, Sequence
from struct import Struct as Layout
from typing import Any

from schemas.record import PREFIX, Record
from schemas.wire import number, string
from sinks.tables import MARK_BYTES, PLACE_BYTES

PLACE = Layout("<iqq").pack


def container(schema: Mapping[str, Any], records: Sequence[Record], mark: bytes) -> bytes:
    """Returns the container of these records, all written with this schema; fields `_place` and `_end` frame each.

    `mark` (16 bytes) must be one that no writer can foresee; it is the container's sync marker too.
    """
    parts: list[bytes] = []
    for record in records:
        assert record.value is not None
        parts += (PLACE(record.partition, record.offset, record.timestamp_ms), record.value[PREFIX:], mark)
    size = sum(map(len, parts))
    return b"".join((head(_framed(schema)), mark, number(len(records)), number(size), *parts, mark))


def head(schema: Mapping[str, Any]) -> bytes:
    """Returns the beginning of a container whose rows have this schema, up to its sync marker."""
    meta = {b"avro.schema": json.dumps(schema).encode(), b"avro.codec": b"null"}
    entries = b"".join(string(key) + string(value) for key, value in meta.items())
    return b"Obj\x01" + number(len(meta)) + entries + number(0)


def _framed(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "Framed",
        "fields": [
            {"name": "_place", "type": {"type": "fixed", "name": "FramedPlace", "size": PLACE_BYTES}},
            *schema["fields"],
            {"name": "_end", "type": {"type": "fixed", "name": "FramedEnd", "size": MARK_BYTES}},
        ],
    }
