"""The stage's loop without a broker: what one event can cost the others, and the order in which it is made to last."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record._crc32c import crc

from connectors.kafka import committed
from connectors.publisher import KafkaPublisher
from connectors.reader import KafkaLog
from domain.definitions import Definitions, MissingVersion, UnknownDefinition
from domain.ids import derive
from schemas.catalogue import DEAD_LETTER_BYTES_MAX, ITEMS_MAX, TOPICS
from schemas.codec import Codec
from schemas.errors import Rejected, Unavailable
from schemas.events import BusinessEvent, DeadLetter, Event
from schemas.record import Outgoing, Record
from streams import lanes, stage
from streams.app import Place, group
from streams.changelog import CLAIM
from streams.journal import DEATHS_MAX
from streams.stage import Stage, Tools
from streams.table import POSITION
from tests.event_strategies import AT, NUMBERS, codec
from tests.streams.doubles import AppByHand, MemoryLog, Tally, settled

INPUT = "business-events"
CHANGELOG = "auterity.counter-changelog"
OWN = "auterity/counter"


ENDS: list[str] = []
"""How processes of the running test ended."""


class Ended(BaseException):
    """The process ended by itself."""


class Killed(BaseException):
    """The process was killed."""


class Counter:
    """business-events -> business-events. Says for each event how many of its key it has seen; obeys the type."""

    name = "counter"
    inputs: tuple[str, ...] = (INPUT,)
    state: type[Any] | None = Tally
    newest = False

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.away = False
        self.unknown: type[Exception] | None = None

    def decide(self, state: Any, event: Event, definitions: Definitions) -> Sequence[Event]:
        assert isinstance(event, BusinessEvent)
        self.seen.append(event.type)
        if event.type == "Bad":
            raise ZeroDivisionError("a bug in the decider")
        if event.type == "Refused":
            raise Rejected("it is refused")
        if event.type == "Deadly":
            ENDS.append("killed")
            raise Killed
        if event.type == "Large":
            return [_event("output", attributes={"text": "x" * (12 * 1024 * 1024)})]
        if self.away:
            raise Unavailable("away")
        if self.unknown:
            raise self.unknown("no such workflow")
        count = 1 if state is None else state.count + 1
        return [_event(f"{event.subject} {count}", subject=event.subject, type=f"Seen {count}")]

    def evolve(self, state: Any, event: Event) -> Any:
        assert isinstance(event, BusinessEvent)
        if event.type == "Silent" or event.type.startswith("Seen"):
            return state
        return Tally(1 if state is None else state.count + 1)


class Stateless(Counter):
    """business-events -> business-events. The same, and remembers nothing."""

    state = None


def _event(name: str, **fields: Any) -> BusinessEvent:
    said: dict[str, Any] = {"source": "test", "subject": "case-1", "type": "Opened", "attributes": {}}
    event_id = derive("stage test", name)
    return BusinessEvent(event_id=event_id, tenant_id="acme", correlation_id=event_id, occurred_at=AT, **said | fields)


def recorded(offset: int, partition: int = 0, source: str = "test", **fields: Any) -> Record:
    """Returns the record of an event with these fields; its name is the offset."""
    outgoing = codec().encode(_event(str(offset), **fields), source)
    return Record(INPUT, partition, offset, 0, outgoing.key, outgoing.value, outgoing.headers)


def kinds(*types: str) -> list[Record]:
    """Returns records of one partition with these types, each of a subject of its own."""
    return [recorded(offset, type=each, subject=f"case-{offset}") for offset, each in enumerate(types)]


class Rig:
    """One machine on which the stage's processes run, one after the other, over one log."""

    def __init__(self, folder: Path, decider: Counter | None = None) -> None:
        self.decider = decider or Counter()
        self.log = MemoryLog()
        self.codec = codec()
        self.asked: list[str] = []
        """What was asked of the registry and of the follower of definitions."""
        self.refresh: Callable[[str], None] = lambda topic: None
        self.caught_up: Callable[[], None] = lambda: None
        self._folder = folder

    async def take(self, *runs: Sequence[Record]) -> AppByHand:
        """Hands the runs to a process of its own; returns when all are acknowledged or the process has ended."""
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        ends = len(ENDS)
        one = Stage(self.decider, self._tools())
        app: Any = one.app
        app.said = self.log.said
        async with app:
            for run in runs:
                app.hand_out(run)
            await settled(lambda: len(app.acknowledged) == len(runs) or len(ENDS) > ends, 20)
        if one._table is not None:
            one._table.close()
        return app

    def outputs(self) -> list[str]:
        """Returns the types of the events that were published."""
        return [self._event(record).type for record in self.log.records(INPUT)]

    def letters(self) -> list[DeadLetter]:
        """Returns the dead letters that were published."""
        return [self._event(record) for record in self.log.records("dead-letters")]

    def states(self) -> set[bytes]:
        """Returns the keys that the changelog holds."""
        return {record.key or b"" for record in self.log.records(CHANGELOG)} - {CLAIM}

    def _event(self, record: Record) -> Any:
        return self.codec.decode(record)

    def _tools(self) -> Tools:
        async def refresh(topic: str) -> None:
            self.asked.append(topic)
            self.refresh(topic)

        async def catch_up() -> None:
            self.asked.append("definitions")
            self.caught_up()

        place = Place("127.0.0.1:1", self._folder / "worker")
        return Tools(place, self.codec, self.log, self.log, Definitions(), refresh, catch_up)


