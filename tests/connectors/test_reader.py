"""Reading by place: exactly what is asked for, whatever was deleted, left out or is large, and while Kafka is away."""

import asyncio
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from connectors import reader as module
from connectors.kafka import KafkaUnavailable, ends, ensure_topics
from connectors.publisher import KafkaPublisher
from connectors.reader import TopicReader, read_all, whole
from runtime.follower import Follower
from runtime.kafka_server import EmbeddedKafka
from schemas.catalogue import PARTITIONS, TOPICS
from tests.harness import SETTLE_S, Frozen, delete_before, new_topic

SPOT = "127.0.0.1:1"


@pytest.fixture
def topic(servers: Any) -> str:
    """A topic of eight partitions that no other test has."""
    return new_topic(servers.bootstrap, PARTITIONS)


@pytest.fixture
async def publisher(servers: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(servers.bootstrap, "test") as found:
        yield found


async def test_a_reader_reads_exactly_the_spans_it_is_asked_for(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    for number in range(4):
        await publisher.append(topic, number, [(b"k", str(at).encode()) for at in range(10)])

    found = _spans(servers, {(topic, 0): (0, 10), (topic, 1): (3, 7), (topic, 2): (9, 10), (topic, 3): (5, 5)})

    assert found == {0: list(range(10)), 1: [3, 4, 5, 6], 2: [9]}


def test_a_reader_asked_for_nothing_gives_nothing(servers: Any, topic: str) -> None:
    assert _spans(servers, {(topic, 0): (0, 0)}) == {}


async def test_offsets_that_were_deleted_are_skipped(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    await publisher.append(topic, 0, [(b"k", b"v")] * 10)
    delete_before(servers.bootstrap, topic, 0, 6)

    assert _spans(servers, {(topic, 0): (0, 10)}) == {0: [6, 7, 8, 9]}


def test_offsets_that_hold_no_record_are_skipped_within_and_at_the_end(servers: Any, topic: str) -> None:
    producer = Producer({"bootstrap.servers": servers.bootstrap, "transactional.id": f"test-{uuid4().hex}"})
    producer.init_transactions(10)
    for _ in range(2):
        producer.begin_transaction()
        for _ in range(3):
            producer.produce(topic, b"v", partition=0)
        producer.commit_transaction(10)  # takes an offset itself

    assert ends(servers.bootstrap, [topic])[topic, 0] == 8
    assert _spans(servers, {(topic, 0): (0, 8)}) == {0: [0, 1, 2, 4, 5, 6]}


async def test_everything_on_the_topics_is_read(servers: Any, publisher: KafkaPublisher) -> None:
    one, other = new_topic(servers.bootstrap, 2), new_topic(servers.bootstrap, 2)
    for topic in (one, other):
        await publisher.append(topic, 1, [(b"k", b"v")] * 5)

    found = [record for batch in read_all(servers.bootstrap, [one, other]) for record in batch]

    assert sorted(record.place for record in found) == sorted(
        f"{topic}/1/{number}" for topic in (one, other) for number in range(5)
    )


async def test_a_reader_that_follows_gives_what_is_there_and_what_comes(
    servers: Any, publisher: KafkaPublisher
) -> None:
    topic = new_topic(servers.bootstrap, 1)
    await publisher.append(topic, 0, [(b"k", b"1")])
    reader = TopicReader(servers.bootstrap)
    batches = reader.follow(topic, 1, lambda: False)
    first, behind_first = next(batches)
    await publisher.append(topic, 0, [(b"k", b"2")])
    second, behind_second = next(batches)
    reader.close()

    assert [record.value for record in (*first, *second)] == [b"1", b"2"]
    assert [behind_first, behind_second] == [{0: 1}, {0: 2}]


async def test_a_reader_that_follows_passes_over_records_that_were_deleted_to_the_end(
    servers: Any, publisher: KafkaPublisher
) -> None:
    topic = new_topic(servers.bootstrap, 1)
    await publisher.append(topic, 0, [(b"k", b"1")] * 3)
    delete_before(servers.bootstrap, topic, 0, 3)
    reader = TopicReader(servers.bootstrap)
    batches = reader.follow(topic, 1, lambda: False)
    found = [next(batches) for _ in range(5)]
    reader.close()

    assert [records for records, _ in found] == [[]] * 5
    assert found[-1][1] == {0: 3}


async def test_a_reader_that_follows_several_topics_begins_where_it_is_told_and_anew_when_a_log_is_shorter(
    servers: Any, publisher: KafkaPublisher
) -> None:
    one, other = new_topic(servers.bootstrap, 1), new_topic(servers.bootstrap, 1)
    for topic in (one, other):
        await publisher.append(topic, 0, [(b"k", b"1"), (b"k", b"2"), (b"k", b"3")])
    reader = TopicReader(servers.bootstrap)
    batches = reader.follow_from({(one, 0): 1, (other, 0): 7}, lambda: False)
    found: list[tuple[str, int]] = []
    while len(found) < 5:
        records, at = next(batches)
        found += [(record.topic, record.offset) for record in records]
    reader.close()

    assert sorted(found) == sorted([(one, 1), (one, 2), (other, 0), (other, 1), (other, 2)])
    assert at == {(one, 0): 3, (other, 0): 3}


async def test_a_span_that_never_comes_is_unavailable_and_says_what_is_left(servers: Any, topic: str) -> None:
    reader = TopicReader(servers.bootstrap)

    with pytest.raises(KafkaUnavailable, match=rf"no records for 0 s, .*'{topic}', 0.*left"):
        list(reader.read({(topic, 0): (0, 5)}, stall_s=0.5))
    reader.close()


async def test_a_record_larger_than_a_fetch_comes_and_holds_up_no_other(
    servers: Any, publisher: KafkaPublisher
) -> None:
    topic = new_topic(servers.bootstrap, 4, {"max.message.bytes": str(8 * 1024 * 1024)})
    large = b"x" * (3 * 1024 * 1024)
    for number in range(4):
        for value in (b"before", large, b"after"):
            await publisher.append(topic, number, [(b"k", value)])

    found = defaultdict(list)
    for batch in read_all(servers.bootstrap, [topic]):
        for record in batch:
            found[record.partition].append(len(record.value or b""))

    assert found == {number: [6, len(large), 5] for number in range(4)}


async def test_batches_hold_the_span_and_may_reach_over_it(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    for _ in range(3):
        await publisher.append(topic, 0, [(b"k", b"v")] * 10)
    reader = TopicReader(servers.bootstrap)

    found = [batch for batches in reader.batches({(topic, 0): (12, 25)}) for batch in batches]
    reader.close()

    assert [(batch.offset, batch.last, batch.count) for batch in found] == [(10, 19, 10), (20, 29, 10)]


async def test_a_reader_may_be_left_in_the_middle_and_used_again(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    for number in range(PARTITIONS):
        await publisher.append(topic, number, [(b"k", bytes(100_000))] * 10)
    reader = TopicReader(servers.bootstrap)
    next(reader.read(whole(servers.bootstrap, [topic])))

    again = [record for batch in reader.read(whole(servers.bootstrap, [topic])) for record in batch]
    reader.close()

    assert len({record.place for record in again}) == len(again) == 10 * PARTITIONS


async def test_readers_that_are_closed_leave_no_thread(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    await publisher.append(topic, 0, [(b"k", b"v")])
    before = threading.active_count()
    for _ in range(5):
        assert len([record for batch in read_all(servers.bootstrap, [topic]) for record in batch]) == 1

    assert threading.active_count() == before


async def test_reading_goes_on_when_kafka_answers_again(own: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_MS", 1000)
    monkeypatch.setattr(module, "PARTITION_BYTES", 20_000)
    topic = new_topic(own.bootstrap, 2)
    async with KafkaPublisher(own.bootstrap, "test") as publisher:
        for number in range(40):
            await publisher.append(topic, number % 2, [(b"k", bytes(10_000))] * 5)
    reader = TopicReader(own.bootstrap)
    batches = reader.read(whole(own.bootstrap, [topic]))
    found = [record.place for record in next(batches)]
    pid = own.facts.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(3.0, os.kill, (pid, signal.SIGCONT)).start()

    found += [record.place for batch in batches for record in batch]
    reader.close()

    assert sorted(found) == sorted(f"{topic}/{number}/{offset}" for number in range(2) for offset in range(100))


def test_a_kafka_that_is_not_there_is_unavailable_and_named() -> None:
    reader = TopicReader(SPOT)
    began = time.monotonic()

    with pytest.raises(KafkaUnavailable, match=rf"Kafka at {SPOT}: no records for 1 s, .*left"):
        list(reader.read({("topic", 0): (0, 5)}, stall_s=0.6))
    reader.close()

    assert time.monotonic() - began < 20


def _spans(servers: Any, span: dict[tuple[str, int], tuple[int, int]]) -> dict[int, Sequence[int]]:
    reader = TopicReader(servers.bootstrap)
    found: dict[int, list[int]] = defaultdict(list)
    for batch in reader.read(span, stall_s=5):
        for record in batch:
            found[record.partition].append(record.offset)
    reader.close()
    return dict(found)


async def test_a_follower_knows_for_how_long_it_has_heard_nothing(own: EmbeddedKafka) -> None:
    ensure_topics(own.bootstrap, [TOPICS["sessions"]])
    follower = Follower(own.bootstrap, "sessions", lambda _: None)
    await follower.start()

    async def heard() -> None:
        while follower.age_s() > 1:
            await asyncio.sleep(0.05)

    await asyncio.wait_for(heard(), SETTLE_S)
    with Frozen(own):
        await asyncio.sleep(1.5)
        assert follower.age_s() > 1
    await asyncio.wait_for(heard(), SETTLE_S)
    await asyncio.to_thread(follower.stop)
