"""A Kafka record batch as the broker sent it: many records at once, nothing of them taken apart."""

from collections.abc import Callable, Iterator
from struct import Struct as Layout

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from msgspec import Struct

from schemas.record import Record
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
    body: bytes | None
    """The records in Kafka's encoding (message format 2); None when they are compressed, or stamped by their writer."""
    unpack: Callable[[], list[Record]]
    """Returns the records one by one."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body or b"")


def batches(topic: str, partition: int, data: bytes, checked: bool = True) -> Iterator[RecordBatch]:
    """Yields each whole batch in the bytes of a fetch; one of control records as one that has none.

    Raises CorruptRecordException when a batch's checksum does not hold; not `checked`, that is left to whoever checks
    the digest of every record.
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
        if checked and calc_crc32c(view[begin + CRC_FROM : end]) != crc:
            raise CorruptRecordException(f"checksum of {topic}/{partition}/{base} does not hold")
        if attributes & CONTROL:
            yield RecordBatch(topic, partition, base, base + delta, 0, last_ms, None, list)
        else:
            plain = not attributes & COMPRESSED and attributes & APPEND_TIME and count == delta + 1
            body = data[begin + HEAD.size : end] if plain else None
            stamp = last_ms if attributes & APPEND_TIME else first_ms
            unpack = _Unpack(topic, partition, data, begin, end)
            yield RecordBatch(topic, partition, base, base + delta, count, stamp, body, unpack)
        begin = end


class _Unpack:
    """Takes a batch apart when it is called."""

    __slots__ = ("_begin", "_data", "_end", "_partition", "_topic")

    def __init__(self, topic: str, partition: int, data: bytes, begin: int, end: int) -> None:
        self._topic = topic
        self._partition = partition
        self._data = data
        self._begin = begin
        self._end = end

    def __call__(self) -> list[Record]:
        topic, partition = self._topic, self._partition
        whole = self._data[self._begin : self._end]
        try:
            return [
                Record(topic, partition, each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                for each in MemoryRecords(whole).next_batch()
            ]
        except UnicodeDecodeError:  # a header's name that is no text; Kafka takes any bytes
            return list(_apart(topic, partition, whole))


def _apart(topic: str, partition: int, whole: bytes) -> Iterator[Record]:
    """Yields the records of a batch; bytes of a header's name that are no UTF-8 are spelled out (`\\xff`)."""
    base, _, _, _, _, attributes, _, first_ms, last_ms, *_, count = HEAD.unpack_from(whole)
    body = whole[HEAD.size :]
    if codec := attributes & COMPRESSED:
        body = DECODE[codec](body)
    at = 0
    for _ in range(count):
        _, at = long(body, at)
        ms, at = long(body, at + 1)  # behind the attributes
        offset, at = long(body, at)
        key, at = _bytes(body, at)
        value, at = _bytes(body, at)
        size, at = long(body, at)
        headers = []
        for _ in range(size):
            name, at = _bytes(body, at)
            content, at = _bytes(body, at)
            headers.append(((name or b"").decode(errors="backslashreplace"), content))
        stamp = last_ms if attributes & APPEND_TIME else first_ms + ms
        yield Record(topic, partition, base + offset, stamp, key, value, tuple(headers))


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = long(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)
