"""Bytes to events and back: Confluent wire format, CloudEvents headers, a digest over all of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import fastavro
import msgspec

from schemas.catalogue import BY_EVENT, DOOR_BYTES_MAX, TOPICS
from schemas.errors import Rejected, Undecodable
from schemas.events import Event
from schemas.record import DIGEST, Outgoing, Record, header, seal

MAGIC = 0
PREFIX = 5
"""The magic byte and the schema id (4 bytes, big endian) before the Avro body."""


class UnknownSchema(Undecodable):
    """The schema id is none that the registry gave this topic, as far as this process has read it."""


class TooLarge(Rejected):
    """The event's record is larger than its topic takes."""


class Codec:
    """Encodes and decodes the events of every topic; knows the schema ids it was given and asks nobody.

    `written` maps each topic to the id this process writes with; `learn` adds the ids that older or newer writers use.
    """

    def __init__(self, written: Mapping[str, int]) -> None:
        self._prefix = {topic: bytes([MAGIC]) + number.to_bytes(4) for topic, number in written.items()}
        self._own = {topic: fastavro.parse_schema(dict(TOPICS[topic].schema)) for topic in written}
        self._writers: dict[tuple[str, int], Any] = dict.fromkeys(written.items())

    def learn(self, topic: str, number: int, schema: Mapping[str, Any]) -> None:
        """Adds the schema that other writers of this topic use under this id."""
        if (topic, number) not in self._writers:
            self._writers[topic, number] = fastavro.parse_schema(dict(schema))

    def numbers(self, topic: str) -> set[int]:
        """Returns the schema ids known for the topic."""
        return {number for name, number in self._writers if name == topic}

    def schema(self, topic: str, number: int) -> dict[str, Any]:
        """Returns the schema that the topic's writers use under this id; raises UnknownSchema."""
        if (topic, number) not in self._writers:
            raise UnknownSchema(f"schema id {number} is not of {topic}")
        writer = self._writers[topic, number] or TOPICS[topic].schema
        return {name: value for name, value in writer.items() if not name.startswith("__")}

    def own(self, record: Record) -> bool:
        """Returns True when the record was written with the schema this process writes with."""
        return (record.value or b"")[:PREFIX] == self._prefix[record.topic]

    def topic(self, event: Event) -> str:
        """Returns the name of the event's topic."""
        return BY_EVENT[type(event)].name

    def encode(self, event: Event, source: str) -> Outgoing:
        """Returns the record of this event; `source` names the part of the platform that says it (`ce_source`)."""
        topic = BY_EVENT[type(event)]
        name = topic.name
        key = topic.key(event).encode()
        headers: list[tuple[str, bytes | None]] = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event.event_id.encode()),
            ("ce_type", name.encode()),
            ("ce_source", source.encode()),
            ("ce_tenantid", event.tenant_id.encode()),
        ]
        if topic.exported:
            headers.append(("ce_time", event.occurred_at.isoformat().encode()))
            headers.append(("ce_datacontenttype", b"application/avro"))
        value = self.body(event)
        if len(value) > topic.bytes_max:
            raise TooLarge(f"an event of {len(value)} bytes; {name} takes {topic.bytes_max}")
        headers.append((DIGEST, seal(key, value, headers)))
        return Outgoing(name, key, value, headers)

    def body(self, event: Event) -> bytes:
        """Returns the event's value alone: prefix and Avro body."""
        name = BY_EVENT[type(event)].name
        out = BytesIO()
        out.write(self._prefix[name])
        fastavro.schemaless_writer(out, self._own[name], msgspec.to_builtins(event, builtin_types=(datetime, bytes)))
        return out.getvalue()

    def check(self, record: Record) -> None:
        """Raises Undecodable unless frame, size and digest are right; does not decode the body."""
        value = record.value
        topic = TOPICS[record.topic]
        if value is None:
            raise Undecodable("no value")
        limit = DOOR_BYTES_MAX if topic.open else topic.bytes_max
        if len(value) > limit:
            raise Undecodable(f"{len(value)} bytes, more than {limit}")
        if len(value) <= PREFIX:
            raise Undecodable(f"{len(value)} bytes, no more than a frame has")
        if value[0] != MAGIC:
            raise Undecodable(f"magic byte {value[0]}, not {MAGIC}")
        if (record.topic, int.from_bytes(value[1:PREFIX])) not in self._writers:
            raise UnknownSchema(f"schema id {int.from_bytes(value[1:PREFIX])} is not of {record.topic}")
        digest = header(record.headers, DIGEST)
        if digest is None:
            if not topic.open:
                raise Undecodable(f"no {DIGEST} header")
        elif digest != seal(record.key or b"", value, record.headers):
            raise Undecodable(f"{DIGEST} does not match")

    def decode(self, record: Record) -> Event:
        """Returns the event of this record, read with the writer's schema as ours.

        Raises Undecodable with the reason: frame, size, digest, schema, body, bytes left over, or headers that name
        another event or tenant than the body does.
        """
        self.check(record)
        assert record.value is not None
        number = int.from_bytes(record.value[1:PREFIX])
        writer = self._writers[record.topic, number]
        own = self._own[record.topic]
        stream = BytesIO(record.value)
        stream.seek(PREFIX)
        try:
            if writer is None:
                data = fastavro.schemaless_reader(stream, own, None)
            else:
                data = fastavro.schemaless_reader(stream, writer, own)
        except Exception as error:  # fastavro raises whatever the bytes provoke: EOFError, IndexError, OverflowError...
            raise Undecodable(f"body is not {record.topic}: {type(error).__name__} {error}".strip()) from error
        if stream.tell() != len(record.value):
            raise Undecodable(f"{len(record.value) - stream.tell()} bytes left over after the body")
        try:
            event: Event = msgspec.convert(data, TOPICS[record.topic].event)
        except msgspec.ValidationError as error:
            raise Undecodable(f"body is not {record.topic}: {error}") from error
        if (key := TOPICS[record.topic].key(event).encode()) != record.key:
            said = (record.key or b"").decode(errors="replace")
            raise Undecodable(f"the key says {said}, the body {key.decode()}")
        _same(record, "ce_id", event.event_id)
        _same(record, "ce_tenantid", event.tenant_id)
        return event


def _same(record: Record, name: str, value: str) -> None:
    said = header(record.headers, name)
    if said is not None and said != value.encode():
        raise Undecodable(f"{name} says {said.decode(errors='replace')}, the body {value}")


def ids(records: Sequence[Record]) -> set[int]:
    """Returns the schema ids that framed records name."""
    return {int.from_bytes(each.value[1:PREFIX]) for each in records if each.value and len(each.value) > PREFIX}
