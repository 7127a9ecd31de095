"""What a publisher promises, on Kafka and on the double; and what Kafka does to it."""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest

from connectors import publisher as module
from connectors.kafka import KafkaUnavailable
from connectors.publisher import BATCH_BYTES, KafkaPublisher
from connectors.reader import KafkaLog, read_all
from domain.ports import LogReader, Publisher
from runtime.kafka_server import EmbeddedKafka
from schemas.record import Outgoing, Record
from tests.harness import Frozen, new_topic
from tests.streams.doubles import MemoryLog

WHOLE_S = 20.0


@pytest.fixture
def topic(servers: Any) -> str:
    """A topic of four partitions that no other test has."""
    return new_topic(servers.bootstrap, 4)


@pytest.fixture
async def publisher(servers: Any) -> AsyncIterator[KafkaPublisher]:
    async with KafkaPublisher(servers.bootstrap, "test") as found:
        yield found


@pytest.fixture(params=["kafka", "double"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Publisher, LogReader, str]]:
    """A publisher, a reader of the same log, and a topic of theirs."""
    if request.param == "double":
        log = MemoryLog(batch_records=100)
        yield log, log, "topic"
        return
    servers = request.getfixturevalue("servers")
    async with KafkaPublisher(servers.bootstrap, "test") as found:
        yield found, KafkaLog(servers.bootstrap), new_topic(servers.bootstrap, 4)


def lying(servers: Any, topic: str) -> list[Record]:
    return [record for batch in read_all(servers.bootstrap, [topic]) for record in batch]


def read(reader: LogReader, topic: str, partition: int, begin: int, end: int) -> list[Record]:
    return [record for batch in reader.read(topic, partition, begin, end) for record in batch]


async def test_append_returns_the_offsets_it_got_one_after_the_other(
    port: tuple[Publisher, LogReader, str],
) -> None:
    publisher, _, topic = port
    places = [await publisher.append(topic, 0, [(b"k", b"v")] * count) for count in (1, 5, 250)]

    offsets = [offset for ranges in places for place in ranges for offset in place]
    assert offsets == list(range(256))


async def test_appending_nothing_gives_no_place(port: tuple[Publisher, LogReader, str]) -> None:
    publisher, reader, topic = port

    assert list(await publisher.append(topic, 0, [])) == []
    assert (await asyncio.to_thread(reader.ends, topic)).get(0, 0) == 0


async def test_what_is_appended_is_read_back_in_order_and_as_it_was(port: tuple[Publisher, LogReader, str]) -> None:
    publisher, reader, topic = port
    pairs = [(b"", b"claim"), (b"k", None), (b"k", b""), (b"\x00\xff", b"\xff" * 100), (b"k", b"2")]
    await publisher.append(topic, 2, pairs)

    found = await asyncio.to_thread(read, reader, topic, 2, 0, 5)

    assert [(record.partition, record.offset) for record in found] == [(2, offset) for offset in range(5)]
    assert [(record.key or b"", record.value or b"") for record in found] == [
        (key, value or b"") for key, value in pairs
    ]


async def test_a_part_of_the_log_is_read_by_its_offsets(port: tuple[Publisher, LogReader, str]) -> None:
    publisher, reader, topic = port
    await publisher.append(topic, 1, [(b"k", str(number).encode()) for number in range(50)])

    found = await asyncio.to_thread(read, reader, topic, 1, 10, 20)

    assert [record.value for record in found] == [str(number).encode() for number in range(10, 20)]


async def test_the_end_is_where_the_next_one_goes(port: tuple[Publisher, LogReader, str]) -> None:
    publisher, reader, topic = port
    await publisher.append(topic, 3, [(b"k", b"v")] * 7)

    assert (await asyncio.to_thread(reader.ends, topic))[3] == 7
    assert [list(place) for place in await publisher.append(topic, 3, [(b"k", b"v")])] == [[7]]


