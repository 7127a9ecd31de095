"""What we write is what every Confluent client reads: our topics, with confluent-kafka's own deserializer."""

import json
from datetime import datetime
from random import Random
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from connectors.registry import Registry
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.events import Event
from schemas.record import Record
from tests.event_strategies import event
from tests.harness import feed, records

EVERY = sorted(TOPICS)


def test_every_topic_is_read_by_confluents_own_deserializer(log: Any, registered: Codec) -> None:
    said = {topic: [event(topic, Random(f"{topic} {number}")) for number in range(5)] for topic in EVERY}
    feed(log, [registered.encode(each, "test") for events in said.values() for each in events])
    found: dict[str, list[Any]] = {topic: [] for topic in EVERY}
    with SchemaRegistryClient({"url": log.registry}) as client:
        read = AvroDeserializer(client)
        for record in records(log):
            found[record.topic].append(read(record.value, SerializationContext(record.topic, MessageField.VALUE)))

    for topic in EVERY:
        assert _sorted(found[topic]) == _sorted([_plain(each) for each in said[topic]]), topic


def test_every_record_has_its_headers_on_the_topic(log: Any, registered: Codec) -> None:
    said = {topic: event(topic, Random(topic)) for topic in EVERY}
    feed(log, [registered.encode(each, "test") for each in said.values()])

    for record in records(log):
        wanted = registered.encode(said[record.topic], "test")
        assert list(record.headers) == list(wanted.headers), record.topic


def test_what_we_wrote_is_read_back_by_our_codec(log: Any, registered: Codec) -> None:
    said = {topic: event(topic, Random(topic)) for topic in EVERY}
    feed(log, [registered.encode(each, "test") for each in said.values()])

    assert {record.topic: registered.decode(record) for record in records(log)} == said


def test_the_registry_holds_every_schema_under_its_topics_subject(servers: Any, registered: Codec) -> None:
    with SchemaRegistryClient({"url": servers.registry}) as client:
        for topic in TOPICS.values():
            held = client.get_latest_version(topic.subject)
            assert json.loads(held.schema.schema_str or "") == topic.schema
            assert held.schema_id in registered.numbers(topic.name)


def test_registering_twice_gives_the_same_ids(servers: Any, registered: Codec) -> None:
    registry = Registry(servers.registry)

    again = registry.codec()

    registry.close()
    for topic in EVERY:
        said = event(topic, Random(topic))
        assert again.body(said) == registered.body(said)


def test_a_client_that_registers_our_schema_itself_gets_the_same_id(servers: Any, registered: Codec) -> None:
    topic = TOPICS["business-events"]

    with SchemaRegistryClient({"url": servers.registry}) as client:
        number = client.register_schema(topic.subject, Schema(json.dumps(topic.schema), "AVRO"))

    assert number in registered.numbers(topic.name)


def test_the_registry_refuses_what_is_not_backward_compatible(servers: Any, registered: Codec) -> None:
    topic = TOPICS["business-events"]
    broken = {**topic.schema, "fields": [*topic.schema["fields"], {"name": "more", "type": "string"}]}

    with (
        SchemaRegistryClient({"url": servers.registry}) as client,
        pytest.raises(SchemaRegistryError, match="ncompatib"),
    ):
        client.register_schema(topic.subject, Schema(json.dumps(broken), "AVRO"))


def _plain(each: Event) -> Any:
    return msgspec.to_builtins(each, builtin_types=(datetime, bytes))


def _sorted(events: list[Any]) -> list[Any]:
    return sorted(events, key=lambda each: str(each["event_id"]))


def test_a_record_lies_where_it_was_appended(log: Any, registered: Codec) -> None:
    feed(log, [registered.encode(event("requests", Random(1)), "test")])

    [record] = records(log, "requests")

    assert isinstance(record, Record)
    assert record.place == f"requests/{record.partition}/0"