def raises(error: Exception) -> Callable[..., None]:
    """Returns what raises this."""

    def fail(*_: Any) -> None:
        raise error

    return fail


@pytest.fixture(autouse=True)
def by_hand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker (but for tests that ask for one), and a process that ends goes on as the next one."""

    def crash(name: str) -> None:
        ENDS.append("crashed")
        raise Ended

    if "log" not in request.fixturenames:
        monkeypatch.setattr(stage, "stage_app", lambda *_, **__: AppByHand())
    monkeypatch.setattr(lanes, "crash", crash)
    ENDS.clear()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_outputs_are_published_before_the_state_is_written_and_the_state_before_the_run_is_acknowledged(
    rig: Rig,
) -> None:
    [record] = kinds("Opened")

    await rig.take([record])

    assert rig.log.said == [
        ("append", [CLAIM]),
        ("publish", [(INPUT, record.key)]),
        ("append", [record.key]),
        ("ack", 0),
    ]


async def test_a_batch_is_published_once_and_each_changed_key_written_once(rig: Rig) -> None:
    records = [recorded(offset, subject=f"case-{offset % 3}") for offset in range(200)]

    await rig.take(records)

    said = [(what, len(keys)) for what, keys in rig.log.said if what != "ack"]
    assert said == [("append", 1), ("publish", 200), ("append", 3)]


async def test_the_events_of_a_key_see_the_state_after_those_before_them(rig: Rig) -> None:
    await rig.take([recorded(offset) for offset in range(3)], [recorded(3)])

    assert rig.outputs() == ["Seen 1", "Seen 2", "Seen 3", "Seen 4"]


async def test_the_next_process_goes_on_with_the_state(rig: Rig) -> None:
    await rig.take([recorded(0)])
    await rig.take([recorded(1)])

    assert rig.outputs() == ["Seen 1", "Seen 2"]


async def test_what_comes_again_changes_nothing(rig: Rig) -> None:
    await rig.take([recorded(0), recorded(1)])
    app = await rig.take([recorded(0), recorded(1), recorded(2)])

    assert rig.outputs() == ["Seen 1", "Seen 2", "Seen 3"]
    assert app.acknowledged == [(0, 2)]


async def test_a_state_that_is_the_same_object_is_not_written(rig: Rig) -> None:
    rig.decider.evolve = lambda state, event: state  # type: ignore[method-assign]

    await rig.take([recorded(0)])

    assert rig.states() == set()
    assert rig.outputs() == ["Seen 1"]


async def test_a_decider_without_state_needs_no_changelog(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Stateless())

    await rig.take([recorded(0), recorded(1)])

    assert [what for what, _ in rig.log.said] == ["publish", "ack"]


@pytest.mark.parametrize("kind", ["Bad", "Refused", "Large"])
async def test_one_bad_event_among_good_ones_is_a_dead_letter_and_loses_no_other(rig: Rig, kind: str) -> None:
    records = kinds("Opened", "Opened", kind, "Opened", "Opened")

    app = await rig.take(records)

    assert rig.outputs() == ["Seen 1"] * 4
    [letter] = rig.letters()
    assert (letter.source_offset, letter.source_key, letter.source_value) == (2, records[2].key, records[2].value)
    assert rig.states() == {record.key for record in records} - {records[2].key}
    assert app.acknowledged == [(0, 4)]


async def test_a_bad_event_leaves_the_state_of_its_key_as_it_was(rig: Rig) -> None:
    await rig.take([recorded(0), recorded(1, type="Bad"), recorded(2)])

    assert rig.outputs() == ["Seen 1", "Seen 2"]


async def test_a_dead_letter_given_up_again_is_the_same_letter(rig: Rig) -> None:
    await rig.take(kinds("Bad"))
    await rig.take(kinds("Bad"))

    first, second = rig.letters()
    assert first == second


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, None), (b"", b""), (b"k", None), (b"k", b"\0" * 20), (b"\xff" * 300, b"\xff" * 300), (POSITION, b"v")],
    ids=["nothing", "empty", "no value", "zeros", "noise", "the key of a disk's place"],
)
async def test_a_record_that_cannot_be_read_is_a_dead_letter_whatever_its_key(
    rig: Rig, key: bytes | None, value: bytes | None
) -> None:
    bad = Record(INPUT, 0, 1, 0, key, value, [("trace", b"7"), ("empty", None)])

    app = await rig.take([recorded(0), bad, recorded(2)])

    assert app.acknowledged == [(0, 2)]
    assert rig.outputs() == ["Seen 1", "Seen 2"]
    [letter] = rig.letters()
    assert (letter.source_offset, letter.source_key, letter.source_value) == (1, key, value)


async def test_a_record_larger_than_a_dead_letter_stops_nobody(rig: Rig) -> None:
    # a batch is measured compressed when Kafka takes it: a few kilobytes can hold any number of zeros
    bad = Record(INPUT, 0, 1, 0, b"k", bytes(DEAD_LETTER_BYTES_MAX + 1), ())

    app = await rig.take([recorded(0), bad, recorded(2)])

    assert app.acknowledged == [(0, 2)]
    assert rig.outputs() == ["Seen 1", "Seen 2"]


async def test_a_record_of_more_headers_than_a_dead_letter_has_room_for_stops_nobody(rig: Rig) -> None:
    bad = Record(INPUT, 0, 1, 0, b"k", b"v", [("h", b"")] * (ITEMS_MAX + 1))

    app = await rig.take([recorded(0), bad, recorded(2)])

    assert app.acknowledged == [(0, 2)]
    assert rig.outputs() == ["Seen 1", "Seen 2"]


async def test_a_record_whose_headers_names_are_long_stops_nobody(rig: Rig) -> None:
    names = [("\U0001d11e" * 65_000, b"")] * 4  # four bytes each
    bad = Record(INPUT, 0, 1, 0, b"k", bytes(DEAD_LETTER_BYTES_MAX - 512 * 1024), names)

    app = await rig.take([recorded(0), bad, recorded(2)])

    assert app.acknowledged == [(0, 2)]
    assert rig.outputs() == ["Seen 1", "Seen 2"]


async def test_a_record_with_a_header_name_that_is_no_text_stops_nobody_on_kafka(
    log: Any, prefix: str, tmp_path: Path
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    place = Place(log.bootstrap, tmp_path / "worker", prefix)
    good = recorded(1)
    partition = await written_with_noise(log.bootstrap, good)

    async def nothing(*_: Any) -> None:
        """Knows no more."""

    async with KafkaPublisher(log.bootstrap, "test") as publisher:
        kafka = KafkaLog(log.bootstrap)
        one = Stage(Stateless(), Tools(place, codec(), publisher, kafka, Definitions(), nothing, nothing))
        await one.app.start()
        try:
            done = (INPUT, partition)
            await settled_slowly(lambda: committed(log.bootstrap, group(place, one.name)).get(done, 0) >= 2)
        finally:
            await one.app.stop()


async def written_with_noise(bootstrap: str, good: Record) -> int:
    """Writes a record with a header name that is not UTF-8, as clients in C can, and a good one; returns where."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    batch = producer.create_batch()
    batch.append(timestamp=None, key=good.key, value=b"noise", headers=[("ZZZZ", b"1")])
    batch.close()
    build = batch._build

    def build_noise() -> bytes:
        content = bytearray(build())
        at = content.index(b"ZZZZ")
        content[at : at + 4] = b"\xff\xfe\xff\xfe"
        content[17:21] = crc(bytes(content[21:])).to_bytes(4)
        return bytes(content)

    batch._build = build_noise
    try:
        await (await producer.send_batch(batch, INPUT, partition=3))
        await producer.send_and_wait(INPUT, good.value, good.key, partition=3, headers=list(good.headers))
    finally:
        await producer.stop()
    return 3


