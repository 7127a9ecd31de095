"""The topics as they are, for who looks at them: by place, by time, by key."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue

from aiokafka.partitioner import murmur2

from connectors.kafka import begins, ends, offsets_since
from connectors.reader import Place, TopicReader
from schemas.catalogue import TOPICS
from schemas.record import Record

STALL_S = 5.0
"""Somebody waits: so long nothing may come, where a replay waits longer."""
IDLE_MAX = 4
"""Connections that are kept for the next one who looks."""


class KafkaBrowser:
    """A LogBrowser, see domain.ports, for several threads. Close it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._idle: SimpleQueue[TopicReader] = SimpleQueue()
        self._closed = threading.Event()

    def read(self, span: Mapping[Place, tuple[int, int]]) -> Iterator[Sequence[Record]]:
        """See LogBrowser."""
        try:
            reader = self._idle.get_nowait()
        except Empty:
            reader = TopicReader(self._bootstrap)
        whole = False
        try:
            yield from reader.read(span, STALL_S)
            whole = True
        finally:
            if whole and self._idle.qsize() < IDLE_MAX and not self._closed.is_set():
                self._idle.put(reader)
            else:
                reader.close()

    def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """See LogBrowser."""
        first, last = begins(self._bootstrap, [topic]), ends(self._bootstrap, [topic])
        return {number: (first.get((name, number), 0), end) for (name, number), end in last.items()}

    def since(self, topic: str, moment_ms: int) -> dict[int, int]:
        """See LogBrowser."""
        found, last = offsets_since(self._bootstrap, topic, moment_ms), ends(self._bootstrap, [topic])
        return {number: end if found[number] < 0 else found[number] for (_, number), end in last.items()}

    def partition(self, topic: str, key: bytes) -> int:
        """See LogBrowser."""
        return (int(murmur2(key)) & 0x7FFFFFFF) % TOPICS[topic].partitions

    def close(self) -> None:
        """Leaves the brokers."""
        self._closed.set()
        while not self._idle.empty():
            self._idle.get().close()
