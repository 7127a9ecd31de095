"""Plain Faust, as its documentation writes it: an agent over single events, `send`, a table on RocksDB."""

import asyncio
from typing import Any

import faust

from benchmarks.clock import Clock
from benchmarks.peers.work import decoder, judge, router
from benchmarks.task import Task, given

POLL_S = 0.02


def main() -> None:
    """Runs the task that the command line holds; Faust's own settings but for what has to be named."""
    task = given()
    app = faust.App(
        task.name,
        broker=f"kafka://{task.bootstrap}",
        store="rocksdb://",
        datadir=task.folder,
        topic_partitions=8,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    clock = Clock()
    handle = total(app) if task.workload == "keyed-total" else send(app, task)
    decode = decoder("agent-steps" if task.workload == "decision" else "business-events")
    last = asyncio.Event()

    async def agent(stream: Any) -> None:
        left = task.events
        async for value in stream:
            clock.begin()
            await handle(decode(value))
            left -= 1
            if not left:
                last.set()

    app.agent(app.topic(task.topic, value_type=bytes, value_serializer="raw"), name="agent")(agent)
    app.task(lambda: finish(app, task, clock, last))
    faust.Worker(app, loglevel="WARNING").execute_from_commandline()


def send(app: faust.App, task: Task) -> Any:
    """Returns what makes an event of an event and sends it, as the workload says."""
    decide = judge(task.ids) if task.workload == "decision" else router(task.ids)
    topics = {name: app.topic(name, value_serializer="raw", key_serializer="raw") for name in task.ids}

    async def handle(event: dict[str, Any]) -> None:
        topic, key, value = decide(event)
        await topics[topic].send(key=key, value=value)

    return handle


def total(app: faust.App) -> Any:
    """Returns what adds an event to the count and sum of its subject."""
    table = app.Table("total", default=lambda: [0, 0], partitions=8, options={"driver": "rocksdict"})

    async def handle(event: dict[str, Any]) -> None:
        count, amount = table[event["subject"]]
        table[event["subject"]] = [count + 1, amount + int(event["attributes"]["amount"])]

    return handle


async def finish(app: faust.App, task: Task, clock: Clock, last: asyncio.Event) -> None:
    """Flushes and commits after the last event, as Faust does at its intervals, and ends the process."""
    await last.wait()
    done = 0
    while done < task.events:
        await app.producer.flush()
        await app.consumer.commit()
        done = sum(at for tp, at in app.consumer._committed_offset.items() if at and tp.topic == task.topic)
        await asyncio.sleep(0 if done == task.events else POLL_S)
    clock.end()
    clock.leave(task.events)


if __name__ == "__main__":
    main()
