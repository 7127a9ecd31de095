"""Faust's Kafka transport, with runs of records in place of single ones.

One Faust event is one run: consecutive records of one partition, bounded by count and bytes. A run is acknowledged as
a whole, and only a finished prefix of runs is ever committed, in whatever order they finish. Faust's own tables are
not used (see streams.table), so no changelog is read through here.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import faust
from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition as _TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from schemas.batch import RecordBatch
from schemas.record import Record
from streams.raw import Fetched, Unpack, check_aiokafka, read_batches

FAUST = "0.15.3"
RUN_RECORDS_MAX = 500
RUN_BYTES_MAX = 1024 * 1024
"""A run ends with the record that passes this."""

FETCH_WAIT_MS = 100
"""How long a broker may wait for records: meanwhile it is asked for no other partitions, so these wait as long."""
FULL_S = 0.01
"""How often a stage that holds all it may is looked at for room."""


class WrongFaust(Exception):
    """This Faust is another than the one whose internals the transport builds on."""


def check_faust() -> None:
    """Raises WrongFaust or WrongAiokafka unless the installed ones are those this transport was made for."""
    check_aiokafka()
    if faust.__version__ != FAUST:
        raise WrongFaust(f"faust-streaming {faust.__version__} is installed; the transport is made for {FAUST}")


class Run:
    """Consecutive records of one partition, handed to a stage and not yet committed; its items may be batches."""

    __slots__ = ("count", "done", "items", "last", "timestamp_ms")

    def __init__(self, items: Sequence[Any], count: int, last: int, timestamp_ms: int) -> None:
        self.items = items
        self.count = count
        """How many records it has."""
        self.last = last
        self.timestamp_ms = timestamp_ms
        self.done = False


class Records(NamedTuple):
    """What a fetch brought of a partition, as records; `last` may be behind the last of them: marks of transactions."""

    found: list[Record]
    last: int
    more: Iterator[list[Record]] = iter(())
    """What follows, not taken apart yet."""

    def run(self, records_max: int) -> "tuple[Run, Records | None]":
        """Returns the first run, ended by count or bytes, and what is left."""
        found = [*self.found]
        while len(found) <= records_max and (more := next(self.more, None)) is not None:
            found += more
        end = size = 0
        while end < len(found) and end < records_max and size < RUN_BYTES_MAX:
            size += len(found[end].value or b"")
            end += 1
        if end == len(found):
            return Run(found, end, self.last, found[-1].timestamp_ms if end else 0), None
        items = found[:end]
        return Run(items, end, items[-1].offset, items[-1].timestamp_ms), Records(found[end:], self.last, self.more)


class Batches(NamedTuple):
    """What a fetch brought of a partition, as record batches."""

    found: list[RecordBatch]

    def run(self, records_max: int) -> tuple[Run, None]:
        """Returns all of it: a fetch is bounded by bytes."""
        count = sum(batch.count for batch in self.found)
        last = self.found[-1]
        return Run([batch for batch in self.found if batch.count], count, last.last, last.timestamp_ms), None


class RunConsumer(driver.Consumer):
    """Yields runs; commits the finished prefix of each partition."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._runs: dict[TP, deque[Run]] = defaultdict(deque)
        self._seeks = 0
        super().__init__(*args, **kwargs)
        transport: Any = self.transport
        self._records_max: int = transport.run_records_max
        self._unpack: Unpack = transport.unpack

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yields the fetched records as runs, partition by partition in turn.

        A fetch that a seek overlapped may lie before or after it: the runs it brought are thrown away, and the seek
        is made again while no fetch is under way.
        """
        seeks = self._seeks
        records, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        waiting = deque((TP(tp.topic, tp.partition), self._handed(fetched)) for tp, fetched in records.items())
        while waiting and self.flow_active and generation == self.app.consumer_generation_id:
            tp, fetched = waiting.popleft()
            if seeks == self._seeks:
                run, rest = fetched.run(self._records_max)
                if rest is not None:
                    waiting.append((tp, rest))
                self._runs[tp].append(run)
                self._read_offset[tp] = None  # or Faust drops a run that ends before an earlier one did
                if run.count:
                    yield tp, self._message(tp, run, generation)
                else:  # marks of transactions alone
                    run.done = True
                    self._acked.setdefault(tp, [])
        if seeks != self._seeks:
            await self.perform_seek()

    async def _wait_next_records(self, timeout: float) -> Any:
        """Asks Kafka when the stage has room, for all partitions alike.

        Faust sleeps for a second when there is no room for any, and else asks for those that were luckier.
        """
        until = self.loop.time() + timeout
        while self._buffered_partitions and self.flow_active and self.loop.time() < until:  # noqa: ASYNC110  a set
            await asyncio.sleep(FULL_S)
        return await super()._wait_next_records(timeout)

    def ack(self, message: Any) -> bool:
        """Marks the message's run as finished; a run of an assignment that is over counts for nothing."""
        if isinstance(message.value, Run):
            message.value.done = True
        return bool(super().ack(message))

    async def perform_seek(self) -> None:
        """Goes back to what is committed and forgets the runs that were handed out since.

        A partition of which nothing is committed goes back to its beginning: left where it is, as aiokafka and Faust
        leave it, what was fetched and thrown away would be lost.
        """
        self._seeks += 1
        self._runs.clear()
        offsets = {TP(tp.topic, tp.partition): offset for tp, offset in (await self.seek_to_committed()).items()}
        fresh = [_TopicPartition(*tp) for tp, offset in offsets.items() if not offset or offset < 0]
        if fresh:
            # To an offset: aiokafka's own way leaves no position for a moment, and a fetch under way trips over it.
            with suppress(IllegalStateError):  # revoked meanwhile: sought again when they come back
                await self._thread.seek_wait(dict(await self._thread.earliest_offsets(*fresh)))
        for tp, offset in offsets.items():
            self._read_offset[tp] = offset if offset and offset > 0 else None
            if offset and offset > 0:
                self._committed_offset[tp] = offset
        self._seeks += 1

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forgets the runs of revoked partitions once the stages have finished what they could."""
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._runs.pop(tp, None)

    def _new_consumer_thread(self) -> "BatchThread":
        return BatchThread(self, loop=self.loop, beacon=self.beacon)  # mode stops its loop in a way uvloop dies of

    def _handed(self, fetched: list[Fetched]) -> "Records | Batches":
        return Records([], fetched[-1].offset, (each.records(self._unpack) for each in fetched))

    def _message(self, tp: TP, run: "Run", generation: int) -> ConsumerMessage:
        """Returns the run as a message whose place is its last offset."""
        value: Any = run
        stamp = run.timestamp_ms / 1000
        return ConsumerMessage(
            tp.topic, tp.partition, run.last, stamp, 1, None, None, value, None, 0, 0, tp, generation_id=generation
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Holes between runs need no bookkeeping: a run knows its last offset."""

    def _new_offset(self, tp: TP) -> int | None:
        """Returns the offset after the finished prefix, None when its first run is not finished."""
        runs, offset = self._runs[tp], None
        while runs and runs[0].done:
            offset = runs.popleft().last + 1
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Commits, and takes the offsets as committed only when Kafka says so."""
        assigned = self.assignment()
        ours = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not ours or not await self._commit(ours):
            return False
        self._committed_offset.update(ours)
        self.app.monitor.on_tp_commit(ours)
        return True


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, whose consumer hands over record batches."""

    async def on_start(self) -> None:
        """Starts the consumer, and has it read batches before it is assigned anything."""
        await super().on_start()
        consumer: Any = self._consumer
        consumer._fetcher._fetch_max_wait_ms = FETCH_WAIT_MS
        read_batches(consumer._fetcher)


class BatchConsumer(RunConsumer):
    """Yields runs whose items are the record batches of a fetch, as the broker sent them."""

    def _handed(self, fetched: list[Fetched]) -> "Records | Batches":
        return Batches([each.batch for each in fetched])


class RunTransport(driver.Transport):
    """Faust's aiokafka transport with runs of records."""

    Consumer = RunConsumer
    run_records_max = RUN_RECORDS_MAX
    unpack: Unpack = staticmethod(RecordBatch.unpack)
    fetch_bytes = 512 * 1024
    """Of each partition and fetch; a larger record comes alone."""


class BatchTransport(RunTransport):
    """Faust's aiokafka transport with runs of record batches."""

    Consumer = BatchConsumer
    fetch_bytes = 1024 * 1024
