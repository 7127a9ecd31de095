"""Kafka records -> ClickHouse tables."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from domain.ports import Refused
from schemas.batch import RecordBatch
from schemas.catalogue import TOPICS
from schemas.codec import Codec, leads
from schemas.digests import Array
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.record import DIGEST, PREFIX, Record, header
from schemas.wire import string
from sinks.engine import Engine, Load
from sinks.row_binary import Program, Rows, program
from sinks.tables import DATABASE, load, statements

ROWS_MAX = 100_000
BYTES_MAX = 64 * 1024 * 1024
"""At most so many rows and about so many bytes go in one INSERT; what one fetch brought of a partition is not cut, and
may pass both."""


class Writer(Struct, frozen=True):
    """What takes bodies of one schema into their table."""

    program: Program
    load: Load


class Part(Struct, frozen=True):
    """Bodies of one schema that lie in the same bytes."""

    data: bytes
    spans: Array
    """Begin and end of each."""
    places: Array
    """Partition, offset and moment of each."""
    records: Callable[[], Sequence[Record]]
    """What they are bodies of."""


class ClickHouseSink:
    """A Sink, for one thread at a time. Bodies become rows undecoded when nothing is wrong with them.

    That is: the digest holds, the body begins with the event and tenant that the headers name, and the program of its
    schema reads it to its end (see sinks.row_binary). Every other record goes through Codec.decode; what that refuses
    is returned, the rest written anew with our schema, and inserted.
    """

    def __init__(
        self, engine: Engine, codec: Codec, topics: Sequence[str] = tuple(TOPICS), database: str = DATABASE
    ) -> None:
        self.topics = tuple(topics)
        self._engine = engine
        self._codec = codec
        self._database = database
        self._writers: dict[tuple[str, int], Writer | None] = {}
        self._own: dict[str, Writer] = {}
        self._rows = Rows()

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
            if _named(record, record.value) and self._writer(*written) is not None:
                fast.setdefault(written, []).append(record)
            else:
                slow.append(record)
        for (topic, number), group in fast.items():
            slow += self._undecoded(topic, ((number, _part(portion)) for portion in _portions(group)))
        refused += self._decoded(slow)
        return refused

    def write_batches(self, batches: Sequence[RecordBatch]) -> list[Refused]:
        """Keeps what the batches hold, as `write` does; not even taken apart when nothing is wrong.

        Batches that lie in the same data are looked at together. A batch that is compressed, or one of whose records
        has no good digest or other headers than our codec writes, goes through `write`; so does a single record whose
        body is left over.
        """
        slow: list[Record] = []

        def whole(fetched: list[RecordBatch]) -> Iterator[tuple[int, Part]]:
            found = self._codec.found(fetched)
            if found is not None and self._writer(fetched[0].topic, found.number) is not None:
                yield found.number, _whole(fetched, found.bodies)
            elif len(fetched) > 1:
                for batch in fetched:
                    yield from whole([batch])
            else:
                slow.extend(fetched[0].unpack())

        for topic in dict.fromkeys(batch.topic for batch in batches):
            of_topic = (batch for batch in batches if batch.topic == topic)
            fetches = (list(each) for _, each in groupby(of_topic, lambda batch: id(batch.data)))
            slow += self._undecoded(topic, (part for fetched in fetches for part in whole(fetched)))
        return self.write(slow) if slow else []

    def _undecoded(self, topic: str, parts: Iterable[tuple[int, Part]]) -> list[Record]:
        """Inserts bodies, each with its schema id, as they are; returns the records that have to be decoded."""
        left: list[Record] = []
        taken: list[tuple[Part, list[int]]] = []
        current: Writer | None = None
        self._rows.clear()
        for number, part in parts:
            writer = self._writer(topic, number)
            assert writer is not None
            full = self._rows.count >= ROWS_MAX or len(self._rows.content) >= BYTES_MAX
            if current is not None and (writer is not current or full):
                left += self._kept(topic, current, taken)
                taken = []
                self._rows.clear()
            current = writer
            taken.append((part, self._rows.add(writer.program, part.data, part.spans, part.places)))
        if current is not None:
            left += self._kept(topic, current, taken)
        return left

    def _kept(self, topic: str, writer: Writer, taken: Sequence[tuple[Part, list[int]]]) -> list[Record]:
        """Inserts the rows; returns the records of those that were left out of them, or of all."""
        left = []
        try:
            self._insert(topic, writer)
        except Rejected:
            return [record for part, _ in taken for record in part.records()]
        for part, out in taken:
            if out:
                found = part.records()
                left += [found[index] for index in out]
        return left

    def _insert(self, topic: str, writer: Writer) -> None:
        if not self._rows.count:
            return
        written = self._engine.insert(writer.load, self._rows.ordered())
        if written != self._rows.count:
            raise Unavailable(f"ClickHouse wrote {written} rows of {self._rows.count} of {topic}")

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
            for portion in _portions(group):
                for place, why in self._halved(topic, portion):
                    yield Refused(originals[place], why)

    def _halved(self, topic: str, batch: Sequence[Record]) -> Iterator[tuple[str, Rejected]]:
        """Inserts the batch; when ClickHouse cannot take some of it, halves it until those stand alone."""
        if topic not in self._own:
            self._own[topic] = _made(topic, TOPICS[topic].schema, self._database)
        writer, part = self._own[topic], _part(batch)
        self._rows.clear()
        if out := self._rows.add(writer.program, part.data, part.spans, part.places):
            why = Rejected("what was decoded cannot be written as a row")
            yield from ((batch[index].place, why) for index in out)
            batch = [record for index, record in enumerate(batch) if index not in out]
        try:
            self._insert(topic, writer)
        except Rejected as error:
            if len(batch) == 1:
                yield batch[0].place, error
                return
            half = len(batch) // 2
            yield from self._halved(topic, batch[:half])
            yield from self._halved(topic, batch[half:])

    def _writer(self, topic: str, number: int) -> Writer | None:
        """Returns what takes bodies of this schema as our decoder would; None when they have to be decoded."""
        if (topic, number) not in self._writers:
            schema = self._codec.schema(topic, number)
            plain = alike(schema, TOPICS[topic].schema) and leads(schema)
            self._writers[topic, number] = _made(topic, schema, self._database) if plain else None
        return self._writers[topic, number]


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


def _made(topic: str, schema: Mapping[str, Any], database: str) -> Writer:
    return Writer(program(schema), load(TOPICS[topic], schema, database))


def _named(record: Record, value: bytes) -> bool:
    """True when the record is sealed and its body begins with the event and the tenant that its headers name."""
    event, tenant = header(record.headers, "ce_id"), header(record.headers, "ce_tenantid")
    if event is None or tenant is None or header(record.headers, DIGEST) is None:
        return False
    return value.startswith(string(event) + string(tenant), PREFIX)


def _part(records: Sequence[Record]) -> Part:
    """Returns the bodies of records that lie apart."""
    bodies = [(record.value or b"")[PREFIX:] for record in records]
    cuts = np.array([0, *accumulate(map(len, bodies))], np.int64)
    places = [(record.partition, record.offset, record.timestamp_ms) for record in records]
    spans = np.stack([cuts[:-1], cuts[1:]], axis=1)
    return Part(b"".join(bodies), spans, np.array(places, np.int64), lambda: records)


def _whole(batches: Sequence[RecordBatch], spans: Array) -> Part:
    """Returns the bodies of plain batches of one partition that lie in the same data."""
    places = np.empty((len(spans), 3), np.int64)
    places[:, 0] = batches[0].partition
    places[:, 1] = np.concatenate([np.arange(batch.offset, batch.offset + batch.count) for batch in batches])
    places[:, 2] = np.repeat([batch.timestamp_ms for batch in batches], [batch.count for batch in batches])
    return Part(batches[0].data, spans, places, lambda: [record for batch in batches for record in batch.unpack()])


def _portions(records: Iterable[Record]) -> Iterator[list[Record]]:
    portion: list[Record] = []
    size = 0
    for record in records:
        portion.append(record)
        size += len(record.value or b"")
        if len(portion) >= ROWS_MAX or size >= BYTES_MAX:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
