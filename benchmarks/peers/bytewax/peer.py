"""Bytewax: a dataflow from Kafka to Kafka, or into state by key, with its recovery store (SQLite) on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir

from benchmarks.clock import Clock
from benchmarks.peers.work import decoder, judge, router
from benchmarks.task import Task, given


class Nothing(DynamicSink[Any], StatelessSinkPartition[Any]):
    """A sink for a dataflow whose result is its state."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "Nothing":
        return self

    def write_batch(self, items: list[Any]) -> None:
        assert not items


def main() -> None:
    """Runs the task that the command line holds, to the end of its topic; Bytewax's own settings."""
    task = given()
    clock = Clock()
    flow = Dataflow("benchmark")
    source = KafkaSource([task.bootstrap], [task.topic], tail=False)
    decode = decoder("agent-steps" if task.workload == "decision" else "business-events")

    def decoded(batch: list[Any]) -> Iterator[dict[str, Any]]:
        clock.begin()
        return (decode(message.value) for message in batch)

    events = op.flat_map_batch("decode", op.input("in", flow, source), decoded)
    if task.workload == "keyed-total":
        total(events)
    else:
        send(events, task)
    recovery = Path(task.folder)
    init_db_dir(recovery, 1)
    cli_main(flow, recovery_config=RecoveryConfig(recovery))
    clock.end()
    clock.report(task.events)


def total(events: Any) -> None:
    """Adds what adds an event to the count and sum of its subject."""

    def add(state: tuple[int, int] | None, event: dict[str, Any]) -> tuple[tuple[int, int], list[Any]]:
        count, amount = state or (0, 0)
        return (count + 1, amount + int(event["attributes"]["amount"])), []

    keyed = op.key_on("subject", events, lambda event: event["subject"])
    op.output("out", op.stateful_flat_map("total", keyed, add), Nothing())


def send(events: Any, task: Task) -> None:
    """Adds what makes an event of an event and sends it, as the workload says."""
    decide = judge(task.ids) if task.workload == "decision" else router(task.ids)

    def made(batch: list[dict[str, Any]]) -> Iterator[KafkaSinkMessage[bytes, bytes]]:
        for event in batch:
            topic, key, value = decide(event)
            yield KafkaSinkMessage(key, value, topic)

    sink = KafkaSink([task.bootstrap], None, add_config={"acks": "all", "partitioner": "murmur2"})
    op.output("out", op.flat_map_batch("decide", events, made), sink)


if __name__ == "__main__":
    main()
