"""Takes runs side by side: those of one partition number one after the other, those of others at the same time."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust

from schemas.record import Record
from streams.app import subscribe
from streams.ending import crash
from streams.progress import Progress

RUNS_MAX = 32
"""Runs taken from Faust and not yet acknowledged; beyond it they wait in Faust, and then on Kafka."""
RECORDS_MAX = 2000
"""Runs that wait in one lane are taken together, until they hold so many records."""

Take = Callable[[Sequence[Record]], Awaitable[None]]


class Lanes:
    """Gives `take` the records of one partition number at a time, and acknowledges them when it returns.

    Topics are partitioned alike, so a lane sees all that is said of its keys, from every input. With `at_once` above
    1 a lane takes so many runs at the same time, and they finish in any order. An error ends the process.
    """

    def __init__(self, app: faust.App, name: str, topics: Sequence[str], take: Take, at_once: int = 1) -> None:
        self.progress = Progress()
        self._name = name
        self._take = take
        self._at_once = at_once
        self._waiting: dict[int, deque[Any]] = defaultdict(deque)
        self._under_way: dict[int, set[asyncio.Task[None]]] = defaultdict(set)
        self._free = asyncio.Semaphore(max(RUNS_MAX, at_once))
        app.agent(subscribe(app, topics), name=f"{name}.agent")(self._gather)

    async def _gather(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._free.acquire()
            lane = event.message.partition
            self._waiting[lane].append(event)
            self._go(lane)

    def _go(self, lane: int) -> None:
        while self._waiting[lane] and len(self._under_way[lane]) < self._at_once:
            task = asyncio.create_task(self._taken(lane, self._next(lane)))
            self._under_way[lane].add(task)

    def _next(self, lane: int) -> list[Any]:
        waiting = self._waiting[lane]
        events = [waiting.popleft()]
        count = events[0].value.count
        while self._at_once == 1 and waiting and count + waiting[0].value.count <= RECORDS_MAX:
            events.append(waiting.popleft())
            count += events[-1].value.count
        return events

    async def _taken(self, lane: int, events: list[Any]) -> None:
        try:
            await self._take(
                events[0].value.items if len(events) == 1 else [each for run in events for each in run.value.items]
            )
        except Exception:  # noqa: BLE001  the one place where the unforeseen ends the process
            crash(self._name)
        for event in events:
            event.ack()
            self._free.release()
        self.progress.finish()
        task = asyncio.current_task()
        assert task is not None
        self._under_way[lane].discard(task)
        self._go(lane)