async def settled_slowly(check: Callable[[], bool], timeout_s: float = 30) -> None:
    """Returns when the check holds, which asks Kafka; fails after the time."""
    async with asyncio.timeout(timeout_s):
        while not await asyncio.to_thread(check):
            await asyncio.sleep(0.2)


async def test_what_the_stage_said_itself_is_skipped(rig: Rig) -> None:
    app = await rig.take([recorded(0, source=OWN), recorded(1), recorded(2, source=OWN)])

    assert (rig.outputs(), rig.letters(), app.acknowledged) == (["Seen 1"], [], [(0, 2)])


async def test_a_record_at_which_the_process_ended_three_times_is_a_dead_letter_and_the_others_are_decided(
    rig: Rig,
) -> None:
    records = kinds("Opened", "Deadly", "Opened")
    for _ in range(DEATHS_MAX):
        assert (await rig.take(records)).acknowledged == []
    assert rig.outputs() == rig.letters() == []

    app = await rig.take(records)

    assert (app.acknowledged, rig.outputs()) == ([(0, 2)], ["Seen 1", "Seen 1"])
    [letter] = rig.letters()
    assert (letter.error, letter.source_offset) == ("Deadly", 1)
    assert rig.decider.seen.count("Deadly") == DEATHS_MAX


async def test_two_records_that_kill_are_both_given_up(rig: Rig) -> None:
    records = kinds("Opened", "Deadly", "Deadly", "Opened")

    for _ in range(10 * DEATHS_MAX):
        if (await rig.take(records)).acknowledged:
            break

    assert {letter.source_offset for letter in rig.letters()} == {1, 2}
    assert rig.outputs()[-2:] == ["Seen 1", "Seen 1"]


