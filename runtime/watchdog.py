"""Ends a process that does not get on although there is work for it: its supervisor starts it again."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import Any, Protocol

from connectors.kafka import Commits, Ends, begins
from connectors.reader import read
from schemas.errors import Unavailable
from streams.app import Place, group
from streams.progress import Progress

log = logging.getLogger(__name__)

STUCK = 75
"""Exit status of a process that its watchdog ended."""
PATIENCE_S = 25.0
"""Without progress for so long, a process ends."""
LOOK_S = 5.0
BEAT_S = 1.0


class Watched(Protocol):
    """A stage, to its watchdog."""

    name: str
    topics: Sequence[str]
    place: Place
    app: Any
    progress: Progress


class Watchdog:
    """Looks, from a thread of its own, whether the event loop turns and whether each stage gets on.

    A stage gets on when it finishes something, when what it has committed moves, when it waits for somebody who has a
    time limit, or when nothing of its partitions is left to do; without partitions the whole group's count. While
    Kafka does not answer nobody is blamed.
    """

    def __init__(
        self, stages: Sequence[Watched], end: Callable[[str], None] | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self._stages = stages
        self._end = end or _end
        self._patience_s = patience_s
        self._look_s = min(LOOK_S, patience_s / 5)
        self._assigned: dict[str, set[tuple[str, int]]] = {}
        self._beaten = time.monotonic()
        self._seen: dict[str, object] = {}
        self._since: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    async def __aenter__(self) -> "Watchdog":
        self._beating = asyncio.create_task(self._beat())
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        self._beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._beaten = time.monotonic()
            for stage in self._stages:
                assigned = stage.app.consumer.assignment() if stage.app.started else ()
                self._assigned[stage.name] = {(tp.topic, tp.partition) for tp in assigned}
            await asyncio.sleep(BEAT_S)

    def _watch(self) -> None:
        with ExitStack() as held:
            ends = {bootstrap: Ends(bootstrap) for bootstrap in {stage.place.bootstrap for stage in self._stages}}
            commits = {
                stage.name: held.enter_context(closing(Commits(stage.place.bootstrap, group(stage.place, stage.name))))
                for stage in self._stages
            }
            while not self._stop.wait(self._look_s):
                if time.monotonic() - self._beaten > self._patience_s:
                    self._end("the event loop does not turn")
                try:
                    for stage in self._stages:
                        self._look(stage, ends[stage.place.bootstrap], commits[stage.name])
                except Unavailable:
                    self._since.clear()

    def _look(self, stage: Watched, ends: Ends, commits: Commits) -> None:
        last = ends.all(stage.topics)
        done = commits.of(last)
        assigned = self._assigned.get(stage.name) or last.keys()
        behind = {place for place in assigned if last.get(place, 0) > done.get(place, 0)}
        seen = (stage.progress.finished, sorted((place, done.get(place, 0)) for place in assigned))
        now = time.monotonic()
        if not behind or stage.progress.waiting or seen != self._seen.get(stage.name):
            self._seen[stage.name] = seen
            self._since[stage.name] = now
        elif now - self._since.setdefault(stage.name, now) > self._patience_s:
            if _any(stage.place.bootstrap, {place: (done.get(place, 0), last[place]) for place in behind}):
                self._end(f"{stage.name} does not get on, {len(behind)} partitions are behind")
            self._since[stage.name] = now


def _any(bootstrap: str, span: dict[tuple[str, int], tuple[int, int]]) -> bool:
    """Returns True when a record lies there: not all offsets hold one, where a client wrote in transactions, say."""
    first = begins(bootstrap, {topic for topic, _ in span})
    left = {place: (max(begin, first.get(place, 0)), end) for place, (begin, end) in span.items()}
    with closing(read(bootstrap, left)) as found:
        return any(found)


def _end(why: str) -> None:
    log.critical("stuck", extra={"why": why})
    logging.shutdown()
    os._exit(STUCK)
