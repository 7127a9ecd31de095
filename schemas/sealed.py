"""The digests of records where they lie in a batch: none is made.

The digest is over a record as Kafka writes it, so it is taken of a stretch of the batch. What is found sound here is
sound to `schemas.codec.Codec.check`; of anything that our codec would write otherwise it says only that it may not be.
"""

from collections.abc import Container
from hashlib import sha256

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.errors import Undecodable
from schemas.layout import MARK, TAIL, layout
from schemas.record import PREFIX, length
from schemas.wire import long


class Seals:
    """Checks records of one topic."""

    def __init__(self, topic: Topic) -> None:
        self._same = [part.same or b"" for part in layout(topic)[:6:2]]
        """What stands before id, source and tenant."""

    def sound(self, batch: RecordBatch, frames: Container[bytes], bytes_max: int) -> bool:
        """True when each record of a plain batch is as our codec writes them, digest and all.

        `frames` are the first bytes of a value that are known, `bytes_max` is what a value may have.
        """
        try:
            return self._sound(batch.data, batch.body_at, batch.end, batch.count, frames, bytes_max)
        except (IndexError, Undecodable):  # it ends in the middle of a record, or has a number longer than ours
            return False

    def _sound(self, data: bytes, end: int, last: int, count: int, frames: Container[bytes], bytes_max: int) -> bool:
        before_id = self._same[0]
        frame = b""
        for delta in range(count):
            at = end + 1
            if (size := data[end]) > 0x7F:  # the record's length
                if (more := data[at]) > 0x7F:
                    size, at = long(data, end)
                    size <<= 1
                else:
                    size = size & 0x7F | more << 7
                    at += 1
            if size & 1:
                return False
            end = at + (size >> 1)
            at += 1  # its attributes
            while data[at] > 0x7F:  # its time, less that of the batch
                at += 1
            at += 2 if delta < 64 else 3 if delta < 8192 else 4  # and its offset, less that of the batch
            if (size := data[at]) & 0x81:  # no key, or a long one
                size, value_at = long(data, at)
                if size < 0:
                    return False
                value_at += size
            else:
                value_at = at + 1 + (size >> 1)
            if (size := data[value_at]) & 0x80 and (more := data[value_at + 1]) < 0x80 and not size & 1:
                size = (size & 0x7F | more << 7) >> 1
                value_at += 2
            else:
                size, value_at = long(data, value_at)
            if not frame or not data.startswith(frame, value_at):
                frame = data[value_at : value_at + PREFIX]
                if frame not in frames:
                    return False
            if not PREFIX < size <= bytes_max or not data.startswith(before_id, value_at + size):
                return False
            tail = end - TAIL
            if MARK + sha256(data[at:tail]).digest() != data[tail:end]:
                return False
        return end == last

    def opened(self, key: bytes, value: bytes, headers: bytes) -> tuple[bytes, bytes] | None:
        """Returns the ids of event and tenant that headers as our codec writes them name, when their digest holds.

        Otherwise, and when a header is long, it says nothing.
        """
        sealed = headers[:-TAIL]
        over = length(key), key, length(value), value, sealed
        if MARK + sha256(b"".join(over)).digest() != headers[-TAIL:]:
            return None
        at, found = 0, []
        for same in self._same:
            begin = at + len(same) + 1
            if begin > len(sealed) or not sealed.startswith(same, at) or (size := sealed[begin - 1]) & 0x81:
                return None
            at = begin + (size >> 1)
            found.append(sealed[begin:at])
        event_id, _, tenant_id = found
        return (event_id, tenant_id) if at <= len(sealed) else None
