"""Quix Streams: a StreamingDataFrame with our Avro as its serializer, state on RocksDB with its changelog."""

from typing import Any

from quixstreams import Application, State
from quixstreams.models import Deserializer, Serializer

from benchmarks.clock import Clock
from benchmarks.peers.work import Output, decoder, judge, router
from benchmarks.task import Task, given


class Avro(Deserializer):
    """Decodes a value; the first one starts the clock."""

    def __init__(self, topic: str, clock: Clock) -> None:
        super().__init__()
        self._decode = decoder(topic)
        self._clock = clock

    def __call__(self, value: bytes, ctx: Any) -> dict[str, Any]:
        self._clock.begin()
        return self._decode(value)


class Made(Serializer):
    """Takes the bytes of what the work made: they are Avro already."""

    def __call__(self, value: Output, ctx: Any) -> bytes:
        return value[2]


def main() -> None:
    """Runs the task that the command line holds; Quix's own settings but for what has to be named."""
    task = given()
    clock = Clock()
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.name,
        auto_offset_reset="earliest",
        state_dir=task.folder,
        loglevel="WARNING",
        producer_extra_config={"acks": "all"},
    )
    kind = "agent-steps" if task.workload == "decision" else "business-events"
    frame = app.dataframe(app.topic(task.topic, value_deserializer=Avro(kind, clock)))
    if task.workload == "keyed-total":
        frame.update(add, stateful=True)
    else:
        send(app, frame, task)
    commit = app._processing_context.commit_checkpoint

    def committed(force: bool = False, revoking: bool = False) -> None:
        commit(force=force, revoking=revoking)
        if force:
            clock.end()

    app._processing_context.commit_checkpoint = committed
    app.run(count=task.events, collect=False)
    clock.report(task.events)


def add(event: dict[str, Any], state: State) -> None:
    """Adds the event to the count and sum of its subject."""
    count, amount = state.get("total", [0, 0])
    state.set("total", [count + 1, amount + int(event["attributes"]["amount"])])


def send(app: Application, frame: Any, task: Task) -> None:
    """Adds what makes an event of an event and sends it, as the workload says."""
    decide = judge(task.ids) if task.workload == "decision" else router(task.ids)
    topics = {name: app.topic(name, value_serializer=Made()) for name in task.ids}

    def topic(output: Output, *_: Any) -> Any:
        return topics[output[0]]

    decided = frame.apply(decide).set_headers(lambda *_: [])  # or those of the input are sent on
    decided.to_topic(topic, key=lambda output: output[1])


if __name__ == "__main__":
    main()
