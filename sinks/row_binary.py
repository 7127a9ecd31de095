"""Avro bodies -> rows in ClickHouse's RowBinary, without decoding them: a body is read once and written field by field.

What is written is what our decoder would have read, or nothing is: a body that it would refuse, or may read otherwise
(items in several blocks), is left out and named.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from msgspec import Struct

from schemas import kernels
from schemas.catalogue import ITEMS_MAX
from schemas.digests import Array, within
from schemas.wire import MICROS_MAX, MICROS_MIN

PLAIN = {
    "string": kernels.TEXT,
    "bytes": kernels.BLOB,
    "int": kernels.INT,
    "long": kernels.LONG,
    "boolean": kernels.BOOLEAN,
}
ROOM_BYTES = 1024 * 1024


class Program(Struct, frozen=True):
    """What reads the bodies of one schema, as schemas.kernels.rows takes it."""

    steps: Array
    symbols: Array
    cuts: Array
    growth: int


def program(schema: Mapping[str, Any]) -> Program:
    """Returns the program for a record's schema; raises TypeError for a type no topic may use."""
    steps: list[list[int]] = []
    symbols: list[bytes] = []
    for each in schema["fields"]:
        _add(each["type"], steps, symbols)
    return Program(
        np.array(steps or np.empty((0, 3)), np.int64),
        _bytes(b"".join(symbols)),
        np.array([0, *accumulate(map(len, symbols))], np.int64),
        max([8, *map(len, symbols)]),
    )


def _add(avro: Any, steps: list[list[int]], symbols: list[bytes]) -> None:
    """Adds the steps of a type."""
    match avro:
        case str() if avro in PLAIN:
            steps.append([PLAIN[avro], 0, 0])
        case ["null", other]:
            begin = [kernels.OPTION, 0, 0]
            steps.append(begin)
            _add(other, steps, symbols)
            begin[1] = len(steps)
        case {"logicalType": "timestamp-micros"}:
            steps.append([kernels.MOMENT, MICROS_MIN, MICROS_MAX])
        case {"type": "enum", "symbols": said}:
            steps.append([kernels.ENUM, len(symbols), len(said)])
            symbols += [_text(each.encode()) for each in said]
        case {"type": "map", "values": values}:
            _many(["string", values], steps, symbols)
        case {"type": "array", "items": items}:
            _many([items], steps, symbols)
        case {"type": "record", "fields": fields}:
            for each in fields:
                _add(each["type"], steps, symbols)
        case _:
            raise TypeError(f"no column for {avro}")


def _many(item: Sequence[Any], steps: list[list[int]], symbols: list[bytes]) -> None:
    begin = [kernels.MANY, 0, 0]
    steps.append(begin)
    first = len(steps)
    for each in item:
        _add(each, steps, symbols)
    steps.append([kernels.NEXT, first, 0])
    begin[1] = len(steps)


class Rows:
    """Rows for one table, one after the other; what it holds is written over after `clear`."""

    def __init__(self) -> None:
        self._out = np.empty(ROOM_BYTES, np.uint8)
        self._ordered = np.empty(0, np.uint8)
        self._begins: list[Array] = []
        self._size = 0
        self.count = 0

    def add(self, made: Program, data: bytes, spans: Array, places: Array) -> list[int]:
        """Adds the bodies that lie in `spans` of the data, each with its place; returns the indexes of those left out.

        `spans` holds begin and end, `places` partition, offset and moment (milliseconds since 1970), as 64 bits each.
        Raises IndexError when they are not as many, or a body does not lie in the data.
        """
        if spans.shape != (len(places), 2) or places.shape != (len(spans), 3):
            raise IndexError(f"{spans.shape} spans with {places.shape} places")
        if not within(spans, len(data)):
            raise IndexError("a body beyond the data")
        left_out: list[int] = []
        begins = np.empty(len(spans), np.int64)
        row = 0
        seen = np.frombuffer(data, np.uint8)
        fixed = made.steps, made.symbols, made.cuts, ITEMS_MAX, made.growth
        while True:
            row, self._size, why = kernels.rows(seen, spans, row, places, *fixed, self._out, self._size, begins)
            if why == kernels.DONE:
                self.count += len(spans) - len(left_out)
                self._begins.append(np.delete(begins, left_out) if left_out else begins)
                return left_out
            if why == kernels.REFUSED:
                left_out.append(row)
                row += 1
            else:
                begin, end = spans[row]
                self._grow(int(end - begin) * made.growth + kernels.PLACE_BYTES)

    def clear(self) -> None:
        """Forgets all rows, and keeps the room they took."""
        self._size = self.count = 0
        self._begins.clear()

    @property
    def content(self) -> memoryview:
        """The rows; good until the next one is added or all are cleared."""
        return self._out.data[: self._size]

    def ordered(self) -> memoryview:
        """Returns the rows in the order of tenant and event, their second and first text; good as long as `content`.

        They stand as they came when the id of an event is not as long as a UUID.
        """
        order = self._order(begins := np.concatenate([*self._begins, [self._size]]))
        if order is None:
            return self.content
        if len(self._ordered) < self._size:
            self._ordered = np.empty(len(self._out), np.uint8)
        kernels.gathered(self._out, begins, order, self._ordered)
        return self._ordered.data[: self._size]

    def _order(self, begins: Array) -> Array | None:
        count = self.count
        ids = np.empty((count, 2), np.uint64)
        tenants, firsts = np.empty(count, np.int64), np.empty(count, np.int64)
        slots = np.full(1 << (count + 1).bit_length(), -1, np.int64)
        known = kernels.identified(self._out, begins, ids, tenants, firsts, slots)
        if known < 0:
            return None
        high = np.ascontiguousarray(ids[:, 0])
        order = np.argsort(high)
        if (np.diff(high[order]) == 0).any():
            order = np.lexsort((ids[:, 1], high))
        if known > 1:
            ranks = self._ranks(firsts[:known])
            order = order[np.argsort(ranks[tenants][order], kind="stable")]
        return order

    def _ranks(self, firsts: Array) -> Array:
        """Returns the place that each tenant, which stands there in the rows, has among them."""
        names = [_string(self._out, int(at)) for at in firsts]
        ranks = np.empty(len(names), np.uint16 if len(names) <= 65536 else np.uint32)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return ranks

    def _grow(self, least: int) -> None:
        grown = np.empty(max(2 * len(self._out), self._size + least), np.uint8)
        grown[: self._size] = self._out[: self._size]
        self._out = grown


def _bytes(content: bytes) -> Array:
    return np.frombuffer(content, np.uint8)


def _text(content: bytes) -> bytes:
    """Returns a text as ClickHouse writes it: its size (LEB128), then the text."""
    size, head = len(content), bytearray()
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + content


def _string(rows: Array, at: int) -> bytes:
    """Returns the string that stands there in the rows."""
    size = shift = 0
    while True:
        byte = int(rows[at])
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return bytes(rows[at : at + size])
        shift += 7
