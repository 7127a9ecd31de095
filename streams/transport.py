"""Faust's Kafka transport, with runs of records in place of single ones.

One Faust event is one run: consecutive records of one partition, bounded by count and bytes. A run is acknowledged as
a whole, and only a finished prefix of runs is ever committed, in whatever order they finish. Faust's own tables are
not used (see streams.table), so no changelog is read through here.
"""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import faust
from aiokafka.structs import TopicPartition as _TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from schemas.batch import RecordBatch
from schemas.record import Record
from streams.raw import Fetched, check_aiokafka, read_batches

FAUST = "0.15.3"
RUN_RECORDS_MAX = 500
RUN_BYTES_MAX = 1024 * 1024
"""A run ends with the record that passes this."""


class WrongFaust(Exception):
    """This Faust is another than the one whose internals the transport builds on."""


def check_faust() -> None:
    """Raises WrongFaust or WrongAiokafka unless the installed ones are those this transport was made for."""
    check_aiokafka()
    if faust.__version__ != FAUST:
        raise WrongFaust(f"faust-streaming {faust.__version__} is installed; the transport is made for {FAUST}")


class Run:
    """A run handed to a stage and not yet committed."""

    __slots__ = ("done", "last")

    def __init__(self, last: int) -> None:
        self.last = last
        self.done = False


class RunConsumer(driver.Consumer):
    """Yields runs; commits the finished prefix of each partition."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._runs: dict[TP, deque[Run]] = defaultdict(deque)
        self._seeks = 0
        super().__init__(*args, **kwargs)
        transport: Any = self.transport
        self._records_max: int = transport.run_records_max

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
        waiting = deque((TP(tp.topic, tp.partition), fetched, 0) for tp, fetched in records.items())
        while waiting and self.flow_active and generation == self.app.consumer_generation_id:
            tp, fetched, begin = waiting.popleft()
            if seeks == self._seeks:
                end = _end(fetched, begin, self._records_max)
                if end < len(fetched):
                    waiting.append((tp, fetched, end))
                self._read_offset[tp] = None  # or Faust drops a run that ends before an earlier one did
                yield tp, self._run_message(tp, fetched[begin:end], generation)
        if seeks != self._seeks:
            await self.perform_seek()

    def ack(self, message: Any) -> bool:
        """Marks the message's run as finished; a run of an assignment that is over counts for nothing."""
        if isinstance(message.value, RunRecords | RunBatches):
            message.value.run.done = True
        return bool(super().ack(message))

    async def perform_seek(self) -> None:
        """Goes back to what is committed and forgets the runs that were handed out since.

        A partition of which nothing is committed goes back to its beginning: left where it is, as aiokafka and Faust
        leave it, what was fetched and thrown away would be lost.
        """
        self._seeks += 1
        self._runs.clear()
        offsets = {TP(tp.topic, tp.partition): offset for tp, offset in (await self.seek_to_committed()).items()}
        fresh = {tp for tp, offset in offsets.items() if not offset or offset < 0}
        if fresh:
            await self._thread.seek_to_beginning(*(_TopicPartition(tp.topic, tp.partition) for tp in fresh))
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

    def _run_message(self, tp: TP, fetched: list[Any], generation: int) -> Any:
        run = Run(fetched[-1].offset)
        self._runs[tp].append(run)
        message: Any = self._to_message(tp, fetched[-1])
        message.generation_id = generation
        message.value = self._records(run, fetched)
        message.key = None
        return message

    def _records(self, run: Run, fetched: list[Any]) -> Any:
        return RunRecords(run, fetched)

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


def _end(fetched: list[Any], begin: int, records_max: int) -> int:
    """Returns where the run that begins here ends: after so many records or bytes."""
    size = 0
    for number, record in enumerate(fetched[begin : begin + records_max], begin + 1):
        size += len(record.value or b"")
        if size >= RUN_BYTES_MAX:
            return number
    return min(begin + records_max, len(fetched))


class RunRecords(list[Record]):
    """The records of a run, in order."""

    def __init__(self, run: Run, fetched: list[Any]) -> None:
        super().__init__(
            Record(each.topic, each.partition, each.offset, each.timestamp, each.key, each.value, each.headers)
            for each in fetched
        )
        self.run = run


class RunTransport(driver.Transport):
    """Faust's aiokafka transport with the consumer above."""

    Consumer = RunConsumer
    run_records_max = RUN_RECORDS_MAX


class RunBatches(list[RecordBatch]):
    """The record batches of a run, in order."""

    def __init__(self, run: Run, fetched: list[Fetched]) -> None:
        super().__init__(each.batch for each in fetched)
        self.run = run


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, whose consumer hands over record batches."""

    async def on_start(self) -> None:
        """Starts the consumer, and has it read batches before it is assigned anything."""
        await super().on_start()
        consumer: Any = self._consumer
        read_batches(consumer._fetcher)


class BatchConsumer(RunConsumer):
    """Yields runs whose value is the record batches of a fetch, as the broker sent them."""

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    def _records(self, run: Run, fetched: list[Any]) -> Any:
        return RunBatches(run, fetched)


class BatchTransport(RunTransport):
    """Faust's aiokafka transport for stages that take record batches whole."""

    Consumer = BatchConsumer
