"""A publisher that freezes its own process just before it says what was decided on budgets, when a file tells it to."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import Producer

from domain.accounts import Accounts
from domain.ports import Publisher
from schemas.record import Outgoing, header

DELIVERY_S = 20.0
SOURCE = f"auterity/{Accounts.name}".encode()


class Sleepy:
    """A Publisher in front of another. Whoever takes the control file away first freezes until SIGCONT, its decisions
    in hand; the file `<control>.frozen` holds its process id. When it wakes they are on the log before anything in the
    process has a chance to notice that somebody else decides now."""

    def __init__(self, publisher: Publisher, control: Path, bootstrap: str) -> None:
        self._publisher = publisher
        self._control = control
        self._bootstrap = bootstrap

    async def publish(self, records: Sequence[Outgoing]) -> Mapping[tuple[str, int], int]:
        """See domain.ports.Publisher."""
        if any(header(each.headers, "ce_source") == SOURCE for each in records):
            self._freeze(records)
        return await self._publisher.publish(records)

    async def append(self, topic: str, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> list[range]:
        """See domain.ports.Publisher."""
        return await self._publisher.append(topic, partition, pairs)

    def _freeze(self, records: Sequence[Outgoing]) -> None:
        frozen = self._control.with_suffix(".frozen")
        try:
            self._control.rename(frozen)
        except FileNotFoundError:
            return
        producer = Producer({"bootstrap.servers": self._bootstrap, "partitioner": "murmur2", "linger.ms": 0})
        frozen.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        for each in records:
            producer.produce(each.topic, each.value, each.key, headers=list(each.headers))
        producer.flush(DELIVERY_S)
