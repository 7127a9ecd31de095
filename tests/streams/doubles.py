"""What stands in for Kafka and Faust around a stage: one log in memory, and an app that hands out runs by hand."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from schemas.errors import Unavailable
from schemas.record import Outgoing, Record
from streams.changelog import CLAIM
from streams.table import StateTable
from streams.transport import Run

READ_RECORDS = 7
"""Records that one read gives: small, so that a catch-up takes several batches."""
CHANGELOG = "test-changelog"


class MemoryLog:
    """A Publisher and a LogReader of one log in memory: it alone gives offsets, and it can compact.

    `before` and `after` are called around each append with its keys: what they raise, the writer gets; before, nothing
    is on the log; after, everything is. With `batch_records` an append goes out in batches of so many, and `between`
    is called between two of them.
    """

    def __init__(self, batch_records: int | None = None) -> None:
        self.lanes: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.said: list[tuple[str, Any]] = []
        """What was asked of it, in order: ("publish", topics and keys) and ("append", keys)."""
        self.before: Callable[[list[bytes]], None] = _nothing
        self.after: Callable[[list[bytes]], None] = _nothing
        self.between: Callable[[], None] = lambda: None
        self.reading: Callable[[int], None] = _nothing
        """Called with the first offset of each batch before it is given to a reader."""
        self._batch_records = batch_records
        self._next: dict[tuple[str, int], int] = defaultdict(int)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.said.append(("publish", [(record.topic, record.key) for record in records]))
        await asyncio.sleep(0)
        for record in records:
            self._put(record.topic, 0, record.key, record.value, record.headers)

    async def append(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> list[range]:
        keys = [key for key, _ in pairs]
        self.said.append(("append", keys))
        self.before(keys)
        await asyncio.sleep(0)
        places = []
        step = self._batch_records or max(1, len(pairs))
        for begin in range(0, len(pairs), step):
            if begin:
                self.between()
            batch = pairs[begin : begin + step]
            first = self._next[topic, partition]
            for key, value in batch:
                self._put(topic, partition, key, value, ())
            places.append(range(first, first + len(batch)))
        self.after(keys)
        return places

    def read(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Sequence[Record]]:
        found = [record for record in self.lanes[topic, partition] if begin <= record.offset < end]
        for first in range(0, len(found), READ_RECORDS):
            self.reading(found[first].offset)
            yield found[first : first + READ_RECORDS]

    def ends(self, topic: str) -> dict[int, int]:
        return {partition: end for (name, partition), end in self._next.items() if name == topic}

    def put(self, key: bytes, value: bytes | None, topic: str = CHANGELOG, partition: int = 0) -> int:
        """Writes one record at once, as somebody else would; returns its offset."""
        return self._put(topic, partition, key, value, ())

    def end(self, topic: str = CHANGELOG, partition: int = 0) -> int:
        """Returns the next offset."""
        return self._next[topic, partition]

    def records(self, topic: str = CHANGELOG, partition: int = 0) -> list[Record]:
        """Returns what lies on the partition now."""
        return list(self.lanes[topic, partition])

    def compact(self, before: int, topic: str = CHANGELOG, partition: int = 0) -> None:
        """Keeps, of the records before the offset, the last one of each key; offsets stay as they are."""
        last = {record.key: record.offset for record in self.lanes[topic, partition] if record.offset < before}
        self.lanes[topic, partition] = [
            record
            for record in self.lanes[topic, partition]
            if record.offset >= before or last[record.key] == record.offset
        ]

    def _put(self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Any) -> int:
        offset = self._next[topic, partition]
        self.lanes[topic, partition].append(Record(topic, partition, offset, 0, key, value, headers))
        self._next[topic, partition] = offset + 1
        return offset


def _nothing(_: Any) -> None:
    """Lets it happen."""


class Lost(Unavailable):
    """The log did not answer."""


def lose(keys: list[bytes]) -> None:
    """Raises: what was asked of the log gets no answer. Claims are answered."""
    if keys != [CLAIM]:
        raise Lost("no acknowledgement")


class Tally(msgspec.Struct, frozen=True):
    """A state as stages have them."""

    count: int
    text: str = ""


class TableOf:
    """One worker's table over the log, with the generation it believes in; `ended` is a process that is gone."""

    def __init__(self, log: MemoryLog, folder: Path) -> None:
        self.generation = 1
        self.folder = folder
        self.table = StateTable(CHANGELOG, folder, Tally, log, log, lambda: self.generation)

    async def put(self, partition: int = 0, **counts: int) -> None:
        """Writes counts under these keys, in one batch."""
        claim = await self.table.claim(partition)
        states = {key.encode(): ({"input": count}, Tally(count)) for key, count in counts.items()}
        await self.table.write(claim, states)

    async def all(self, keys: Sequence[str], partition: int = 0) -> dict[str, int]:
        """Returns the counts of those keys that have one, read past the cache."""
        claim = await self.table.claim(partition)
        claim.cache.clear()
        found = {key: self.table.get(claim, key.encode())[1] for key in keys}
        return {key: tally.count for key, tally in found.items() if tally is not None}

    def ended(self) -> None:
        """Lets go of the disk, as the end of its process does."""
        self.table.close()


class AppByHand:
    """What a stage needs of a Faust app, without a broker: its agent is fed by hand."""

    def __init__(self) -> None:
        self.consumer_generation_id = 1
        self.tasks: list[Any] = []
        self.acknowledged: list[tuple[int, int]] = []
        """Partition and last offset of each run, in the order of their acknowledgement."""
        self.said: list[tuple[str, Any]] = []
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._agent: Any = None
        self._running: asyncio.Task[None] | None = None

    def topic(self, *names: str, **_: Any) -> tuple[str, ...]:
        return names

    def agent(self, channel: Any, name: str) -> Callable[[Any], Any]:
        def keep(agent: Any) -> Any:
            self._agent = agent
            return agent

        return keep

    def task(self, work: Any) -> Any:
        self.tasks.append(work)
        return work

    async def __aenter__(self) -> "AppByHand":
        self._running = asyncio.create_task(self._agent(self))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def noack(self) -> "AppByHand":
        return self

    async def events(self) -> AsyncIterator[Any]:
        while True:
            event = await self._events.get()
            self.taken += 1
            yield event

    taken = 0
    """Runs that the stage has taken from Faust."""

    def hand_out(self, records: Sequence[Record]) -> None:
        """Hands out one run."""
        partition, last = records[0].partition, records[-1].offset

        def ack() -> None:
            self.acknowledged.append((partition, last))
            self.said.append(("ack", last))

        message = SimpleNamespace(partition=partition, generation_id=self.consumer_generation_id)
        self._events.put_nowait(
            SimpleNamespace(message=message, value=Run(list(records), len(records), last, 0), ack=ack)
        )


def run_of(
    partition: int, first: int, count: int = 1, topic: str = "business-events", keys: Sequence[bytes] = (b"k",)
) -> list[Record]:
    """Returns consecutive records of one partition."""
    return [
        Record(topic, partition, offset, 0, keys[offset % len(keys)], b"v", ())
        for offset in range(first, first + count)
    ]


async def settled(check: Callable[[], Any], timeout_s: float = 5.0) -> None:
    """Returns when the check holds; fails after the time."""
    async with asyncio.timeout(timeout_s):
        while not check():
            await asyncio.sleep(0.001)


def model_of(changes: Mapping[str, int | None]) -> dict[str, int]:
    """Returns what is there after the changes."""
    return {key: count for key, count in changes.items() if count is not None}
