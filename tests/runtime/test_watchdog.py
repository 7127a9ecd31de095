"""A process that does not get on is ended, and nobody else: who waits, who has nothing to do, who has no Kafka."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from faust.types import TP

from connectors import kafka
from connectors.kafka import committed, create, ends
from runtime import watchdog
from runtime.kafka_server import EmbeddedKafka
from runtime.watchdog import STUCK, Watchdog
from streams.app import Place, group
from streams.progress import Progress
from tests.harness import Frozen, until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 1.0
SOON_S = 30 * PATIENCE_S
"""Within this time a stage that is stuck is found, on a busy machine too."""
LONG_S = 2.5 * PATIENCE_S
"""Nothing found for so long is nothing to be found."""


class Assigned:
    """A consumer that has these partitions."""

    def __init__(self, places: set[TP]) -> None:
        self.places = places

    def assignment(self) -> set[TP]:
        return self.places


class StageByHand:
    """A stage as its watchdog sees it; the test commits for it."""

    def __init__(self, place: Place, topic: str, partitions: set[int], name: str = "slow") -> None:
        self.name = name
        self.topics = (topic,)
        self.place = place
        self.progress = Progress()
        self.app = self
        self.started = True
        self.consumer = Assigned({TP(topic, number) for number in partitions})

    def commit(self, partition: int, offset: int) -> None:
        """Commits the offset in the stage's group."""
        admin = AdminClient({"bootstrap.servers": self.place.bootstrap})
        name = group(self.place, self.name)
        places = [TopicPartition(self.topics[0], partition, offset)]
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, places)])[name].result()


class Dog:
    """A watchdog with an `end` that only notes why."""

    def __init__(self, *stages: StageByHand) -> None:
        self.whys: list[str] = []
        self._dog = Watchdog(stages, end=self.whys.append, patience_s=PATIENCE_S)

    async def __aenter__(self) -> "Dog":
        await self._dog.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._dog.__aexit__(*error)
        await asyncio.to_thread(self._dog._thread.join)

    async def barks(self) -> str:
        """Returns the first reason; fails when none comes."""
        async with asyncio.timeout(SOON_S):
            while not self.whys:
                await asyncio.sleep(0.02)
        return self.whys[0]

    async def is_quiet(self, meanwhile: Callable[[], Any] = lambda: None) -> bool:
        """Returns True when there is no reason for long; calls `meanwhile` all the time."""
        until = time.monotonic() + LONG_S
        while time.monotonic() < until:
            await asyncio.to_thread(meanwhile)
            await asyncio.sleep(0.1)
        return not self.whys