async def test_two_who_append_to_one_partition_see_each_other_in_the_offsets(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    async with KafkaPublisher(servers.bootstrap, "other") as other:
        first = await publisher.append(topic, 0, [(b"k", b"1")])
        between = await other.append(topic, 0, [(b"k", b"2")])
        last = await publisher.append(topic, 0, [(b"k", b"3")])

    assert (first, between, last) == ([range(1)], [range(1, 2)], [range(2, 3)])


async def test_an_append_of_several_batches_gets_offsets_without_a_hole(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    chance = Random(1)
    pairs = [(f"key-{number}".encode(), chance.randbytes(40_000)) for number in range(100)]

    places = await publisher.append(topic, 0, pairs)

    assert len(places) > 100 * 40_000 // BATCH_BYTES
    assert [offset for place in places for offset in place] == list(range(100))
    assert [(record.key, record.value) for record in lying(servers, topic)] == pairs


async def test_the_records_of_a_key_keep_their_order_over_many_batches(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    chance = Random(2)
    sent: dict[bytes, list[bytes]] = defaultdict(list)
    records = []
    for number in range(400):
        key, value = f"key-{chance.randrange(7)}".encode(), number.to_bytes(4) + bytes(chance.randrange(60_000))
        sent[key].append(value)
        records.append(Outgoing(topic, key, value, []))
    assert sum(len(record.value) for record in records) > 8 * BATCH_BYTES

    await publisher.publish(records)

    found: dict[bytes, list[bytes]] = defaultdict(list)
    for record in lying(servers, topic):
        found[record.key or b""].append(record.value or b"")
    assert found == sent


@pytest.mark.parametrize("size", [BATCH_BYTES - 100, BATCH_BYTES, BATCH_BYTES + 1, 5 * BATCH_BYTES])
async def test_a_record_as_large_as_a_batch_or_larger_lies_between_its_neighbours(
    servers: Any, topic: str, publisher: KafkaPublisher, size: int
) -> None:
    values = [b"before", bytes(size), b"after"]
    await publisher.publish([Outgoing(topic, b"k", value, []) for value in values])

    assert [record.value for record in lying(servers, topic)] == values


async def test_fifty_calls_at_the_same_time_all_arrive_each_in_its_order(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    async def say(number: int) -> None:
        await publisher.publish(
            [Outgoing(topic, f"key-{number}".encode(), str(turn).encode(), []) for turn in range(40)]
        )

    await asyncio.gather(*(say(number) for number in range(50)))

    found: dict[bytes, list[int]] = defaultdict(list)
    for record in lying(servers, topic):
        found[record.key or b""].append(int(record.value or b""))
    assert found == {f"key-{number}".encode(): list(range(40)) for number in range(50)}


async def test_fifty_appends_at_the_same_time_share_no_offset(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    async def say(number: int) -> list[int]:
        places = await publisher.append(topic, 0, [(str(number).encode(), str(turn).encode()) for turn in range(20)])
        return [offset for place in places for offset in place]

    given = await asyncio.gather(*(say(number) for number in range(50)))

    lies = {record.offset: (record.key, record.value) for record in lying(servers, topic)}
    assert sorted(offset for offsets in given for offset in offsets) == list(range(1000))
    for number, offsets in enumerate(given):
        told = [(str(number).encode(), str(turn).encode()) for turn in range(20)]
        assert [lies[offset] for offset in offsets] == told


async def test_a_refused_record_names_its_topic_and_what_comes_next_is_written_without_a_hole(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    small = new_topic(servers.bootstrap, 1, {"max.message.bytes": "1000"})
    before = await publisher.append(topic, 0, [(b"k", b"1")] * 3)

    with pytest.raises(KafkaUnavailable, match=rf"^{small} on Kafka at .*Size"):
        await publisher.publish([Outgoing(small, b"k", Random(1).randbytes(2000), [])])

    after = await publisher.append(topic, 0, [(b"k", b"2")] * 3)
    assert (before, after) == ([range(3)], [range(3, 6)])
    assert await publisher.append(small, 0, [(b"k", b"v")]) == [range(1)]


async def test_of_several_topics_the_one_that_refused_is_named(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    small = new_topic(servers.bootstrap, 1, {"max.message.bytes": "1000"})
    good = [Outgoing(topic, str(number).encode(), b"v", []) for number in range(8)]

    with pytest.raises(KafkaUnavailable, match=rf"^{small} on Kafka at"):
        await publisher.publish([*good, Outgoing(small, b"k", Random(1).randbytes(2000), []), *good])


async def test_calls_beside_a_refused_one_end_soon(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    small = new_topic(servers.bootstrap, 1, {"max.message.bytes": "1000"})
    await publisher.publish([Outgoing(topic, b"k", b"first", [])])
    began = time.monotonic()
    bad = [publisher.publish([Outgoing(small, b"k", Random(each).randbytes(2000), [])]) for each in range(3)]
    chance = Random(3)
    good = [publisher.append(topic, 0, [(b"k", chance.randbytes(900_000))] * 3) for _ in range(20)]

    ends = await asyncio.gather(*bad, *good, return_exceptions=True)

    assert time.monotonic() - began < WHOLE_S
    assert all(isinstance(end, KafkaUnavailable) for end in ends[:3])
    assert all(isinstance(end, KafkaUnavailable | list) for end in ends[3:])
    lies = {record.offset for record in lying(servers, topic) if record.partition == 0}
    assert {offset for end in ends[3:] if isinstance(end, list) for place in end for offset in place} <= lies


async def test_a_call_that_failed_leaves_no_task_and_no_unheard_error(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    small = new_topic(servers.bootstrap, 4, {"max.message.bytes": "1000"})
    unheard: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    before = asyncio.all_tasks()
    chance = Random(4)

    with pytest.raises(KafkaUnavailable):
        await publisher.publish([Outgoing(small, str(each).encode(), chance.randbytes(2000), []) for each in range(40)])

    await soon(lambda: asyncio.all_tasks() <= before)
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_a_call_that_is_given_up_leaves_the_publisher_in_order(
    servers: Any, topic: str, publisher: KafkaPublisher
) -> None:
    await publisher.append(topic, 0, [(b"k", b"first")])
    chance = Random(5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await publisher.append(topic, 0, [(b"k", chance.randbytes(500_000)) for _ in range(12)])

    [place] = await publisher.append(topic, 0, [(b"k", b"last")])

    lies = {record.offset: record.value for record in lying(servers, topic)}
    assert lies[place.start] == b"last"
    assert sorted(lies) == list(range(place.stop))


async def test_a_publisher_that_was_closed_begins_again(servers: Any, topic: str, publisher: KafkaPublisher) -> None:
    await publisher.append(topic, 0, [(b"k", b"1")])
    await publisher.close()
    await publisher.close()

    assert await publisher.append(topic, 0, [(b"k", b"2")]) == [range(1, 2)]


async def test_a_kafka_that_is_not_there_is_unavailable_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with KafkaPublisher("127.0.0.1:1", "test") as nobody:
        with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1:1"):
            await nobody.publish([Outgoing("topic", b"k", b"v", [])])
    await soon(lambda: asyncio.all_tasks() <= before)


async def test_without_acknowledgement_in_time_a_call_is_unavailable_and_leaves_no_task(
    own: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELIVERY_TIMEOUT_S", 2.0)
    topic, before = new_topic(own.bootstrap, 1), asyncio.all_tasks()
    async with KafkaPublisher(own.bootstrap, "test") as publisher:
        await publisher.append(topic, 0, [(b"k", b"1")])
        began = time.monotonic()
        with Frozen(own), pytest.raises(KafkaUnavailable, match=rf"^{topic} on Kafka at .*within 2 s"):
            await publisher.append(topic, 0, [(b"k", b"2")])
        assert time.monotonic() - began < 2 + 1.5  # to leave the old one is not the call's time

        places = await _patiently(publisher, topic)
        assert [len(place) for place in places] == [1]
    await soon(lambda: asyncio.all_tasks() <= before)


async def test_many_calls_without_acknowledgement_all_end_in_time(
    own: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELIVERY_TIMEOUT_S", 2.0)
    topic, before = new_topic(own.bootstrap, 1), asyncio.all_tasks()
    async with KafkaPublisher(own.bootstrap, "test") as publisher:
        await publisher.append(topic, 0, [(b"k", b"1")])
        began = time.monotonic()
        with Frozen(own):
            calls = [publisher.append(topic, 0, [(b"k", bytes(700_000))] * 3) for _ in range(10)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, KafkaUnavailable) for end in ends), ends
        assert time.monotonic() - began < 10
        await _patiently(publisher, topic)
    await soon(lambda: asyncio.all_tasks() <= before)


async def test_a_kafka_that_answers_again_within_the_time_loses_and_repeats_nothing(
    own: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DELIVERY_TIMEOUT_S", 20.0)
    topic = new_topic(own.bootstrap, 1)
    async with KafkaPublisher(own.bootstrap, "test") as publisher:
        await publisher.append(topic, 0, [(b"k", b"1")])
        with Frozen(own):
            call = asyncio.create_task(publisher.append(topic, 0, [(b"k", b"2")]))
            await asyncio.sleep(2.0)
        assert await call == [range(1, 2)]

    assert [record.value for record in _all(own, topic)] == [b"1", b"2"]


async def test_who_waits_for_a_producer_to_start_waits_for_the_same_one(own: EmbeddedKafka) -> None:
    topic, before = new_topic(own.bootstrap, 1), asyncio.all_tasks()
    async with KafkaPublisher(own.bootstrap, "test", 2.0) as publisher:
        began = time.monotonic()
        with Frozen(own):
            calls = [publisher.append(topic, 0, [(b"k", b"1")]) for _ in range(20)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, KafkaUnavailable) for end in ends), ends
        assert time.monotonic() - began < 8
        await _patiently(publisher, topic)
    await soon(lambda: asyncio.all_tasks() <= before)


async def _patiently(publisher: KafkaPublisher, topic: str) -> Sequence[range]:
    """Appends once more to a Kafka that has just gone on."""
    for _ in range(5):
        try:
            return await publisher.append(topic, 0, [(b"k", b"3")])
        except KafkaUnavailable:
            await asyncio.sleep(0.5)
    raise AssertionError("it never went on")


def _all(kafka: EmbeddedKafka, topic: str) -> list[Record]:
    return [record for batch in read_all(kafka.bootstrap, [topic]) for record in batch]


async def soon(check: Any) -> None:
    async with asyncio.timeout(WHOLE_S):
        while not check():
            await asyncio.sleep(0.05)
