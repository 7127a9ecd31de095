"""Kafka's record batches by place, outside any group: for replays, audits, state that is read anew."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import aiokafka.conn
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition
from msgspec import Struct

from connectors.kafka import KafkaUnavailable, begins, ends
from schemas.batch import RecordBatch, batches
from schemas.record import Record

PARTITION_BYTES = 512 * 1024
FETCH_BYTES = 2 * 1024 * 1024
"""What a fetch brings of a partition, and of all of a broker's; more only where a single batch is larger. More would
fall out of a processor's cache before it is looked at."""
WAIT_MS = 200
"""How long a broker waits for a first record."""
RETRY_S = 0.1
REQUEST_TIMEOUT_MS = 10_000
READ_UNCOMMITTED = 0
STALL_S = 30.0
aiokafka.conn.READER_LIMIT = 2 * FETCH_BYTES  # at its own 64 KiB an answer is stopped and started again all the time

Place = tuple[str, int]


class Part(Struct, frozen=True):
    """What a broker answered for one partition."""

    place: Place
    code: int
    end: int
    data: bytes


class TopicReader:
    """Reads partitions by place. For one thread at a time. Close it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._client: AIOKafkaClient | None = None
        self._trouble = ""
        self.ended_at = time.monotonic()
        """When who follows was at the end of all partitions last, as the brokers said; at first, when it was made."""
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kafka-reader", daemon=True)
        self._thread.start()

    def batches(self, span: Mapping[Place, tuple[int, int]], stall_s: float = STALL_S) -> Iterator[list[RecordBatch]]:
        """Yields the record batches in which each partition's offsets [from, to) lie, each partition in order.

        The first and the last one of a partition may hold records outside the span. The next ones are fetched
        meanwhile. Raises KafkaUnavailable when nothing comes for `stall_s` although records are left, and when a batch
        is not what was written.
        """
        yield from self._fetched(span, {place: begin for place, (begin, _) in span.items()}, stall_s)

    def read(self, span: Mapping[Place, tuple[int, int]], stall_s: float = STALL_S) -> Iterator[list[Record]]:
        """Yields the records of each partition's offsets [from, to), each partition in order.

        Raises KafkaUnavailable as `batches` does.
        """
        first = {place: begin for place, (begin, _) in span.items()}
        for found in self._fetched(span, first, stall_s):
            records = []
            for batch in found:
                place = batch.topic, batch.partition
                begin, end = first[place], span[place][1]
                if batch.count:
                    unpacked = batch.unpack()
                    whole = begin <= batch.offset and batch.last < end
                    records += unpacked if whole else [each for each in unpacked if begin <= each.offset < end]
            if records:
                yield records

    def follow(
        self, topic: str, partitions: int, stop: Callable[[], bool]
    ) -> Iterator[tuple[list[Record], dict[int, int]]]:
        """Yields batches from the first record on, and from where each partition will be read on, behind them.

        It goes on for ever; a batch is empty when nothing came for a while. Positions pass over what holds no record.
        """
        for records, at in self.follow_from({(topic, number): 0 for number in range(partitions)}, stop):
            yield records, {partition: offset for (_, partition), offset in at.items()}

    def follow_from(
        self, begin: Mapping[Place, int], stop: Callable[[], bool]
    ) -> Iterator[tuple[list[Record], dict[Place, int]]]:
        """Does what `follow` does, from these places on; each partition in order.

        What it yields goes back to the beginning of a partition whose log is shorter than it was.
        """
        at, first = dict(begin), dict(begin)
        while not stop():
            found, asked_at = [], time.monotonic()
            parts = self._ask(at).result()
            for part in parts:
                before = at[part.place]
                found += self._taken(at, first, part)
                if for_code(part.code) is OffsetOutOfRangeError and at[part.place] == before:  # shorter than it was
                    at[part.place] = first[part.place] = first[part.place] if first[part.place] < before else 0
            if len(parts) == len(at) and all(not part.code and at[part.place] >= part.end for part in parts):
                self.ended_at = asked_at
            records = [record for batch in found if batch.count for record in batch.unpack()]
            yield [each for each in records if each.offset >= first[each.topic, each.partition]], dict(at)

    def close(self) -> None:
        """Leaves the broker."""
        self._submit(self._leave()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _fetched(
        self, span: Mapping[Place, tuple[int, int]], first: dict[Place, int], stall_s: float
    ) -> Iterator[list[RecordBatch]]:
        """Yields the batches; `first` says where each partition begins, and is moved on where records were deleted."""
        at = {place: begin for place, begin in first.items() if begin < span[place][1]}
        last = time.monotonic()
        asked = self._ask(at)
        try:
            while at:
                parts = asked.result()
                found = []
                for part in parts:
                    found += self._taken(at, first, part)
                if not any(part.data for part in parts):  # the rest holds no record: compacted, or marks
                    for part in parts:
                        if part.place in at and not part.code and part.end >= span[part.place][1]:
                            del at[part.place]
                for place in [place for place, offset in at.items() if offset >= span[place][1]]:
                    del at[place]
                asked = self._ask(at)
                if found:
                    last = time.monotonic()
                    yield found
                elif at and time.monotonic() - last > stall_s:
                    raise KafkaUnavailable(self._stalled(at, span, stall_s))
        finally:
            asked.cancel()

    def _taken(self, at: dict[Place, int], first: dict[Place, int], part: Part) -> list[RecordBatch]:
        """Returns the batches of an answer that are asked for, and moves on behind them."""
        if part.place not in at:
            return []
        if part.code:
            self._refused(at, first, part)
            return []
        try:
            found = [batch for batch in batches(*part.place, part.data) if batch.last >= at[part.place]]
        except CorruptRecordException as error:
            raise KafkaUnavailable(f"Kafka at {self._bootstrap}: {error}") from error
        if found:
            del at[part.place]  # to the end: a broker fills its answers from the beginning of what it is asked for
            at[part.place] = found[-1].last + 1
        return found

    def _refused(self, at: dict[Place, int], first: dict[Place, int], part: Part) -> None:
        """Goes on at the first record when those before it were deleted; raises what will not pass."""
        error = for_code(part.code)
        self._trouble = f"{part.place[0]}/{part.place[1]}: {error.__name__}"
        if error is OffsetOutOfRangeError:
            begin = begins(self._bootstrap, [part.place[0]]).get(part.place, 0)
            if begin > at[part.place]:
                at[part.place] = first[part.place] = begin
                return
        elif not (error.retriable or error.invalid_metadata):
            raise KafkaUnavailable(f"{part.place[0]} on Kafka at {self._bootstrap}: {error.__name__}")
        else:
            self._submit(self._leave()).result()  # whoever answered may not know any more
        time.sleep(RETRY_S)

    def _stalled(self, at: Mapping[Place, int], span: Mapping[Place, tuple[int, int]], stall_s: float) -> str:
        left = {place: span[place][1] for place in at}
        why = f" ({self._trouble})" if self._trouble else ""
        return f"Kafka at {self._bootstrap}: no records for {stall_s:.0f} s, {left} left{why}"

    def _ask(self, at: Mapping[Place, int]) -> "Future[list[Part]]":
        return self._submit(self._fetch(dict(at)))

    def _submit(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _fetch(self, at: Mapping[Place, int]) -> list[Part]:
        """Returns what the brokers answer; nothing when one of them could not be asked."""
        if not at:
            return []
        try:
            client = await self._connected()
            wanted: dict[int, dict[str, list[tuple[int, int, int]]]] = defaultdict(lambda: defaultdict(list))
            for (topic, partition), offset in at.items():
                node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
                if node is None or node < 0:
                    raise KafkaUnavailable(f"{topic}/{partition} has no leader")
                wanted[node][topic].append((partition, offset, PARTITION_BYTES))
            answers = await asyncio.gather(*(client.send(node, _request(topics)) for node, topics in wanted.items()))
        except (KafkaError, KafkaUnavailable, OSError, TimeoutError) as error:
            self._trouble = str(error).splitlines()[0] if str(error) else type(error).__name__
            await self._leave()
            await asyncio.sleep(RETRY_S)
            return []
        return [
            Part((topic, partition), code, end, rest[-1] or b"")
            for answer in answers
            for topic, partitions in answer.topics
            for partition, code, end, *rest in partitions
        ]

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            client = AIOKafkaClient(
                bootstrap_servers=self._bootstrap.split(","),
                client_id="auterity-reader",
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                metadata_max_age_ms=5000,
            )
            self._client = client
            await client.bootstrap()
            await client.force_metadata_update()
        return self._client

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


class KafkaLog:
    """A LogReader: see domain.ports. Each read has a connection of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def read(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Sequence[Record]]:
        """See domain.ports.LogReader."""
        yield from read(self._bootstrap, {(topic, partition): (begin, end)})

    def ends(self, topic: str) -> dict[int, int]:
        """See domain.ports.LogReader."""
        return {number: end for (_, number), end in ends(self._bootstrap, [topic]).items()}


def read(bootstrap: str, span: Mapping[Place, tuple[int, int]]) -> Generator[list[Record], None, None]:
    """Yields the records of the span as TopicReader.read does, over a connection of its own."""
    with closing(TopicReader(bootstrap)) as reader:
        yield from reader.read(span)


def read_all(bootstrap: str, topics: Iterable[str]) -> Iterator[list[Record]]:
    """Yields every record that lies on the topics now, in batches; each partition in order."""
    yield from read(bootstrap, whole(bootstrap, topics))


def whole(bootstrap: str, topics: Iterable[str]) -> dict[Place, tuple[int, int]]:
    """Returns the span of all that lies on the topics now."""
    first, last = begins(bootstrap, topics), ends(bootstrap, topics)
    return {place: (first[place], end) for place, end in last.items()}


def _request(topics: Mapping[str, list[tuple[int, int, int]]]) -> FetchRequest:
    return FetchRequest(WAIT_MS, 1, FETCH_BYTES, READ_UNCOMMITTED, list(topics.items()))
