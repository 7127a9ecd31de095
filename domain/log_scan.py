"""Decides how a topic is looked through for a page: in windows that grow, within a bound, on from where it ended."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domain.log_records import LogRecord
from schemas.errors import Rejected

SCANNED_MAX = 8000
"""Offsets that are looked at for one page; then it ends, and its cursor goes on from there."""
CHARACTERS_MAX = 2048
Spans = Mapping[int, tuple[int, int]]
"""By partition the offsets [begin, end)."""
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BadLogCursor(Rejected):
    """This is no cursor of these records."""


class LogCursor(Struct, frozen=True, array_like=True):
    """What is left to look at."""

    topic: str
    newest: bool
    spans: list[tuple[_Offset, _Offset, _Offset]]

    def encode(self) -> str:
        """Returns it in one word."""
        return urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


_CURSOR = msgspec.json.Decoder(LogCursor)


def left(text: str, topic: str, newest: bool, within: Spans) -> dict[int, tuple[int, int]]:
    """Returns what a cursor leaves to look at, as far as it lies within these spans; raises BadLogCursor."""
    try:
        if len(text) > CHARACTERS_MAX:
            raise ValueError
        said = _CURSOR.decode(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise BadLogCursor("this is no cursor") from None
    if (said.topic, said.newest) != (topic, newest):
        raise BadLogCursor("this is no cursor of these records")
    found = {number: (begin, end) for number, begin, end in said.spans if number in within}
    return {number: _cut(span, within[number]) for number, span in found.items()}


class Scan:
    """Looks for the newest (or oldest) records that somebody wants, at most `limit`."""

    def __init__(self, topic: str, spans: Spans, newest: bool, limit: int) -> None:
        self._topic = topic
        self._left = {number: span for number, span in spans.items() if span[0] < span[1]}
        self._newest = newest
        self._limit = limit
        self._size = limit
        self._found: list[LogRecord] = []
        self.scanned = 0
        """Offsets that were looked at."""

    @property
    def done(self) -> bool:
        """True when the page is full, or there is nothing left, or the bound is met."""
        return not self._left or len(self._found) >= self._limit or self.scanned >= SCANNED_MAX

    def window(self) -> dict[int, tuple[int, int]]:
        """Returns what to look at next."""
        size = max(1, min(self._size, (SCANNED_MAX - self.scanned) // len(self._left)))
        return {number: self._near(span, size) for number, span in self._left.items()}

    def smaller(self) -> bool:
        """Has the next window be an eighth of the last one, as that was too much; False when it cannot be smaller."""
        smaller, self._size = self._size > 1, max(1, self._size // 8)
        return smaller

    def take(self, window: Spans, found: Sequence[LogRecord]) -> None:
        """Takes in what was found in the window, which was all looked at."""
        self._found += found
        for number, (begin, end) in window.items():
            self.scanned += end - begin
            low, high = self._left.pop(number)
            rest = (low, begin) if self._newest else (end, high)
            if rest[0] < rest[1]:
                self._left[number] = rest
        self._size *= 2

    def page(self) -> tuple[list[LogRecord], str | None]:
        """Returns what was found, in order, and the cursor of what follows; None when nothing is left.

        Within a page, records of all partitions stand in the order in which Kafka took them.
        """
        ordered = [record for _, record in sorted(self._timed(), key=lambda each: each[0], reverse=self._newest)]
        chosen, rest = ordered[: self._limit], ordered[self._limit :]
        spans = dict(self._left)
        for record in rest:  # found, but for the next page
            begin, end = spans.get(record.partition, (record.offset, record.offset + 1))
            spans[record.partition] = min(begin, record.offset), max(end, record.offset + 1)
        said = [(number, *span) for number, span in sorted(spans.items())]
        return chosen, LogCursor(self._topic, self._newest, said).encode() if said else None

    def _timed(self) -> list[tuple[tuple[float, int, int], LogRecord]]:
        """Returns the records by when they were taken; within a partition never against their order, whatever the
        brokers' clocks did."""
        last: dict[int, float] = defaultdict(float)
        found = []
        for record in sorted(self._found, key=lambda each: (each.partition, each.offset)):
            last[record.partition] = max(last[record.partition], record.recorded_at.timestamp())
            found.append(((last[record.partition], record.partition, record.offset), record))
        return found

    def _near(self, span: tuple[int, int], size: int) -> tuple[int, int]:
        low, high = span
        return (max(low, high - size), high) if self._newest else (low, min(high, low + size))


def _cut(span: tuple[int, int], within: tuple[int, int]) -> tuple[int, int]:
    return max(span[0], within[0]), min(span[1], within[1])
