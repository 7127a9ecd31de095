"""Lets an aiokafka consumer hand over record batches as the broker sent them, not taken apart.

The consumer's fetcher is given a client that keeps each partition's bytes, and a store of fetched data that puts a
reader of batches in the place of the one that makes a record of each. Positions, pauses, resets and errors stay with
aiokafka. Made for one version of it; `check_aiokafka` refuses another.
"""

from collections import OrderedDict
from collections.abc import Iterator
from struct import Struct as Layout
from typing import Any

import aiokafka
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from schemas.batch import RecordBatch, number
from schemas.record import Record

AIOKAFKA = "0.14.0"
HEAD = Layout(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and last timestamp, producer id
and epoch, first sequence, count (https://kafka.apache.org/documentation/#recordbatch)."""
MAGIC = 2
COMPRESSED, APPEND_TIME, CONTROL = 0x07, 0x08, 0x20
LENGTH_AT, CRC_FROM = 12, 21
DECODE = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


class WrongAiokafka(Exception):
    """This aiokafka is another than the one whose internals the reader of batches builds on."""


def check_aiokafka() -> None:
    """Raises WrongAiokafka unless the installed aiokafka is the version this was made for."""
    if aiokafka.__version__ != AIOKAFKA:
        raise WrongAiokafka(f"aiokafka {aiokafka.__version__} is installed; record batches are read from {AIOKAFKA}")


class Fetched:
    """A batch where aiokafka expects a record: its place is its last offset. It is asked for from `begin` on."""

    __slots__ = ("batch", "begin", "offset", "partition", "topic")

    def __init__(self, batch: RecordBatch, begin: int) -> None:
        self.batch = batch
        self.begin = begin
        self.topic = batch.topic
        self.partition = batch.partition
        self.offset = batch.last

    def records(self) -> list[Record]:
        """Returns the records from `begin` on."""
        found = self.batch.unpack()
        return found if self.begin <= self.batch.offset else [each for each in found if each.offset >= self.begin]


def read_batches(fetcher: Any) -> None:
    """Makes the fetcher hand over `Fetched` batches from now on; it must not have fetched anything yet."""
    kept: dict[TopicPartition, bytes] = {}
    fetcher._client = _Client(fetcher._client, kept)
    fetcher._records = _Store(kept)


def batches(place: TopicPartition, data: bytes) -> Iterator[RecordBatch]:
    """Yields each whole batch in the bytes of a fetch; one of control records as one that has none.

    Raises CorruptRecordException when a batch's checksum does not hold.
    """
    begin = 0
    while begin + HEAD.size <= len(data):
        head = HEAD.unpack_from(data, begin)
        base, length, _, magic, crc, attributes, delta, first_ms, last_ms, *_, count = head
        end = begin + LENGTH_AT + length
        if end > len(data):
            return  # the broker cuts off what does not fit
        whole = data[begin:end]
        if magic != MAGIC:
            raise CorruptRecordException(f"message format {magic} on {place.topic}/{place.partition}, not {MAGIC}")
        if calc_crc32c(whole[CRC_FROM:]) != crc:
            raise CorruptRecordException(f"checksum of {place.topic}/{place.partition}/{base} does not hold")
        if attributes & CONTROL:
            yield RecordBatch(place.topic, place.partition, base, base + delta, 0, last_ms, None, list)
        else:
            plain = not attributes & COMPRESSED and attributes & APPEND_TIME and count == delta + 1
            body = whole[HEAD.size :] if plain else None
            stamp = last_ms if attributes & APPEND_TIME else first_ms
            unpack = _Unpack(place, whole)
            yield RecordBatch(place.topic, place.partition, base, base + delta, count, stamp, body, unpack)
        begin = end


class _Unpack:
    """Takes a batch apart when it is called."""

    __slots__ = ("_place", "_whole")

    def __init__(self, place: TopicPartition, whole: bytes) -> None:
        self._place = place
        self._whole = whole

    def __call__(self) -> list[Record]:
        topic, partition = self._place
        try:
            return [
                Record(topic, partition, each.offset, each.timestamp, each.key, each.value, tuple(each.headers))
                for each in MemoryRecords(self._whole).next_batch()
            ]
        except UnicodeDecodeError:  # a header's name that is no text; Kafka takes any bytes
            return list(_apart(self._place, self._whole))


def _apart(place: TopicPartition, whole: bytes) -> Iterator[Record]:
    """Yields the records of a batch; bytes of a header's name that are no UTF-8 are spelled out (`\\xff`)."""
    base, _, _, _, _, attributes, _, first_ms, last_ms, *_, count = HEAD.unpack_from(whole)
    body = whole[HEAD.size :]
    if codec := attributes & COMPRESSED:
        body = DECODE[codec](body)
    at = 0
    for _ in range(count):
        _, at = number(body, at)
        ms, at = number(body, at + 1)  # behind the attributes
        offset, at = number(body, at)
        key, at = _bytes(body, at)
        value, at = _bytes(body, at)
        size, at = number(body, at)
        headers = []
        for _ in range(size):
            name, at = _bytes(body, at)
            content, at = _bytes(body, at)
            headers.append(((name or b"").decode(errors="backslashreplace"), content))
        stamp = last_ms if attributes & APPEND_TIME else first_ms + ms
        yield Record(place.topic, place.partition, base + offset, stamp, key, value, tuple(headers))


def _bytes(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = number(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)


class _Client:
    """aiokafka's client, but for the answers to fetches, whose bytes are kept."""

    def __init__(self, client: Any, kept: dict[TopicPartition, bytes]) -> None:
        self._client = client
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: Any, request: Any, **options: Any) -> Any:
        answer = await self._client.send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            for topic, partitions in answer.topics:
                for partition, _, _, *data in partitions:
                    self._kept[TopicPartition(topic, partition)] = data[-1]
        return answer


class _Store(OrderedDict[TopicPartition, Any]):
    """What the fetcher has fetched, each partition's data with a reader of batches in place of one of records."""

    def __init__(self, kept: dict[TopicPartition, bytes]) -> None:
        super().__init__()
        self._kept = kept

    def __setitem__(self, place: TopicPartition, result: Any) -> None:
        data = self._kept.pop(place, b"")
        if isinstance(result, FetchResult):
            records = result._partition_records
            records._records_iterator = _read(place, data, records)
        super().__setitem__(place, result)


def _read(place: TopicPartition, data: bytes, records: Any) -> Iterator[Fetched]:
    for batch in batches(place, data):
        before = records.next_fetch_offset
        if batch.last >= before:
            records.next_fetch_offset = batch.last + 1
            yield Fetched(batch, before)