@pytest.fixture(autouse=True)
def quick_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the product, a loop that turns beats many times before patience ends: a late beat is no reason."""
    monkeypatch.setattr(watchdog, "BEAT_S", PATIENCE_S * watchdog.BEAT_S / watchdog.PATIENCE_S)


@pytest.fixture(autouse=True)
def coordinator(request: pytest.FixtureRequest) -> None:
    """Lets Kafka make what it keeps commits in, before anybody asks for some."""
    for name in {"servers", "own"} & set(request.fixturenames):
        committed(request.getfixturevalue(name).bootstrap, "test-warm")


@pytest.fixture
def topic(servers: Any) -> str:
    return filled(servers)


def filled(servers: Any) -> str:
    """Returns a topic of two partitions with ten records in each."""
    name = f"watched-{uuid4().hex[:8]}"
    create(servers.bootstrap, {name: NewTopic(name, 2, 1)})
    fill(servers, name, {})
    return name


def fill(servers: Any, topic: str, config: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": servers.bootstrap, **config})
    if config:
        producer.init_transactions()
        producer.begin_transaction()
    for number in range(20):
        producer.produce(topic, b"v", partition=number % 2)
    if config:
        producer.commit_transaction()
    producer.flush()


@pytest.fixture
def place(servers: Any, prefix: str, tmp_path: Path) -> Place:
    return Place(servers.bootstrap, tmp_path, prefix)


async def test_a_stage_that_is_behind_and_moves_nothing_is_named_and_ended(place: Place, topic: str) -> None:
    async with Dog(StageByHand(place, topic, {0, 1})) as dog:
        assert await dog.barks() == "slow does not get on, 2 partitions are behind"


async def test_of_several_stages_the_one_that_is_stuck_is_named(place: Place, topic: str) -> None:
    done = StageByHand(place, topic, {0, 1}, "done")
    done.commit(0, 10)
    done.commit(1, 10)
    async with Dog(done, StageByHand(place, topic, {1})) as dog:
        assert await dog.barks() == "slow does not get on, 1 partitions are behind"


async def test_a_stage_that_stops_half_way_is_ended(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0, 1})
    one.commit(0, 10)
    one.commit(1, 4)
    async with Dog(one) as dog:
        assert await dog.barks() == "slow does not get on, 1 partitions are behind"


async def test_no_stage_is_ended_before_its_time(place: Place, topic: str) -> None:
    began = time.monotonic()
    async with Dog(StageByHand(place, topic, {0, 1})) as dog:
        await dog.barks()
    assert time.monotonic() - began > PATIENCE_S


async def test_a_stage_that_finishes_something_is_left_alone(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0, 1})
    async with Dog(one) as dog:
        assert await dog.is_quiet(one.progress.finish)


async def test_a_stage_whose_commits_move_is_left_alone(place: Place, topic: str) -> None:
    one, offset = StageByHand(place, topic, {0, 1}), 0

    def go_on() -> None:
        nonlocal offset
        offset = min(9, offset + 1)
        one.commit(0, offset)
        time.sleep(0.3)

    async with Dog(one) as dog:
        assert await dog.is_quiet(go_on)


async def test_a_stage_that_waits_for_somebody_is_left_alone(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0, 1})
    with one.progress.wait():
        async with Dog(one) as dog:
            assert await dog.is_quiet()


async def test_the_time_of_a_stage_begins_when_its_waiting_ends(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0, 1})
    async with Dog(one) as dog:
        with one.progress.wait():
            assert await dog.is_quiet()
        began = time.monotonic()
        await dog.barks()
    assert time.monotonic() - began > PATIENCE_S / 2


async def test_a_stage_with_nothing_left_to_do_is_left_alone(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0, 1})
    one.commit(0, 10)
    one.commit(1, 10)
    async with Dog(one) as dog:
        assert await dog.is_quiet()


async def test_a_stage_is_not_blamed_for_the_partitions_of_others(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0})
    one.commit(0, 10)
    async with Dog(one) as dog:
        assert await dog.is_quiet()


async def test_a_stage_that_is_stuck_is_not_excused_by_what_others_commit(place: Place, topic: str) -> None:
    one, offset = StageByHand(place, topic, {0}), 0
    until = time.monotonic() + SOON_S
    async with Dog(one) as dog:
        while not dog.whys and time.monotonic() < until:
            offset += 1
            await asyncio.to_thread(one.commit, 1, offset)
        assert dog.whys[:1] == ["slow does not get on, 1 partitions are behind"]


async def test_a_stage_without_partitions_is_ended_when_nobody_of_its_group_gets_on(place: Place, topic: str) -> None:
    async with Dog(StageByHand(place, topic, set())) as dog:
        assert await dog.barks() == "slow does not get on, 2 partitions are behind"


async def test_a_stage_without_partitions_is_left_alone_while_others_get_on(place: Place, topic: str) -> None:
    one, offset = StageByHand(place, topic, set()), 0

    def go_on() -> None:
        nonlocal offset
        offset = (offset + 1) % 10
        one.commit(1, offset)
        time.sleep(0.3)

    async with Dog(one) as dog:
        assert await dog.is_quiet(go_on)


async def test_the_mark_that_ends_a_transaction_is_nothing_left_to_do(servers: Any, place: Place, topic: str) -> None:
    fill(servers, topic, {"transactional.id": f"test-{topic}"})
    until(lambda: set(ends(servers.bootstrap, [topic]).values()) == {21}, 20)  # the mark comes a moment later
    one = StageByHand(place, topic, {0, 1})
    for number in range(2):
        one.commit(number, 20)  # after the last record; Kafka's own mark is never handed out
    async with Dog(one) as dog:
        assert await dog.is_quiet()


async def test_records_that_were_deleted_are_nothing_left_to_do(servers: Any, place: Place, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers.bootstrap})
    for future in admin.delete_records([TopicPartition(topic, number, 10) for number in range(2)]).values():
        future.result()
    async with Dog(StageByHand(place, topic, {0, 1})) as dog:
        assert await dog.is_quiet()


async def test_a_stage_that_has_not_started_is_judged_by_its_group(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0})
    one.started = False
    one.commit(0, 10)
    one.commit(1, 10)
    async with Dog(one) as dog:
        assert await dog.is_quiet()


async def test_an_event_loop_that_does_not_turn_ends_the_process(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0})
    one.commit(0, 10)
    async with Dog(one) as dog:
        await asyncio.sleep(0.3)
        time.sleep(3 * PATIENCE_S)  # noqa: ASYNC251  this is the point
        assert "the event loop does not turn" in dog.whys


async def test_an_event_loop_that_turns_slowly_is_left_alone(place: Place, topic: str) -> None:
    one = StageByHand(place, topic, {0})
    one.commit(0, 10)
    async with Dog(one) as dog:
        for _ in range(6):
            time.sleep(PATIENCE_S / 3)  # noqa: ASYNC251  this is the point
            await asyncio.sleep(0.01)
        assert dog.whys == []


async def test_while_kafka_does_not_answer_nobody_is_blamed(
    own: EmbeddedKafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "REQUEST_TIMEOUT_S", 0.5)
    async with Dog(StageByHand(Place(own.bootstrap, tmp_path, prefix), filled(own), {0, 1})) as dog:
        await asyncio.sleep(PATIENCE_S / 2)
        with Frozen(own):
            assert await dog.is_quiet()
        assert await dog.barks() == "slow does not get on, 2 partitions are behind"


async def test_a_watchdog_that_is_left_ends_nobody(place: Place, topic: str) -> None:
    async with Dog(StageByHand(place, topic, {0, 1})) as dog:
        await asyncio.sleep(PATIENCE_S / 2)
    await asyncio.sleep(LONG_S)
    assert dog.whys == []


def test_a_look_at_a_kafka_that_has_just_begun_ends_nobody(tmp_path: Path) -> None:
    fresh = EmbeddedKafka(tmp_path)
    fresh.start(lambda _: None)
    code = "import sys; from connectors.kafka import committed; print(committed(sys.argv[1], 'nobody'))"
    try:
        asked = subprocess.run(
            [sys.executable, "-c", code, fresh.bootstrap],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        fresh.stop()

    assert (asked.returncode, asked.stdout) == (0, "{}\n")


def test_a_process_whose_loop_stands_still_ends_with_its_status() -> None:
    code = (
        "import asyncio, time\n"
        "from runtime.watchdog import Watchdog\n"
        "async def main():\n"
        "    async with Watchdog([], patience_s=0.5):\n"
        "        await asyncio.sleep(0.1)\n"
        "        time.sleep(30)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)

    assert ended.returncode == STUCK
    assert b"stuck" in ended.stderr
