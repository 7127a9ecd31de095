"""Our processes: real stages, the real sink and the real reader, as a worker runs them, with a clock around."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import faust
import uvloop

from benchmarks.clock import Clock
from benchmarks.deciders import Route, Total
from benchmarks.load import SOURCE
from benchmarks.sample import business_event
from benchmarks.task import Task, given
from connectors.kafka import Commits, ends, ensure_changelogs
from connectors.reader import TopicReader, whole
from connectors.registry import codec_of
from domain.compliance import Compliance
from domain.decider import Decider
from domain.ports import BatchSink, Refused
from runtime.memory import bound
from runtime.worker import Workbench, serve
from schemas.batch import RecordBatch
from schemas.catalogue import PARTITIONS, TOPICS
from schemas.record import Record
from sinks.clickhouse import ClickHouseSink
from sinks.embedded import ChdbEngine
from streams.app import Place, changelog, group
from streams.rest import SinkStage
from streams.stage import Stage, Tools

POLL_S = 0.02
"""How often Kafka is asked, after the last record, whether all of the input is committed."""
SINK = "benchmark-sink"


def main() -> None:
    """Runs the task that the command line holds."""
    logging.basicConfig(level="WARNING")
    bound()
    task = given()
    WORKLOADS[task.workload](task)


class Handed(faust.Sensor):
    """Starts the clock when Faust is handed the first records, and calls `last` when it has been handed so many."""

    def __init__(self, clock: Clock, events: int, last: Callable[[], None]) -> None:
        super().__init__()
        self._clock = clock
        self._left = events
        self._last = last

    def on_message_in(self, tp: Any, offset: int, message: Any) -> None:
        """See Faust's sensors."""
        self._clock.begin()
        self._left -= message.value.count
        if self._left <= 0:
            self._last()


class Keeping:
    """The sink, which must refuse nothing."""

    def __init__(self, sink: BatchSink) -> None:
        self.topics = sink.topics
        self._sink = sink

    def write(self, records: Sequence[Record]) -> Sequence[Refused]:
        """See domain.ports.Sink."""
        return _nothing(self._sink.write(records))

    def write_batches(self, batches: Sequence[RecordBatch]) -> Sequence[Refused]:
        """See domain.ports.BatchSink."""
        return _nothing(self._sink.write_batches(batches))


def decide(task: Task, decider: Decider) -> None:
    """Runs the decider in a stage until its whole topic is committed."""
    place = Place(task.bootstrap, Path(task.folder) / "worker", task.name)
    if decider.state is not None:
        ensure_changelogs(task.bootstrap, {changelog(place, decider.name): PARTITIONS})
    _run(task, place, decider.name, lambda tools: Stage(decider, tools))


def keep(task: Task) -> None:
    """Runs the ClickHouse sink until its whole topic is committed."""
    place = Place(task.bootstrap, Path(task.folder) / "worker", task.name)
    engine = ChdbEngine(Path(task.folder) / "clickhouse")

    def stage(tools: Tools) -> SinkStage:
        sink = ClickHouseSink(engine, tools.codec, [task.topic])
        sink.prepare()
        return SinkStage(SINK, Keeping(sink), tools)

    _run(task, place, SINK, stage)


def read(task: Task) -> None:
    """Reads the topic as a replay does, and checks frame and digest of every record."""
    codec = codec_of(task.registry)
    span = whole(task.bootstrap, [task.topic])
    reader = TopicReader(task.bootstrap)
    first = next(place for place, (begin, end) in span.items() if begin < end)
    for batches in reader.batches({first: (span[first][0], span[first][0] + 1)}):  # connects, and compiles the schema
        assert not any(codec.unsound(batch) for batch in batches)
    clock, count = Clock(), 0
    clock.begin()
    for batches in reader.batches(span):
        for batch in batches:
            assert not codec.unsound(batch)
            count += batch.count
    clock.end()
    clock.report(count)


def price(task: Task) -> None:
    """Encodes and decodes events, with headers and digest or without; asks no Kafka."""
    codec = codec_of(task.registry)
    sealed = task.variant == "sealed"
    events = [business_event(number) for number in range(task.events)]
    place = ("business-events", 0, 0, 0)
    clock = Clock()
    clock.begin()
    for event in events:
        if sealed:
            made = codec.encode(event, SOURCE)
            codec.decode(Record(*place, made.key, made.value, made.headers))
        else:
            codec.decode(Record(*place, TOPICS["business-events"].key(event).encode(), codec.body(event), ()))
    clock.end()
    clock.report(task.events)


def _nothing(refused: Sequence[Refused]) -> Sequence[Refused]:
    assert not refused, refused[0].error
    return refused


def _run(task: Task, place: Place, name: str, stage: Callable[[Tools], Stage | SinkStage]) -> None:
    clock, done = Clock(), threading.Event()
    goal = {where: end for where, end in ends(task.bootstrap, [task.topic]).items() if end}

    def watch() -> None:
        done.wait()
        with closing(Commits(task.bootstrap, group(place, name))) as commits:
            while goal.items() - commits.of(goal).items():
                time.sleep(POLL_S)
        clock.end()
        clock.leave(task.events)

    async def worker() -> None:
        async with Workbench(place, task.registry) as tools:
            running = stage(tools)
            running.app.sensors.add(Handed(clock, task.events, done.set))
            await serve([running], Path(task.folder) / "ready")

    threading.Thread(target=watch, daemon=True).start()
    uvloop.run(worker())


WORKLOADS: dict[str, Callable[[Task], None]] = {
    "decode-and-route": lambda task: price(task) if task.variant else decide(task, Route()),
    "keyed-total": lambda task: decide(task, Total()),
    "decision": lambda task: decide(task, Compliance()),
    "to-clickhouse": keep,
    "replay": read,
}


if __name__ == "__main__":
    main()
