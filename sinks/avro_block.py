"""Builds an Avro object container from records as they lie on a topic, without decoding them.

Bodies do not delimit themselves, so the container frames each: before it the record's place (20 bytes), after it a
mark of 16 random bytes. A reader that finds the mark at the end of every row has read every body to exactly its end:
as many marks as rows, each row ends with one, so none was swallowed, and nothing was left over.
"""

import json
from collections.abc import Mapping, Sequence
from struct import Struct as Layout
from typing import Any

from schemas.codec import PREFIX
from schemas.record import Record
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
    return b"".join((_head(schema), mark, long(len(records)), long(size), *parts, mark))


def long(number: int) -> bytes:
    """Returns a whole number (64 bits) as Avro writes it: zigzag, seven bits a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def string(text: bytes) -> bytes:
    """Returns a text as Avro writes it: its length, then its bytes."""
    return long(len(text)) + text


def _head(schema: Mapping[str, Any]) -> bytes:
    framed = {
        "type": "record",
        "name": "Framed",
        "fields": [
            {"name": "_place", "type": {"type": "fixed", "name": "FramedPlace", "size": PLACE_BYTES}},
            *schema["fields"],
            {"name": "_end", "type": {"type": "fixed", "name": "FramedEnd", "size": MARK_BYTES}},
        ],
    }
    meta = {b"avro.schema": json.dumps(framed).encode(), b"avro.codec": b"null"}
    entries = b"".join(string(key) + string(value) for key, value in meta.items())
    return b"Obj\x01" + long(len(meta)) + entries + long(0)
