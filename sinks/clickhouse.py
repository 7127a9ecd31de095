"""Kafka records -> ClickHouse tables."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from domain.ports import Refused
from schemas.batch import RecordBatch
from schemas.catalogue import TOPICS
from schemas.codec import Codec, UnknownSchema
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.record import DIGEST, MAGIC, PREFIX, Record, header
from schemas.wire import string
from sinks import kafka_block
from sinks.avro_block import container
from sinks.batch_load import statement
from sinks.engine import Engine, FileEngine
from sinks.tables import DATABASE, MARK_BYTES, load, statements

MAGIC_BYTE = bytes([MAGIC])
ROWS_MAX = 100_000
BYTES_MAX = 64 * 1024 * 1024
"""At most so many rows and about so many bytes go in one INSERT."""
WHOLE_ROWS_MIN = 4_000
"""Fewer rows of a topic are taken apart: what reads batches whole costs more to begin with, and less for each row."""
BATCHES_MAX = 2_000
"""At most so many batches go whole in one INSERT: its text names the place of each, and ClickHouse takes 256 KiB."""


class ClickHouseSink:
    """A Sink. Bodies reach ClickHouse undecoded when nothing is wrong with any of them; else each is decoded.

    Undecoded means: the digest holds, the body begins with the event and tenant that the headers name, and ClickHouse
    finds every body ending exactly where its record does (see sinks.avro_block). When a batch fails that, nothing of
    it is inserted and every record goes through Codec.decode; those it refuses are returned, the others inserted.
    """

    def __init__(
        self, engine: Engine, codec: Codec, topics: Sequence[str] = tuple(TOPICS), database: str = DATABASE
    ) -> None:
        self.topics = tuple(topics)
        self._engine = engine
        self._codec = codec
        self._database = database
        self._undecoded: dict[tuple[str, int], bool] = {}
        self.whole_rows_min = WHOLE_ROWS_MIN

    def prepare(self) -> bool:
        """Makes tables and views, or adds the columns they lack; to be called once before the first write.

        Returns True when a table was not there: its topic has to be read from the beginning.
        """
        tables = ", ".join(f"'{TOPICS[topic].noun}_log'" for topic in self.topics)
        known = f"SELECT count() FROM system.tables WHERE database = '{self._database}' AND name IN ({tables})"
        fresh = json.loads(self._engine.execute(known).splitlines()[0])[0] < len(self.topics)
        for topic in self.topics:
            for made in statements(TOPICS[topic], self._database):
                self._engine.execute(made)
        return bool(fresh)

    def write(self, records: Sequence[Record]) -> list[Refused]:
        """Keeps the records and returns those it cannot keep; all others are on disk then. See domain.ports.Sink."""
        refused: list[Refused] = []
        slow: list[Record] = []
        fast: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            try:
                self._codec.check(record)
            except Undecodable as error:
                refused.append(Refused(record, error))
                continue
            assert record.value is not None
            written = record.topic, int.from_bytes(record.value[1:PREFIX])
            if _named(record, record.value) and self._plain(*written):
                fast.setdefault(written, []).append(record)
            else:
                slow.append(record)
        for (topic, number), group in fast.items():
            for batch in _batches(group):
                try:
                    self._insert(topic, self._codec.schema(topic, number), batch)
                except Rejected:
                    slow += batch
        refused += self._decoded(slow)
        return refused

    def write_batches(self, batches: Sequence[RecordBatch]) -> list[Refused]:
        """Keeps what the batches hold, as `write` does; undecoded and not even taken apart when nothing is wrong.

        See sinks.batch_load for what has to be right. A batch that is compressed, was written with a schema that
        ClickHouse reads otherwise, or is in one INSERT with something wrong, goes through `write`.
        """
        slow: list[RecordBatch] = []
        whole: dict[tuple[str, bytes], list[RecordBatch]] = {}
        for batch in batches:
            prefix = kafka_block.frame(batch) if isinstance(self._engine, FileEngine) else b""
            if prefix[:1] == MAGIC_BYTE and self._reads(batch.topic, prefix):
                whole.setdefault((batch.topic, prefix), []).append(batch)
            else:
                slow.append(batch)
        for (topic, prefix), group in whole.items():
            for part in _portions(group):
                if sum(batch.count for batch in part) < self.whole_rows_min:
                    slow += part
                    continue
                try:
                    self._insert_batches(topic, prefix, part)
                except Rejected:
                    slow += part
        return self.write([record for batch in slow for record in batch.unpack()]) if slow else []

    def _insert_batches(self, topic: str, prefix: bytes, batches: Sequence[RecordBatch]) -> None:
        assert isinstance(self._engine, FileEngine)
        writer = self._codec.schema(topic, int.from_bytes(prefix[1:]))
        mark = os.urandom(MARK_BYTES)
        contents = kafka_block.whole(batches, mark), kafka_block.decoded(TOPICS[topic], writer, batches, mark)
        rows = self._engine.insert_files(
            contents, lambda files: statement(TOPICS[topic], writer, prefix, batches, files, self._database)
        )
        if rows != sum(batch.count for batch in batches):
            raise Unavailable(f"ClickHouse wrote {rows} rows of {len(batches)} batches of {topic}")

    def _reads(self, topic: str, prefix: bytes) -> bool:
        try:
            return self._plain(topic, int.from_bytes(prefix[1:]))
        except UnknownSchema:
            return False

    def _decoded(self, records: Sequence[Record]) -> Iterator[Refused]:
        """Inserts what decodes, written anew with our schema; yields what does not."""
        good: dict[str, list[Record]] = {}
        originals: dict[str, Record] = {}
        for record in records:
            try:
                event = self._codec.decode(record)
            except Undecodable as error:
                yield Refused(record, error)
            else:
                originals[record.place] = record
                anew = msgspec.structs.replace(record, value=self._codec.body(event))
                good.setdefault(record.topic, []).append(anew)
        for topic, group in good.items():
            for batch in _batches(group):
                for place, why in self._halved(topic, batch):
                    yield Refused(originals[place], why)

    def _halved(self, topic: str, batch: Sequence[Record]) -> Iterator[tuple[str, Rejected]]:
        """Inserts the batch; when ClickHouse cannot take some of it, halves it until those stand alone."""
        try:
            self._insert(topic, TOPICS[topic].schema, batch)
        except Rejected as error:
            if len(batch) == 1:
                yield batch[0].place, error
                return
            half = len(batch) // 2
            yield from self._halved(topic, batch[:half])
            yield from self._halved(topic, batch[half:])

    def _insert(self, topic: str, writer: Mapping[str, Any], batch: Sequence[Record]) -> None:
        mark = os.urandom(MARK_BYTES)
        command = load(TOPICS[topic], writer, mark, self._database)
        rows = self._engine.insert(command, container(writer, batch, mark))
        if rows != len(batch):
            raise Unavailable(f"ClickHouse wrote {rows} rows of {len(batch)} records of {topic}")

    def _plain(self, topic: str, number: int) -> bool:
        """True when ClickHouse reads the writer's schema as our decoder would; asked once for each schema."""
        known = self._undecoded.get((topic, number))
        if known is None:
            known = alike(self._codec.schema(topic, number), TOPICS[topic].schema)
            self._undecoded[topic, number] = known
        return known


