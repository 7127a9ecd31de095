"""Bytes to events and back: Confluent wire format, CloudEvents headers, a digest over all of it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from schemas.batch import RecordBatch
from schemas.catalogue import DOOR_BYTES_MAX, TOPICS, Topic
from schemas.errors import TooLarge, Undecodable
from schemas.events import Event
from schemas.heads import Heads
from schemas.reader import Reader, compile_reader
from schemas.record import (
    DIGEST,
    EVENT_ID,
    MAGIC,
    PREFIX,
    TENANT_ID,
    CheckedHeaders,
    Outgoing,
    Record,
    SentHeaders,
    named,
    seal,
)
from schemas.sealed import Found, Seals
from schemas.shape import UnreadableSchema
from schemas.writer import Writer, compile_writer

TOGETHER_MIN = 4
"""Fewer records of a batch are checked one by one: to check them together takes as long as four."""
LEADING = [("event_id", "string"), ("tenant_id", "string")]
TOLD_MAX = 100
"""A reason quotes at most as many characters of what a record says."""


class UnknownSchema(Undecodable):
    """The schema id is none that the registry gave this topic, as far as this process has read it."""


class Codec:
    """Encodes and decodes the events of every topic; knows the schema ids it was given and asks nobody.

    `written` maps each topic to the id this process writes with; `learn` adds the ids that older or newer writers use.
    """

    def __init__(self, written: Mapping[str, int]) -> None:
        self._topics = {name: _Known(topic, written.get(name)) for name, topic in TOPICS.items()}
        self._events = {topic.event: self._topics[name] for name, topic in TOPICS.items()}

    def learn(self, topic: str, number: int, schema: Mapping[str, Any]) -> None:
        """Adds the schema that other writers of this topic use under this id.

        Whatever it says it raises nothing: with a schema that is not safe to read, or says something else than ours,
        each record is Undecodable with that reason.
        """
        self._topics[topic].schemas.setdefault(number, schema)

    def numbers(self, topic: str) -> set[int]:
        """Returns the schema ids known for the topic."""
        return set(self._topics[topic].schemas)

    def schema(self, topic: str, number: int) -> dict[str, Any]:
        """Returns the schema that the topic's writers use under this id; raises UnknownSchema, UnreadableSchema."""
        known = self._topics[topic]
        if number not in known.schemas:
            raise UnknownSchema(f"schema id {number} is not of {topic}")
        known.reader(number)
        return dict(known.schemas[number])

    def schemas(self, topic: str) -> dict[int, dict[str, Any]]:
        """Returns every schema that is known for the topic, by its id, whether it can be read with or not."""
        return {number: dict(schema) for number, schema in self._topics[topic].schemas.items()}

    def own(self, record: Record) -> bool:
        """Returns True when the record was written with the schema this process writes with."""
        prefix = self._topics[record.topic].prefix
        return prefix != b"" and (record.value or b"")[:PREFIX] == prefix

    def topic(self, event: Event) -> str:
        """Returns the name of the event's topic."""
        return self._events[type(event)].name

    def written(self, topic: str) -> int:
        """Returns the id of the schema this process writes the topic with; raises KeyError when it writes none."""
        prefix = self._topics[topic].prefix
        if not prefix:
            raise KeyError(topic)
        return int.from_bytes(prefix[1:])

    def value(self, topic: str, value: bytes) -> Event:
        """Returns the event in a client's value, which came without key and headers: frame and body, to the last byte.

        Raises Undecodable, always on a topic that is not open to clients.
        """
        read, _, _ = self._topics[topic].opened(Record(topic, 0, 0, 0, None, value, ()))
        return read(value, PREFIX)

    def encode(self, event: Event, source: str) -> Outgoing:
        """Returns the record of this event; `source` names the part of the platform that says it (`ce_source`).

        Raises TooLarge at more bytes than its topic takes, or more items than readers take; Unwritable, a Rejected
        too, at what its schema has no place for.
        """
        known = self._events[type(event)]
        value = known.write(event, known.prefix)
        if len(value) > known.written_max:
            raise TooLarge(f"an event of {len(value)} bytes; {known.name} takes {known.written_max}")
        key = known.key(event).encode()
        return Outgoing(known.name, key, value, known.heads.headers(event, source, key, value))

    def body(self, event: Event) -> bytes:
        """Returns the event's value alone, prefix and Avro body; raises TooLarge and Unwritable as `encode` does."""
        known = self._events[type(event)]
        return known.write(event, known.prefix)

    def check(self, record: Record) -> None:
        """Raises Undecodable unless frame, size, schema and digest are right; does not decode the body."""
        self._topics[record.topic].opened(record)

    def found(self, batches: Sequence[RecordBatch]) -> Found | None:
        """Returns where the parts of records lie, when they need not be looked at one by one.

        That is when each passes `check`, all have one schema, and each body begins with the event and the tenant that
        the headers name. None says that this may not be so, or that a batch is not plain. The batches are of one topic
        and lie in the same data.
        """
        known = self._topics[batches[0].topic]
        plain = all(batch.plain for batch in batches)
        return known.seals.found(batches, known.leads, known.bytes_max) if plain else None

    def records(self, batch: RecordBatch) -> list[Record]:
        """Returns the records of a batch, checked together where that is possible: `decode` knows of them.

        Raises CorruptRecordException as RecordBatch.unpack does.
        """
        found = self.found([batch]) if batch.count >= TOGETHER_MIN and batch.topic in self._topics else None
        return batch.unpack() if found is None else found.records(batch)

    def unsound(self, batch: RecordBatch) -> list[tuple[Record, Undecodable]]:
        """Returns each record of the batch that `check` would not pass, and why; takes it apart only if one may not."""
        if self.found([batch]) is not None:
            return []
        known = self._topics[batch.topic]
        found = []
        for record in batch.unpack():
            try:
                known.opened(record)
            except Undecodable as error:
                found.append((record, error))
        return found

    def decode(self, record: Record) -> Event:
        """Returns the event of this record, read with the writer's schema as ours.

        Raises Undecodable with the reason: frame, size, digest, schema, body, bytes left over, or headers that name
        another event or tenant than the body does.
        """
        known = self._topics[record.topic]
        read, event_id, tenant_id = known.opened(record)
        assert record.value is not None
        event = read(record.value, PREFIX)
        try:
            key = known.key(event).encode()
        except TooLarge as error:
            raise Undecodable(f"body is not {record.topic}: {error}") from error
        if key != record.key:
            raise Undecodable(f"the key says {_told(record.key)}, the body {_told(key)}")
        if event_id is not None and event_id != event.event_id.encode():
            raise Undecodable(f"{EVENT_ID} says {_told(event_id)}, the body {_told(event.event_id.encode())}")
        if tenant_id is not None and tenant_id != event.tenant_id.encode():
            raise Undecodable(f"{TENANT_ID} says {_told(tenant_id)}, the body {_told(event.tenant_id.encode())}")
        return event


