"""Lets an aiokafka consumer hand over record batches as the broker sent them, not taken apart.

The consumer's fetcher is given a client that keeps each partition's bytes, and a store of fetched data that puts a
reader of batches in the place of the one that makes a record of each. Positions, pauses, resets and errors stay with
aiokafka. Made for one version of it; `check_aiokafka` refuses another.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

import schemas.digests  # noqa: F401  what checks batches is loaded, or compiled, before the first one waits for it
from schemas.batch import RecordBatch, batches
from schemas.record import Record

AIOKAFKA = "0.14.0"

Unpack = Callable[[RecordBatch], list[Record]]
"""Takes a batch apart."""


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

    def records(self, unpack: Unpack) -> list[Record]:
        """Returns the records from `begin` on."""
        found = unpack(self.batch)
        return found if self.begin <= self.batch.offset else [each for each in found if each.offset >= self.begin]


def read_batches(fetcher: Any) -> None:
    """Makes the fetcher hand over `Fetched` batches from now on; it must not have fetched anything yet."""
    kept: dict[TopicPartition, bytes] = {}
    fetcher._client = _Client(fetcher._client, kept)
    fetcher._records = _Store(kept)


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
    for batch in batches(place.topic, place.partition, data):
        before = records.next_fetch_offset
        if batch.last >= before:
            records.next_fetch_offset = batch.last + 1
            yield Fetched(batch, before)
