"""A Kafka record batch as the broker sent it: many records at once, nothing of them taken apart."""

from collections.abc import Callable

from msgspec import Struct

from schemas.record import Record


class RecordBatch(Struct, frozen=True):
    """Consecutive records of one partition, as their producer put them together."""

    topic: str
    partition: int
    offset: int
    """Of the first record; the others follow it one by one in a plain batch."""
    last: int
    """The offset of the last one."""
    count: int
    timestamp_ms: int
    """Kafka's append time, the same for all."""
    body: bytes | None
    """The records in Kafka's encoding (message format 2); None when they are compressed, or stamped by their writer."""
    unpack: Callable[[], list[Record]]
    """Returns the records one by one."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body or b"")


def number(data: bytes, at: int) -> tuple[int, int]:
    """Returns the zigzag varint at this place, as Kafka and Avro write them, and the place after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
