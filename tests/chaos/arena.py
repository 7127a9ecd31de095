"""A broker and a registry, and a folder and a name for each run on them."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from connectors.kafka import ends, ensure_changelogs, ensure_topics
from connectors.reader import read_all
from connectors.registry import codec_of
from runtime.kafka_server import EmbeddedKafka
from runtime.ports import is_open
from runtime.processes import recorded
from runtime.registry_server import EmbeddedRegistry
from schemas.catalogue import PARTITIONS, TOPICS
from schemas.codec import Codec
from streams.app import Place, changelog
from tests.chaos.totals import NAME
from tests.harness import until

TOPIC_GONE_S = 20.0


class Arena:
    """Servers for runs, one after the other."""

    def __init__(self, bootstrap: str, registry: str, folder: Path, kafka: EmbeddedKafka | None = None) -> None:
        self.bootstrap = bootstrap
        self.registry = registry
        self.folder = folder
        self.kafka = kafka
        """The broker, when it may be killed."""
        self.prefix = ""
        self.place = folder
        self._runs = count()
        self._codec: Codec | None = None

    @property
    def codec(self) -> Codec:
        """The codec with the ids that the registry gave."""
        if self._codec is None:
            self._codec = codec_of(self.registry)
        return self._codec

    def fresh(self) -> None:
        """Empties every topic; gives the run that begins a folder, a group prefix, and an empty changelog."""
        self.prefix = f"chaos-{uuid4().hex[:8]}"
        self.place = self.folder / f"run-{next(self._runs)}"
        self.place.mkdir(parents=True)
        self.empty([name for name in TOPICS if name != "definitions"])
        self.add_changelog(self.prefix)

    def events(self, topic: str) -> Iterator[Any]:
        """Yields every event of the topic, copies too; raises Undecodable."""
        return (self.codec.decode(record) for batch in read_all(self.bootstrap, [topic]) for record in batch)

    def add_changelog(self, prefix: str) -> None:
        """Makes the changelog of the pipeline's stage under this prefix."""
        ensure_changelogs(self.bootstrap, {self.changelog(prefix): PARTITIONS})

    def changelog(self, prefix: str = "") -> str:
        """Returns the name of the stage's changelog."""
        return changelog(Place(self.bootstrap, self.place, prefix or self.prefix), NAME)

    def empty(self, topics: Sequence[str]) -> None:
        """Deletes those that hold anything, and makes all that are missing."""
        used = sorted({topic for (topic, _), end in ends(self.bootstrap, topics).items() if end})
        self.delete(used)
        ensure_topics(self.bootstrap, TOPICS.values())

    def delete(self, topics: Sequence[str]) -> None:
        """Deletes topics and waits until they are gone."""
        if not topics:
            return
        admin = self.admin()
        for future in admin.delete_topics(list(topics), operation_timeout=10).values():
            future.result()
        until(lambda: not set(topics) & set(admin.list_topics(timeout=5).topics), TOPIC_GONE_S)

    def topic_setting(self, topic: str, name: str) -> str:
        """Returns one setting of a topic."""
        admin = self.admin()  # held: the futures of a client that is gone never end well
        [future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        return str(future.result()[name].value)

    def set_topic(self, topic: str, name: str, value: str) -> None:
        """Sets one setting of a topic."""
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = self.admin()
        for future in admin.incremental_alter_configs([resource]).values():
            future.result()

    def admin(self) -> AdminClient:
        """Returns an administrator's client."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def broker_signal(self, number: signal.Signals) -> None:
        """Sends the broker a signal."""
        assert self.kafka is not None
        pid = self.kafka.facts.pid
        assert pid is not None
        os.kill(pid, number)

    def broker_crash(self, down_s: float = 0.0) -> None:
        """kill -9 of the broker; returns when it is back, on the same port and data."""
        self.broker_signal(signal.SIGKILL)
        self.broker_back(down_s)

    def broker_back(self, down_s: float = 0.0) -> None:
        """Returns when the broker that was killed is back."""
        assert self.kafka is not None
        port = int(self.bootstrap.split(":")[1])
        until(lambda: not self.kafka.alive() and not is_open(port), 20)  # its threads hold the port a moment longer
        time.sleep(down_s)
        self.kafka.start(lambda _: None)
        assert self.kafka.bootstrap == self.bootstrap, f"the broker came back on {self.kafka.bootstrap}"


@contextmanager
def arena(say: Callable[[str], None] = lambda _: None) -> Iterator[Arena]:
    """Yields an arena of its own; its servers end with it, whatever happens."""
    with TemporaryDirectory(prefix="auterity-chaos-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        kafka, registry = EmbeddedKafka(folder), EmbeddedRegistry(folder)
        try:
            for server in (kafka, registry):
                server.start(say)
            yield Arena(kafka.bootstrap, registry.url, folder, kafka)
        finally:
            with suppress(KafkaException, ProcessLookupError):
                for process in recorded(folder):
                    process.stop(0.5)
