"""Reads a topic from its beginning to its end, and on, for whoever has to know all that is on it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from connectors.kafka import Ends
from connectors.reader import TopicReader
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Unavailable, Undecodable
from schemas.record import Record
from streams.ending import crash

POLL_S = 0.02
STALL_S = 30.0


def readable(batch: Iterable[Record], codec: Codec) -> Iterator[tuple[Any, int]]:
    """Yields the events of records, each with when it was appended; one that cannot be read says nothing here.

    Its dead letter is the sink's; nobody can have been decided by it, or be logged in by it.
    """
    for record in batch:
        try:
            yield codec.decode(record), record.timestamp_ms
        except Undecodable:
            continue


class Follower:
    """Hands on the records of a topic, on a thread of its own, each partition in order.

    What cannot be handed on ends the process.
    """

    def __init__(self, bootstrap: str, topic: str, take: Callable[[Sequence[Record]], None]) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._take = take
        self._stopped = threading.Event()
        self._reader = TopicReader(bootstrap)
        self._ends = Ends(bootstrap)
        self._next = dict.fromkeys(range(TOPICS[topic].partitions), 0)
        self._asking: asyncio.Future[None] | None = None
        self._asked: asyncio.Future[None] | None = None
        self._thread = threading.Thread(target=self._follow, name=topic, daemon=True)

    async def start(self) -> None:
        """Returns when everything that was on the log at the start has been read."""
        self._thread.start()
        await self.catch_up()

    async def catch_up(self) -> None:
        """Returns when everything that is on the log now has been read; raises Unavailable when nothing comes for 30 s.

        Who asks while another one's question is under way shares the next one.
        """
        if self._asked is None:
            self._asked = asyncio.ensure_future(self._caught_up(self._asking))
        await asyncio.shield(self._asked)

    async def _caught_up(self, before: "asyncio.Future[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        self._asking, self._asked = self._asked, None
        ends = await asyncio.to_thread(self._ends.of, self._topic, len(self._next))
        seen, stalled_s = dict(self._next), 0.0
        while any(self._next[partition] < end for partition, end in ends.items()):
            if stalled_s > STALL_S:
                raise Unavailable(
                    f"{self._topic} on Kafka at {self._bootstrap} could not be read on for {STALL_S:.0f} s"
                )
            await asyncio.sleep(POLL_S)
            stalled_s = stalled_s + POLL_S if seen == self._next else 0.0
            seen = dict(self._next)

    def age_s(self) -> float:
        """Returns for how long nobody has seen that this is all that is on the log; asks nobody."""
        return time.monotonic() - self._reader.ended_at

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        try:
            for batch, behind in self._reader.follow(self._topic, len(self._next), self._stopped.is_set):
                self._take(batch)
                self._next = behind
        except Exception:  # noqa: BLE001  who knows no more what was revoked must not go on
            crash(f"follower of {self._topic}")
        finally:
            self._reader.close()