def alike(writer: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """True when each of the writer's fields is ours too, of the same type or an enum with fewer symbols."""
    ours = {field["name"]: _shape(field["type"]) for field in own["fields"]}
    return all(_fits(_shape(field["type"]), ours.get(field["name"])) for field in writer["fields"])


def _fits(shape: Any, ours: Any) -> bool:
    if isinstance(shape, dict) and isinstance(ours, dict) and shape["type"] == ours["type"] == "enum":
        return bool(ours["symbols"][: len(shape["symbols"])] == shape["symbols"])
    return bool(shape == ours)


def _shape(kind: Any) -> Any:
    """The type without what readers do not need: docs, names, defaults."""
    if isinstance(kind, list):
        return [_shape(each) for each in kind]
    if not isinstance(kind, dict):
        return kind
    shape = {part: kind[part] for part in ("type", "logicalType", "symbols", "size") if part in kind}
    shape |= {part: _shape(kind[part]) for part in ("items", "values") if part in kind}
    if "fields" in kind:
        shape["fields"] = [(each["name"], _shape(each["type"])) for each in kind["fields"]]
    return shape


def _named(record: Record, value: bytes) -> bool:
    """True when the record is sealed and its body begins with the event and the tenant that its headers name."""
    event, tenant = header(record.headers, "ce_id"), header(record.headers, "ce_tenantid")
    if event is None or tenant is None or header(record.headers, DIGEST) is None:
        return False
    return value.startswith(string(event) + string(tenant), PREFIX)


def _portions(batches: Sequence[RecordBatch]) -> Iterator[list[RecordBatch]]:
    """Yields portions that pass the bounds by a batch at most; a small rest would cost as much as a whole one."""
    portion: list[RecordBatch] = []
    rows = size = 0
    for batch in batches:
        portion.append(batch)
        rows += batch.count
        size += batch.size
        if rows >= ROWS_MAX or size >= BYTES_MAX or len(portion) >= BATCHES_MAX:
            yield portion
            portion, rows, size = [], 0, 0
    if portion:
        yield portion


def _batches(records: Sequence[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        length = len(record.value or b"")
        if batch and (len(batch) == ROWS_MAX or size + length > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch
