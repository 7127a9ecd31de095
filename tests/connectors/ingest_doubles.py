"""A publisher and positions as ingest meets them, and files in every format."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from connectors.ingest import Ingested, ingest
from connectors.sources import Source, parse_source
from domain.positions import MemoryPositions
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import BusinessEvent, IngestPosition
from schemas.record import Outgoing, Record

CODEC = Codec({"business-events": 1, "ingest-positions": 2})
FORMATS = ("csv", "tsv", "jsonl", "json", "avro", "parquet")
COMPRESSIONS = ("", ".gz", ".zst")


class ListPublisher:
    """Keeps what is published; positions are known to the next ingest at once. Fails at the call it is told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls = 0
        self.records: list[Outgoing] = []
        self.positions = MemoryPositions()
        self._fails_at = fails_at

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.calls += 1
        if self.calls == self._fails_at:
            raise Unavailable("broker does not answer")
        self.records += records
        for event in decoded(records):
            if isinstance(event, IngestPosition):
                self.positions.keep(event)

    @property
    def events(self) -> list[BusinessEvent]:
        return [event for event in decoded(self.records) if isinstance(event, BusinessEvent)]

    @property
    def written(self) -> list[IngestPosition]:
        return [event for event in decoded(self.records) if isinstance(event, IngestPosition)]

    @property
    def distinct(self) -> list[BusinessEvent]:
        """What a reader sees: the first record with an id, in the order of rows."""
        first: dict[str, BusinessEvent] = {}
        for event in self.events:
            first.setdefault(event.event_id, event)
        return sorted(first.values(), key=lambda event: event.origin_row or 0)


def decoded(records: Iterable[Outgoing]) -> list[Any]:
    return [CODEC.decode(Record(each.topic, 0, 0, 0, each.key, each.value, each.headers)) for each in records]


async def take(
    path: Path, source: Source, publisher: ListPublisher, workflow: str | None = None, **options: Any
) -> Ingested:
    """Ingests a file for tenant acme."""
    return await ingest(
        path, source, "acme", workflow, codec=CODEC, publisher=publisher, positions=publisher.positions, **options
    )


def balanced(done: Ingested) -> bool:
    return done.read == done.accepted + done.duplicates + done.rejected


def source(**changes: Any) -> Source:
    """A source of orders: id, what, at; the rest is kept."""
    said = {
        "id": "orders",
        "title": "Orders",
        "subject": "id",
        "type": "what",
        "time": {"column": "at", "zone": "UTC"},
        **changes,
    }
    return parse_source("orders.yaml", json.dumps(said))


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    return [
        {"id": f"o-{n % 7}", "what": "paid", "at": f"2026-01-01T{n // 60 % 24:02}:{n % 60:02}:00", "note": f"note {n}"}
        for n in range(start, start + count)
    ]


def write(path: Path, content: list[dict[str, str]]) -> Path:
    """Writes rows in the format and compression that the path's name ends in."""
    kind, _, packed = path.name.partition(".")[2].partition(".")
    plain = {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "json": _json, "avro": _avro, "parquet": _parquet}[kind](
        content
    )
    path.write_bytes(pack(plain, packed))
    return path


def pack(plain: bytes, packed: str) -> bytes:
    if packed == "gz":
        return gzip.compress(plain, mtime=0)
    return zstandard.ZstdCompressor().compress(plain) if packed == "zst" else plain


def _csv(content: list[dict[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, content[0], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(content)
    return out.getvalue().encode()


def _tsv(content: list[dict[str, str]]) -> bytes:
    return _csv(content, "\t")


def _jsonl(content: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in content).encode()


def _json(content: list[dict[str, str]]) -> bytes:
    return json.dumps(content, indent=2).encode()


def _avro(content: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    fields = [{"name": name, "type": "string"} for name in content[0]]
    fastavro.writer(out, fastavro.parse_schema({"type": "record", "name": "Row", "fields": fields}), content)
    return out.getvalue()


def _parquet(content: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content), out)
    return out.getvalue()
