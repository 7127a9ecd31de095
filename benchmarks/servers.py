"""Kafka and the registry of one run, in a temporary directory, off the measured core."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka.admin import AdminClient
from msgspec import Struct

from benchmarks.cores import Cores, pinned
from benchmarks.rules import FILE
from connectors.kafka import ends, ensure_topics
from connectors.registry import codec_of
from runtime.data_dir import prepare
from runtime.definitions import load
from runtime.deployment import prepare as deploy
from runtime.kafka_server import EmbeddedKafka
from runtime.registry_server import EmbeddedRegistry
from runtime.settings import Settings
from schemas.catalogue import TOPICS
from schemas.codec import Codec

FREE_BYTES_MIN = 4 << 30
DELETION_S = 20.0


class Servers(Struct, frozen=True):
    """Where they answer, and the folder that ends with them."""

    bootstrap: str
    registry: str
    folder: Path
    codec: Codec

    def topics(self) -> set[str]:
        """Returns the names of all topics but Kafka's own."""
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        return {name for name in client.list_topics(timeout=10).topics if not name.startswith("__")}

    def records(self, topics: Iterable[str]) -> int:
        """Returns how many records were written to these topics."""
        return sum(ends(self.bootstrap, topics).values())

    def remove(self, topics: Iterable[str]) -> None:
        """Deletes the topics; those of the catalogue are made again, empty."""
        there = sorted(set(topics) & self.topics())
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        for future in client.delete_topics(there, operation_timeout=DELETION_S).values() if there else ():
            future.result()
        deadline = time.monotonic() + DELETION_S
        while set(there) & self.topics() and time.monotonic() < deadline:
            time.sleep(0.05)
        ensure_topics(self.bootstrap, TOPICS.values())


@contextmanager
def running(cores: Cores, say: Callable[[str], None], free_bytes_min: int = FREE_BYTES_MIN) -> Iterator[Servers]:
    """Yields servers with empty topics, registered schemas and the rules that the decision workload needs."""
    with TemporaryDirectory(prefix="auterity-bench-", ignore_cleanup_errors=True) as name:
        folder = prepare(Path(name), free_bytes_min)
        kafka, registry = EmbeddedKafka(folder), EmbeddedRegistry(folder)
        try:
            with pinned(cores.others), ThreadPoolExecutor() as pool:
                list(pool.map(lambda server: server.start(say), (kafka, registry)))
            deploy(kafka.bootstrap, registry.url, Settings(), [("rules", load(FILE))])
            yield Servers(kafka.bootstrap, registry.url, folder, codec_of(registry.url))
        finally:
            registry.stop()
            kafka.stop()


def schema_ids(codec: Codec, topics: Iterable[str]) -> dict[str, int]:
    """Returns the id that the registry gave each topic's schema."""
    return {topic: max(codec.numbers(topic)) for topic in topics}