class _Known:
    """What a codec knows of one topic; what it needs for a schema is compiled when it is first used."""

    def __init__(self, topic: Topic, number: int | None) -> None:
        self.name = topic.name
        self.key = topic.key
        self.open = topic.open
        self.bytes_max = DOOR_BYTES_MAX if topic.open else topic.bytes_max
        self.written_max = topic.bytes_max
        self.schemas: dict[int, Any] = {}
        """What writers use under each id."""
        self.readers: dict[bytes, Reader] = {}
        """By the first bytes of a frame."""
        self._leading: set[bytes] = set()
        self.write: Writer = self._first_written
        self.heads = Heads(topic)
        self.seals = Seals(topic)
        self._topic = topic
        self._own = topic.schema
        self._unreadable: dict[int, str] = {}
        self.prefix = b""
        """What it is written behind; nothing when it is not written."""
        if number is not None:
            self.schemas[number] = self._own
            self.prefix = _prefix(number)

    def opened(self, record: Record) -> tuple[Reader, bytes | None, bytes | None]:
        """Returns what reads the record's body, and the ids of event and tenant its headers name; see `Codec.check`.

        Of a record that was checked with its batch it names no ids: they have been held against the body.
        """
        value = record.value
        if value is None:
            raise Undecodable("no value")
        if type(record.headers) is CheckedHeaders:
            return self.readers[value[:PREFIX]], None, None
        if len(value) > self.bytes_max:
            raise Undecodable(f"{len(value)} bytes, more than {self.bytes_max}")
        if len(value) <= PREFIX:
            raise Undecodable(f"{len(value)} bytes, no more than a frame has")
        read = self.readers.get(value[:PREFIX])
        if read is None:
            if value[0] != MAGIC:
                raise Undecodable(f"magic byte {value[0]}, not {MAGIC}")
            read = self.reader(int.from_bytes(value[1:PREFIX]))
        key, headers = record.key, record.headers
        if isinstance(headers, SentHeaders) and key is not None:
            ids = self.seals.opened(key, value, headers.raw)
            if ids is not None:
                return read, *ids
        digest, event_id, tenant_id = named(headers)
        if digest is None and not self.open:
            raise Undecodable(f"no {DIGEST} header")
        if digest is not None and digest != seal(key, value, headers):
            raise Undecodable(f"{DIGEST} does not match")
        return read, event_id, tenant_id

    def leads(self, prefix: bytes) -> bool:
        """Returns True when there is a reader for values that begin so, and their bodies begin with the two ids."""
        if prefix not in self.readers and prefix[0] == MAGIC:
            with suppress(UnknownSchema, UnreadableSchema):
                self.reader(int.from_bytes(prefix[1:]))
        return prefix in self._leading

    def reader(self, number: int) -> Reader:
        """Returns what reads the bodies that were written under this id; raises UnknownSchema, UnreadableSchema."""
        if number not in self.schemas:
            raise UnknownSchema(f"schema id {number} is not of {self._topic.name}")
        if (known := self.readers.get(_prefix(number))) is not None:
            return known
        if number not in self._unreadable:
            try:
                read = compile_reader(self.schemas[number], self._own, self._topic.event, self._topic.name)
            except UnreadableSchema as error:
                self._unreadable[number] = str(error)
            else:
                self.readers[_prefix(number)] = read
                if leads(self.schemas[number]):
                    self._leading.add(_prefix(number))
                return read
        raise UnreadableSchema(f"schema id {number} of {self._topic.name}: {self._unreadable[number]}")

    def _first_written(self, event: Event, prefix: bytes) -> bytes:
        """Compiles what writes the topic's events from now on; raises KeyError when there is no id to write with."""
        if not prefix:
            raise KeyError(self.name)
        self.write = compile_writer(self._own, self._topic.event)
        return self.write(event, prefix)


def leads(schema: Mapping[str, Any]) -> bool:
    """Returns True when bodies of this schema begin with the two ids: they can be held against headers unread."""
    return [(each["name"], each["type"]) for each in schema["fields"][:2]] == LEADING


def _prefix(number: int) -> bytes:
    return bytes([MAGIC]) + number.to_bytes(4)


def _told(said: bytes | None) -> str:
    """Returns the beginning of what is said, as one line."""
    text = (said or b"")[:TOLD_MAX].decode(errors="replace")
    return text if text.isprintable() else repr(text)[1:-1]
