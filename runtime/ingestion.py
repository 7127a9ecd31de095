"""Takes a file in: makes the tenant when it is new, looks up how far the file was taken, publishes the rest."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from connectors.ingest import Ingested, Progress, ingest
from connectors.publisher import KafkaPublisher
from connectors.reader import read_all
from connectors.registry import codec_of
from connectors.sources import Source, WorkflowBy, load_source
from domain.administration import found_client
from domain.identity import PLATFORM
from domain.positions import MemoryPositions
from runtime.definitions import publish, read
from runtime.platform import Facts
from schemas.codec import Codec
from schemas.errors import Rejected, Undecodable
from schemas.events import IngestPosition


class NoFile(Rejected):
    """The file is not there."""


class ReservedTenant(Rejected):
    """The tenant is no client's."""


class Bar(Protocol):
    """Shows how far it is."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total` bytes."""


def run(
    facts: Facts,
    file: Path,
    source_name: str,
    tenant: str,
    workflow: str | None,
    bad_rows_max: int | None,
    bar: Bar,
) -> Ingested:
    """Returns what became of the file; see connectors.ingest. Ctrl-C ends it after the batch in hand."""
    if not file.is_file():
        raise NoFile(f"{file}: no such file")
    if tenant == PLATFORM:
        raise ReservedTenant(f"{PLATFORM} is the platform's own tenant: no events are its")
    source = load_source(source_name)
    codec = codec_of(facts.registry)
    known = read(facts.kafka, codec)
    if known.tenant(tenant) is not None:
        found_client(tenant, known.tenant(tenant))
    for name in [workflow] if workflow is not None else _workflows(source):
        known.pin(tenant, "workflow", name)  # raises UnknownDefinition before anything is sent
    stopped = threading.Event()
    with _interruptible(stopped.set):
        return asyncio.run(_run(facts, file, source, tenant, workflow, bad_rows_max, bar, codec, known, stopped))


def _workflows(source: Source) -> list[str]:
    if isinstance(source.workflow, WorkflowBy):
        named = {*source.workflow.map.values(), source.workflow.default}
        return sorted(name for name in named if name is not None)
    return [source.workflow] if source.workflow is not None else []


async def _run(  # type: ignore[no-untyped-def]
    facts, file, source, tenant, workflow, bad_rows_max, bar, codec, known, stopped
) -> Ingested:
    began = time.monotonic()

    def tell(progress: Progress) -> None:
        rate = progress.read / max(time.monotonic() - began, 0.001)
        bar(progress.bytes_read, progress.bytes_total, f"{progress.read:,} rows, {rate:,.0f}/s")

    async with KafkaPublisher(facts.kafka, "auterity-ingest") as publisher:
        if known.tenant(tenant) is None:
            await publish([("tenant", {"id": tenant})], known, codec, publisher, datetime.now(UTC), tenant)
        return await ingest(
            file,
            source,
            tenant,
            workflow,
            codec=codec,
            publisher=publisher,
            positions=positions(facts.kafka, codec),
            progress=tell,
            bad_rows_max=bad_rows_max,
            stop=stopped.is_set,
        )


def positions(bootstrap: str, codec: Codec) -> MemoryPositions:
    """Returns the positions on the log."""
    found = MemoryPositions()
    for batch in read_all(bootstrap, ["ingest-positions"]):
        for record in batch:
            with suppress(Undecodable):  # its dead letter is the sink's; the file is then sent again
                event = codec.decode(record)
                assert isinstance(event, IngestPosition)
                found.keep(event)
    return found


@contextmanager
def _interruptible(act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` at the first Ctrl-C or SIGTERM; a second one ends the process as usual."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def once(number: int, _: object) -> None:
        act()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