async def test_what_is_away_ends_the_process_and_nothing_is_published_written_or_acknowledged(rig: Rig) -> None:
    rig.decider.away = True

    app = await rig.take([recorded(0), recorded(1)])

    assert (ENDS, app.acknowledged, rig.outputs(), rig.letters()) == (["crashed"], [], [], [])
    assert rig.states() == set()


async def test_a_publisher_that_is_away_ends_the_process_and_no_state_is_written(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(records: Sequence[Outgoing]) -> None:
        raise Unavailable("no acknowledgement")

    monkeypatch.setattr(rig.log, "publish", away)

    app = await rig.take([recorded(0)])

    assert (ENDS, app.acknowledged, rig.states()) == (["crashed"], [], set())


async def test_a_changelog_that_is_away_ends_the_process_and_nothing_is_acknowledged(rig: Rig) -> None:
    rig.log.before = lambda keys: None if keys == [CLAIM] else raises(Unavailable("no acknowledgement"))()

    app = await rig.take([recorded(0)])

    assert (ENDS, app.acknowledged) == (["crashed"], [])


async def test_a_stage_that_lost_its_partition_acknowledges_nothing(rig: Rig) -> None:
    rig.log.before = lambda keys: None if keys == [CLAIM] else rig.log.put(CLAIM, b"claim", CHANGELOG) and None

    app = await rig.take([recorded(0)])

    assert (ENDS, app.acknowledged) == (["crashed"], [])


async def test_a_record_is_not_given_up_because_the_registry_was_away(rig: Rig) -> None:
    rig.codec = Codec({**NUMBERS, INPUT: 900})
    rig.refresh = raises(Unavailable("the registry does not answer"))
    for _ in range(2 * DEATHS_MAX):
        assert (await rig.take([recorded(0)])).acknowledged == []

    rig.refresh = lambda topic: rig.codec.learn(topic, NUMBERS[INPUT], TOPICS[INPUT].schema)
    app = await rig.take([recorded(0)])

    assert (rig.outputs(), rig.letters(), app.acknowledged) == (["Seen 1"], [], [(0, 0)])


async def test_a_record_is_not_given_up_because_definitions_could_not_be_read(rig: Rig) -> None:
    rig.decider.unknown = UnknownDefinition
    rig.caught_up = raises(Unavailable("definitions could not be read"))
    for _ in range(2 * DEATHS_MAX):
        assert (await rig.take([recorded(0)])).acknowledged == []

    rig.decider.unknown, rig.caught_up = None, lambda: None
    await rig.take([recorded(0)])

    assert (rig.outputs(), rig.letters()) == (["Seen 1"], [])


async def test_a_schema_id_that_is_not_known_is_asked_for_once_and_the_event_decided(rig: Rig) -> None:
    rig.codec = Codec({**NUMBERS, INPUT: 900})
    rig.refresh = lambda topic: rig.codec.learn(topic, NUMBERS[INPUT], TOPICS[INPUT].schema)

    await rig.take([recorded(0), recorded(1)])

    assert (rig.asked, rig.outputs()) == ([INPUT], ["Seen 1", "Seen 2"])


async def test_a_schema_id_that_nobody_knows_is_a_dead_letter(rig: Rig) -> None:
    rig.codec = Codec({**NUMBERS, INPUT: 900})

    app = await rig.take([recorded(0)])

    assert ([letter.error for letter in rig.letters()], app.acknowledged) == (["UnknownSchema"], [(0, 0)])


async def test_an_unknown_definition_is_looked_for_once_more_before_the_event_is_decided(rig: Rig) -> None:
    rig.decider.unknown = UnknownDefinition

    def appear() -> None:
        rig.decider.unknown = None

    rig.caught_up = appear
    await rig.take([recorded(0)])

    assert (rig.asked, rig.outputs()) == (["definitions"], ["Seen 1"])


async def test_a_definition_that_nobody_knows_is_a_dead_letter(rig: Rig) -> None:
    rig.decider.unknown = UnknownDefinition

    app = await rig.take([recorded(0)])

    assert ([letter.error for letter in rig.letters()], app.acknowledged) == (["UnknownDefinition"], [(0, 0)])


async def test_a_pinned_version_that_is_not_there_yet_ends_the_process(rig: Rig) -> None:
    rig.decider.unknown = MissingVersion

    app = await rig.take([recorded(0)])

    assert (ENDS, rig.letters(), app.acknowledged) == (["crashed"], [], [])


async def test_a_decider_of_the_newest_definitions_catches_up_before_each_batch(rig: Rig) -> None:
    rig.decider.newest = True

    await rig.take([recorded(0), recorded(1)])

    assert rig.asked == ["definitions"]


async def test_partitions_are_claimed_and_kept_apart(rig: Rig) -> None:
    app = await rig.take([recorded(0, 0)], [recorded(0, 1)], [recorded(1, 0)])

    assert sorted(rig.outputs()) == ["Seen 1", "Seen 1", "Seen 2"]
    assert sorted(app.acknowledged) == [(0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize("turn", range(6))
async def test_a_process_that_ends_at_any_call_of_the_log_leaves_the_state_of_each_event_once(
    rig: Rig, turn: int
) -> None:
    calls = 0

    def lost(_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == turn:
            raise Unavailable("the answer is lost")

    rig.log.before = rig.log.after = lost
    runs = [[recorded(2 * number), recorded(2 * number + 1)] for number in range(3)]
    done = 0
    for _ in range(5):
        app = await rig.take(*runs[done:])
        done += len(app.acknowledged)
        if done == len(runs):
            break

    assert sorted(set(rig.outputs())) == [f"Seen {number}" for number in range(1, 7)]
    await rig.take([recorded(6)])
    assert rig.outputs()[-1] == "Seen 7"
