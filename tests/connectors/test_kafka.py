"""Kafka itself: what is acknowledged, in which order, where it lies, and what is read back."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from connectors.kafka import (
    Ends,
    KafkaUnavailable,
    TopicMismatch,
    begins,
    committed,
    create,
    ends,
    ensure_changelogs,
    ensure_topics,
    ready,
)
from connectors.publisher import KafkaPublisher
from connectors.reader import read_all
from runtime.kafka_server import EmbeddedKafka
from schemas.catalogue import DEAD_LETTER_BYTES_MAX, PARTITIONS, TOPICS
from schemas.errors import Unavailable
from schemas.record import Outgoing, Record
from tests.harness import Frozen, delete_before, new_topic

NOBODY = "127.0.0.1:1"
MURMUR2 = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Vectors of Java's org.apache.kafka.common.utils.UtilsTest."""


@pytest.fixture
def topic(servers: Any) -> str:
    """A topic of eight partitions that no other test has."""
    return new_topic(servers.bootstrap, PARTITIONS)


@pytest.fixture
async def publisher(servers: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(servers.bootstrap, "test") as found:
        yield found


async def test_the_records_of_a_key_keep_their_order(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    random = Random(1)
    sent: dict[bytes, list[bytes]] = defaultdict(list)
    records = []
    for number in range(3000):
        key = f"key-{random.randrange(40)}".encode()
        sent[key].append(str(number).encode())
        records.append(Outgoing(topic, key, str(number).encode(), []))
    for at in range(0, len(records), 500):
        await publisher.publish(records[at : at + 500])

    found: dict[bytes, list[bytes]] = defaultdict(list)
    for record in _read(servers, topic):
        found[record.key or b""].append(record.value or b"")
    assert found == sent


async def test_a_key_lies_where_java_clients_put_it(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    await publisher.publish([Outgoing(topic, key, b"x", []) for key in MURMUR2])

    lies = {record.key: record.partition for record in _read(servers, topic)}
    assert lies == {key: (value & 0x7FFFFFFF) % PARTITIONS for key, value in MURMUR2.items()}


async def test_headers_key_and_value_are_kept_byte_for_byte(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    sent = Outgoing(topic, b"\x00k\xff", b"\x00v\xff", [("a", b"\x00"), ("a", b"2"), ("b", None)])

    await publisher.publish([sent])

    [record] = _read(servers, topic)
    assert (record.key, record.value, list(record.headers)) == (sent.key, sent.value, list(sent.headers))


async def test_publishing_nothing_returns(publisher: KafkaPublisher) -> None:
    await publisher.publish([])


async def test_a_topic_that_is_not_there_is_unavailable_and_named(servers: Any, publisher: KafkaPublisher) -> None:
    with pytest.raises(KafkaUnavailable, match=r"^nowhere on Kafka at "):
        await publisher.publish([Outgoing("nowhere", b"k", b"v", [])])


async def test_a_record_larger_than_any_topic_takes_is_unavailable_and_names_its_topic(
    topic: str, publisher: KafkaPublisher
) -> None:
    with pytest.raises(KafkaUnavailable, match=rf"^{topic} on Kafka at .*Size"):
        await publisher.publish([Outgoing(topic, b"k", bytes(DEAD_LETTER_BYTES_MAX + 1), [])])


async def test_a_record_larger_than_its_topic_takes_is_unavailable_and_names_its_topic(
    servers: Any, publisher: KafkaPublisher
) -> None:
    small = new_topic(servers.bootstrap, 1, {"max.message.bytes": "1000"})

    with pytest.raises(KafkaUnavailable, match=rf"^{small} on Kafka at .*Size"):
        await publisher.publish([Outgoing(small, b"k", Random(1).randbytes(2000), [])])


async def test_a_publisher_goes_on_after_an_error(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    with pytest.raises(Unavailable):
        await publisher.publish([Outgoing(topic, b"k", bytes(DEAD_LETTER_BYTES_MAX + 1), [])])
    await publisher.publish([Outgoing(topic, b"k", b"v", [])])

    assert [record.value for record in _read(servers, topic)] == [b"v"]


async def test_the_largest_dead_letter_is_taken(log: Any, publisher: KafkaPublisher) -> None:
    value = bytes(DEAD_LETTER_BYTES_MAX - 2000)

    await publisher.publish([Outgoing("dead-letters", b"k", value, [])])

    [record] = _read(log, "dead-letters")
    assert record.value == value


async def test_pairs_are_appended_to_the_partition_they_belong_to(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    assert await publisher.append(topic, 5, [(b"a", b"1"), (b"b", None)]) == [range(2)]
    assert await publisher.append(topic, 5, [(b"c", b"3")]) == [range(2, 3)]

    found = [(record.partition, record.key, record.value) for record in _read(servers, topic)]
    assert found == [(5, b"a", b"1"), (5, b"b", None), (5, b"c", b"3")]


async def test_what_is_published_at_once_is_acknowledged_for_each(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    await asyncio.gather(*(publisher.publish([Outgoing(topic, b"k", b"v", [])] * 50) for _ in range(20)))

    assert len(_read(servers, topic)) == 1000


async def test_a_record_has_the_time_of_its_append(log: Any, publisher: KafkaPublisher) -> None:
    before = time.time() * 1000 - 1000
    await publisher.publish([Outgoing("requests", b"k", b"v", [])])

    [record] = _read(log, "requests")
    assert before < record.timestamp_ms < time.time() * 1000 + 1000


def test_a_broker_that_answers_is_ready(servers: Any) -> None:
    ready(servers.bootstrap)


def test_a_broker_that_does_not_answer_is_named() -> None:
    with pytest.raises(KafkaUnavailable, match=rf"Kafka at {NOBODY} does not answer"):
        ready(NOBODY, timeout_s=0.2)


def test_topics_are_created_as_the_catalogue_says(log: Any) -> None:
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    there = admin.list_topics(timeout=5).topics
    for topic in TOPICS.values():
        [future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic.name)]).values()
        config = {name: entry.value for name, entry in future.result().items()}
        assert len(there[topic.name].partitions) == topic.partitions
        assert config["message.timestamp.type"] == "LogAppendTime"
        assert config["cleanup.policy"] == "delete"
        assert config["retention.ms"] == str(topic.retention_ms)
        assert config["max.message.bytes"] == str(topic.bytes_max)


def test_creating_what_is_there_changes_nothing(log: Any) -> None:
    ensure_topics(log.bootstrap, TOPICS.values())


def test_a_topic_with_another_number_of_partitions_is_refused(servers: Any, topic: str) -> None:
    with pytest.raises(TopicMismatch, match=rf"topic {topic} has 8 partitions, not 3"):
        create(servers.bootstrap, {topic: NewTopic(topic, 3, 1)})


def test_changelogs_are_compacted(servers: Any) -> None:
    name = f"changelog-{uuid4().hex[:8]}"

    ensure_changelogs(servers.bootstrap, {name: 2})

    admin = AdminClient({"bootstrap.servers": servers.bootstrap})
    [future] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    assert future.result()["cleanup.policy"].value == "compact"


async def test_ends_are_the_next_offsets(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    await publisher.append(topic, 3, [(b"k", b"v")] * 4)

    assert ends(servers.bootstrap, [topic]) == {(topic, number): 4 if number == 3 else 0 for number in range(8)}


async def test_begins_are_the_first_offsets_that_are_still_there(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    await publisher.append(topic, 3, [(b"k", b"v")] * 4)
    delete_before(servers.bootstrap, topic, 3, 2)

    assert begins(servers.bootstrap, [topic])[topic, 3] == 2


def test_ends_are_told_on_after_the_broker_came_back_under_a_new_epoch(own: EmbeddedKafka) -> None:
    topic, asked = new_topic(own.bootstrap, 1), Ends(own.bootstrap)
    assert asked.of(topic, 1) == {0: 0}
    with Frozen(own):
        time.sleep(2.0)
    for _ in range(20):  # the controller finds only now that the broker was away
        assert asked.of(topic, 1) == {0: 0}
        time.sleep(0.1)
    assert asked.all([topic]) == {(topic, 0): 0}


def test_ends_that_nobody_tells_are_not_taken_for_ends(own: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = new_topic(own.bootstrap, 1)
    asked = Ends(own.bootstrap)
    assert asked.of(topic, 1) == {0: 0}
    monkeypatch.setattr("connectors.kafka.REQUEST_TIMEOUT_S", 1.0)
    with Frozen(own), pytest.raises(KafkaUnavailable):
        asked.of(topic, 1)


def test_a_topic_that_is_not_there_has_no_ends(servers: Any) -> None:
    assert ends(servers.bootstrap, ["nowhere"]) == {}


def test_a_group_that_nobody_used_has_committed_nothing(servers: Any) -> None:
    assert committed(servers.bootstrap, f"nobody-{uuid4().hex}") == {}


def test_what_a_group_has_committed_is_the_next_offset_it_reads(servers: Any, topic: str) -> None:
    group = f"group-{uuid4().hex[:8]}"
    consumer = Consumer({"bootstrap.servers": servers.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 2, 7)], asynchronous=False)
    consumer.close()

    assert committed(servers.bootstrap, group) == {(topic, 2): 7}


def _read(servers: Any, topic: str) -> list[Record]:
    return [record for batch in read_all(servers.bootstrap, [topic]) for record in batch]
