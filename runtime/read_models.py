"""The process that keeps the read models up to date with the log, and what rebuilds them."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import uvloop
from msgspec import Struct

from connectors.kafka import begins, cluster, committed, ends, rewind
from connectors.reader import read
from connectors.registry import Registry
from domain.read_models import TOPICS, Place
from runtime.settings import Settings
from runtime.worker import Workbench, serve
from schemas.codec import Codec
from schemas.record import Record
from sinks.read_models.sink import ANEW, AnotherLog, ReadModelSink
from sinks.read_models.store import writing
from streams.app import Place as Whereabouts
from streams.app import group
from streams.rest import SinkStage

NAME = "read-models"
"""Names the stage and its consumer group."""


class Rebuilt(Struct, frozen=True):
    """What a rebuild took in."""

    records: int


def run_read_models(bootstrap: str, registry_url: str, data_dir: Path, conf: Settings) -> None:
    """Runs until SIGTERM. Raises AnotherLog when the store was filled from another one."""
    uvloop.run(_read_models(bootstrap, registry_url, data_dir, conf))


async def _read_models(bootstrap: str, registry_url: str, data_dir: Path, conf: Settings) -> None:
    place = Whereabouts(bootstrap, data_dir / NAME, conf.group_prefix)
    async with Workbench(place, registry_url) as tools:
        with opened(tools.codec, bootstrap, registry_url, data_dir, conf) as sink:
            check(bootstrap, group(place, NAME), sink.prepare())
            await serve([SinkStage(NAME, sink, tools)], data_dir / "run" / f"{NAME}.ready")


def check(bootstrap: str, consumers: str, applied: dict[Place, int]) -> None:
    """Has the log read again from its beginning when the store lacks something that is committed: it is new, or an
    older copy was put back. What is in is passed over."""
    lies = ends(bootstrap, TOPICS)
    for (topic, partition), offset in applied.items():
        if offset > lies.get((topic, partition), 0):
            raise AnotherLog(
                f"the read models hold {topic}/{partition} up to {offset}, where Kafka ends at "
                f"{lies.get((topic, partition), 0)}: they are of another log; {ANEW}"
            )
    if any(done > applied.get(place, 0) for place, done in committed(bootstrap, consumers).items()):
        rewind(bootstrap, consumers)


def rebuild(bootstrap: str, registry_url: str, data_dir: Path, conf: Settings) -> Rebuilt:
    """Throws the store away and makes it anew from the topics, while whoever reads it sees the old one.

    The process that keeps it up to date may run meanwhile: it waits, and goes on behind what was taken in.
    """
    registry = Registry(registry_url)

    def lies() -> dict[Place, int]:
        return ends(bootstrap, TOPICS)

    def records(until: dict[Place, int]) -> Iterable[Sequence[Record]]:
        first = begins(bootstrap, TOPICS)
        return read(bootstrap, {place: (first.get(place, 0), end) for place, end in until.items()})

    try:
        with opened(registry.codec(), bootstrap, registry_url, data_dir, conf) as sink:
            return Rebuilt(sink.rebuild(lies, records))
    finally:
        registry.close()


@contextlib.contextmanager
def opened(codec: Codec, bootstrap: str, registry_url: str, data_dir: Path, conf: Settings) -> Iterator[ReadModelSink]:
    """Yields the sink over the store that the settings name."""
    registry = Registry(registry_url)
    engine = writing(data_dir, conf.read_models)
    try:
        yield ReadModelSink(engine, codec, lambda topic: registry.refresh(codec, [topic]), cluster(bootstrap))
    finally:
        engine.dispose()
        registry.close()
