"""A Kafka record batch as the broker sent it: many records at once, nothing of them taken apart."""

from collections.abc import Iterator
from struct import Struct as Layout

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException
from crc32c import crc32c
from msgspec import Struct

from schemas.errors import Undecodable
from schemas.record import Record, SentHeaders, nullable
from schemas.wire import long

HEAD = Layout(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and last timestamp, producer id
and epoch, first sequence, count (https://kafka.apache.org/documentation/#recordbatch)."""
MAGIC = 2
COMPRESSED, APPEND_TIME, CONTROL = 0x07, 0x08, 0x20
LENGTH_AT, CRC_FROM = 12, 21
DECODE = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


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
    data: bytes
    """What a fetch brought; the batch lies in it from `begin` to `end`."""
    begin: int
    end: int
    plain: bool
    """True when the records lie there as they are, one offset after the other, stamped by the broker."""

    @property
    def body_at(self) -> int:
        """Where the records begin."""
        return self.begin + HEAD.size

    @property
    def size(self) -> int:
        """Bytes of the records."""
        return self.end - self.body_at

    def unpack(self) -> list[Record]:
        """Returns the records one by one; raises CorruptRecordException."""
        topic, partition, base, count = self.topic, self.partition, self.offset, self.count
        _, _, _, _, _, attributes, _, first_ms, last_ms, *_ = HEAD.unpack_from(self.data, self.begin)
        body = self.data[self.body_at : self.end]
        if codec := attributes & COMPRESSED:
            body = DECODE[codec](body)
        appended = attributes & APPEND_TIME
        found = []
        end = 0
        try:
            for _ in range(count):
                size, at = long(body, end)
                end = at + size
                ms = body[at + 1]  # behind the attributes
                at += 2
                if ms > 0x7F or ms & 1:
                    ms, at = long(body, at - 1)
                else:
                    ms >>= 1
                offset = body[at]
                at += 1
                if offset > 0x7F:
                    if (more := body[at]) > 0x7F:
                        offset, at = long(body, at - 1)
                    else:
                        offset = (offset & 0x7F | more << 7) >> 1
                        at += 1
                else:
                    offset >>= 1
                size = body[at]
                if size & 0x81:
                    key, at = nullable(body, at)
                else:
                    begin = at + 1
                    at = begin + (size >> 1)
                    key = body[begin:at]
                value, at = nullable(body, at)
                if not at < end <= len(body):
                    raise Undecodable("a record that ends early")
                found.append(
                    Record(
                        topic,
                        partition,
                        base + offset,
                        last_ms if appended else first_ms + ms,
                        key,
                        value,
                        SentHeaders(body[at:end]),
                    )
                )
        except (IndexError, Undecodable) as error:
            raise CorruptRecordException(f"{topic}/{partition}/{base} holds what is no record") from error
        return found


def batches(topic: str, partition: int, data: bytes) -> Iterator[RecordBatch]:
    """Yields each whole batch in the bytes of a fetch; one of control records as one that has none.

    Raises CorruptRecordException when a batch's checksum does not hold.
    """
    begin = 0
    view = memoryview(data)
    while begin + HEAD.size <= len(data):
        head = HEAD.unpack_from(data, begin)
        base, length, _, magic, crc, attributes, delta, first_ms, last_ms, *_, count = head
        end = begin + LENGTH_AT + length
        if end > len(data):
            return  # the broker cuts off what does not fit
        if magic != MAGIC:
            raise CorruptRecordException(f"message format {magic} on {topic}/{partition}, not {MAGIC}")
        if crc32c(view[begin + CRC_FROM : end]) != crc:
            raise CorruptRecordException(f"checksum of {topic}/{partition}/{base} does not hold")
        if attributes & CONTROL:
            yield RecordBatch(topic, partition, base, base + delta, 0, last_ms, data, begin, end, False)
        else:
            plain = not attributes & COMPRESSED and bool(attributes & APPEND_TIME) and count == delta + 1
            stamp = last_ms if attributes & APPEND_TIME else first_ms
            yield RecordBatch(topic, partition, base, base + delta, count, stamp, data, begin, end, plain)
        begin = end
