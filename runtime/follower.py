"""Reads a topic from its beginning to its end, and on, for whoever has to know all that is on it."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from connectors.kafka import Ends
from connectors.reader import TopicReader
from schemas.catalogue import TOPICS
from schemas.errors import Unavailable
from schemas.record import Record

POLL_S = 0.02
CATCH_UP_TIMEOUT_S = 30.0


class Follower:
    """Hands on the records of a topic, on a thread of its own, each partition in order."""

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
        """Returns when everything that is on the log now has been read; raises Unavailable after 30 s.

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
        try:
            async with asyncio.timeout(CATCH_UP_TIMEOUT_S):
                while any(self._next[partition] < end for partition, end in ends.items()):  # noqa: ASYNC110  a thread
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            reason = f"{self._topic} on Kafka at {self._bootstrap} could not be read within {CATCH_UP_TIMEOUT_S:.0f} s"
            raise Unavailable(reason) from None

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        try:
            for batch in self._reader.follow(self._topic, len(self._next), self._stopped.is_set):
                self._take(batch)
                for record in batch:
                    self._next[record.partition] = record.offset + 1
        finally:
            self._reader.close()
