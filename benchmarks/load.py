"""Puts the data on Kafka, as our own codec writes it, and beside Kafka as Avro containers."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import fastavro
import msgspec
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from benchmarks.rules import definition
from benchmarks.sample import BEGINNING, agent_step, business_event
from connectors.kafka import create
from schemas.catalogue import PARTITIONS, TOPICS
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import Event
from streams.rest import RECORDS_MAX

SOURCE = "auterity/benchmark"
BATCH = 10_000
PLACE = (
    {"name": "_partition", "type": "int"},
    {"name": "_offset", "type": "long"},
    {"name": "_recorded_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
)


def part(topic: str, events: int) -> str:
    """Returns the name of the topic that holds the first `events` events only, for peers that get no more."""
    return f"{topic}-first-{events}"


def load(bootstrap: str, codec: Codec, topic: str, events: int, parts: Sequence[int]) -> None:
    """Writes so many events to the topic, and the first ones of them to a topic of their own for each of `parts`."""
    create(bootstrap, {part(topic, each): NewTopic(part(topic, each), PARTITIONS, 1) for each in parts})
    made = maker(topic)
    settings = {"enable.idempotence": True, "partitioner": "murmur2", "linger.ms": 20, "batch.size": 1_000_000}
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    errors: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            errors.append(error)

    for number in range(events):
        record = codec.encode(made(number), SOURCE)
        headers: Any = list(record.headers)
        for name in (topic, *(part(topic, each) for each in parts if number < each)):
            producer.produce(name, record.value, record.key, headers=headers, on_delivery=delivered)
        if number % BATCH == 0:
            producer.flush()
    producer.flush()
    if errors:
        raise Unavailable(f"{topic} could not be loaded: {errors[0].str()}")


def containers(folder: Path, events: int) -> None:
    """Writes the business events as Avro containers, with columns for a record's place.

    Each has as many rows as our sink writes in one go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    schema = TOPICS["business-events"].schema
    parsed = fastavro.parse_schema({**schema, "fields": [*schema["fields"], *PLACE]})
    for begin in range(0, events, RECORDS_MAX):
        rows = [_row(number) for number in range(begin, min(begin + RECORDS_MAX, events))]
        with (folder / f"{begin:09}.avro").open("wb") as file:
            fastavro.writer(file, parsed, rows, sync_interval=1 << 30)


def maker(topic: str) -> Callable[[int], Event]:
    """Returns what makes the event of a number for this topic."""
    if topic == "business-events":
        return business_event
    pinned = definition().digest
    return lambda number: agent_step(number, pinned)


def _row(number: int) -> dict[str, Any]:
    place = {"_partition": number % PARTITIONS, "_offset": number // PARTITIONS, "_recorded_at": BEGINNING}
    event: dict[str, Any] = msgspec.to_builtins(business_event(number), builtin_types=(datetime,))
    return event | place
