"""A worker as a process of its own on the session's Kafka, and what it left on the log."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka import create
from connectors.publisher import KafkaPublisher
from connectors.reader import read_all
from domain.ids import derive
from runtime.definitions import shipped
from runtime.deployment import prepare
from runtime.kafka_server import EmbeddedKafka
from runtime.settings import Settings
from runtime.status import lags
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.events import BusinessEvent, Event
from schemas.record import Outgoing, Record

ROOT = Path(__file__).parents[1]
START_S = 120.0
SETTLE_S = 180.0
"""Far beyond what it takes on a machine that has nothing else to do."""


class Worker:
    """`auterity worker` (or another long-running command, with options) on a Kafka; ends with the test that uses it as
    a context."""

    def __init__(self, servers: Any, prefix: str, folder: Path, command: str = "worker") -> None:
        self.bootstrap = servers.bootstrap
        self.prefix = prefix
        self.folder = folder
        self._arguments = command.split()
        self._command = self._arguments[0]
        self._env = {
            **os.environ,
            "AUTERITY_KAFKA": servers.bootstrap,
            "AUTERITY_REGISTRY": servers.registry,
            "AUTERITY_GROUP_PREFIX": prefix,
            "AUTERITY_DATA_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Returns when all stages are there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ready = self.folder / "run" / f"{self._command}.ready"
        ready.unlink(missing_ok=True)
        with (self.folder / f"{self._command}.log").open("ab") as log:
            argv = [sys.executable, "-m", "runtime.cli", *self._arguments]
            self.process = subprocess.Popen(argv, env=self._env, stdout=log, stderr=log, cwd=ROOT)
        until(lambda: ready.exists() or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.log()

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def log(self) -> str:
        """What it printed."""
        return (self.folder / f"{self._command}.log").read_text(errors="replace")

    def settle(self, timeout_s: float = SETTLE_S, stages: Sequence[str] | None = None) -> None:
        """Returns when every stage has committed all of its topics, twice running; starts a worker that ended."""
        idle = 0

        def quiet() -> bool:
            nonlocal idle
            if self.process is not None and self.process.poll() is not None:
                self.start()
            behind = lags(self.bootstrap, self.prefix)
            names = stages or [stage for stage in behind if stage not in ("clickhouse", "read-models")]
            idle = 0 if any(behind[stage] for stage in names) else idle + 1
            return idle >= 2

        try:
            until(quiet, timeout_s, 0.5)
        except AssertionError as error:
            behind = {stage: places for stage, places in lags(self.bootstrap, self.prefix).items() if places}
            raise AssertionError(f"{error}: {behind}") from None


def until(check: Callable[[], bool], timeout_s: float, pause_s: float = 0.05) -> None:
    """Returns when the check holds; fails after the time."""
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, f"not so after {timeout_s} s"
        time.sleep(pause_s)


def new_topic(bootstrap: str, partitions: int, config: dict[str, str] | None = None) -> str:
    """Returns the name of a topic that is new."""
    name = f"topic-{uuid4().hex[:8]}"
    create(bootstrap, {name: NewTopic(name, partitions, 1, config=config or {})})
    return name


def delete_before(bootstrap: str, topic: str, partition: int, offset: int) -> None:
    """Deletes the records before this offset."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
        future.result()


def define(servers: Any, bodies: Sequence[tuple[str, Any]] = ()) -> None:
    """Puts the shipped definitions, and these, on the log."""
    prepare(servers.bootstrap, servers.registry, Settings(), [*shipped(), *bodies])


def business_event(
    number: int, subject: str, workflow: str | None = "incident-triage", tenant: str = "acme", **attributes: str
) -> BusinessEvent:
    """Returns an event whose id follows from tenant, subject and number."""
    event_id = derive(tenant, subject, str(number), "test")
    return BusinessEvent(
        event_id=event_id,
        tenant_id=tenant,
        correlation_id=event_id,
        occurred_at=datetime(2012, 5, 1, 8, number // 3600 % 24, number // 60 % 60, number % 60, tzinfo=UTC),
        source="test",
        subject=subject,
        type="Accepted",
        workflow=workflow,
        attributes={"product": "PROD1", "impact": "High", "resource": "Ada", "organization_country": "se"} | attributes,
    )


def feed(servers: Any, outgoing: Sequence[Outgoing]) -> None:
    """Writes the records; returns when Kafka has acknowledged them."""

    async def written() -> None:
        async with KafkaPublisher(servers.bootstrap, "test") as publisher:
            await publisher.publish(outgoing)

    asyncio.run(written())


def records(servers: Any, *topics: str) -> list[Record]:
    """Returns every record of the topics (none named: of all)."""
    return [record for batch in read_all(servers.bootstrap, topics or list(TOPICS)) for record in batch]


def events(servers: Any, codec: Codec, topic: str) -> list[Any]:
    """Returns every event of the topic that can be decoded, first copies only."""
    found: dict[str, Event] = {}
    for record in records(servers, topic):
        try:
            event = codec.decode(record)
        except Undecodable:
            continue
        found.setdefault(event.event_id, event)
    return list(found.values())


def raw(topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Outgoing:
    """Returns a record of these very bytes."""
    return Outgoing(topic, key, value, list(headers))


class Frozen:
    """Freezes the Kafka for as long as it is entered."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        pid = kafka.facts.pid
        assert pid is not None
        self._pid = pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)
