"""What every decider promises: repetitions and other orders of arrival change nothing that it puts out."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from domain.decider import Decider, step
from domain.definitions import Definitions
from schemas.catalogue import BY_EVENT, TOPICS
from schemas.events import Event
from streams.stages import DECIDERS
from tests.domain.simulation import Flow, case

EVERY = pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.name)
SEEDS = range(40)
FLOWS: dict[int, Flow] = {}


@EVERY
def test_a_decider_reads_topics_of_the_catalogue(decider: Decider) -> None:
    assert set(decider.inputs) <= set(TOPICS)


@EVERY
def test_a_deciders_topics_have_the_same_number_of_partitions(decider: Decider) -> None:
    assert len({TOPICS[topic].partitions for topic in decider.inputs}) == 1


@EVERY
def test_a_decider_says_what_it_reads_and_writes_in_its_first_line(decider: Decider) -> None:
    doc = (type(decider).__doc__ or "").splitlines()[0]
    reads, _, writes = doc.rstrip(".").partition(" -> ")

    assert tuple(reads.split(", ")) == decider.inputs
    written = {BY_EVENT[type(event)].name for seed in SEEDS for event in _all(decider, seed)}
    assert written == set(writes.split(", "))


def test_no_two_deciders_have_one_name() -> None:
    assert len({decider.name for decider in DECIDERS}) == len(DECIDERS)


@EVERY
def test_every_event_repeated_at_once_gives_the_same_events(decider: Decider) -> None:
    for seed in SEEDS:
        for events in _inputs(decider, seed).values():
            twice = [event for event in events for _ in range(2)]

            _same(_decided(decider, seed, events), _decided(decider, seed, twice), seed)


@EVERY
def test_any_prefix_repeated_gives_the_same_events(decider: Decider) -> None:
    for seed in SEEDS:
        random = Random(seed)
        for events in _inputs(decider, seed).values():
            begin, end = sorted(random.choices(range(len(events) + 1), k=2))
            again = [*events[:end], *events[begin:]]

            _same(_decided(decider, seed, events), _decided(decider, seed, again), seed)


@EVERY
def test_the_whole_past_repeated_gives_the_same_events(decider: Decider) -> None:
    for seed in SEEDS:
        for events in _inputs(decider, seed).values():
            _same(_decided(decider, seed, events), _decided(decider, seed, [*events, *events]), seed)


@EVERY
def test_any_order_of_the_topics_gives_the_same_events(decider: Decider) -> None:
    for seed in SEEDS:
        random = Random(seed)
        for events in _inputs(decider, seed).values():
            left: dict[str, list[Event]] = defaultdict(list)
            for event in events:
                left[BY_EVENT[type(event)].name].append(event)
            shuffled = []
            while any(left.values()):
                shuffled.append(left[random.choice(sorted(name for name in left if left[name]))].pop(0))

            _same(_decided(decider, seed, events), _decided(decider, seed, shuffled), seed)


@EVERY
def test_deciding_leaves_the_state_as_it_was(decider: Decider) -> None:
    for seed in SEEDS:
        for events in _inputs(decider, seed).values():
            state: Any = None
            for event in events:
                before = msgspec.json.encode(state)
                _, after = step(decider, state, event, _definitions(seed))
                assert msgspec.json.encode(state) == before, f"seed {seed}"
                state = after


@EVERY
def test_the_state_outlives_being_written_and_read(decider: Decider) -> None:
    if decider.state is None:
        return
    for seed in SEEDS:
        for events in _inputs(decider, seed).values():
            state: Any = None
            for event in events:
                _, state = step(decider, state, event, _definitions(seed))
                if state is not None:
                    written = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=decider.state)
                    assert written == state, f"seed {seed}"


def _flow(seed: int) -> Flow:
    if seed not in FLOWS:
        FLOWS[seed] = case(seed).flow(seed)
    return FLOWS[seed]


def _definitions(seed: int) -> Definitions:
    return _flow(seed).definitions


def _inputs(decider: Decider, seed: int) -> dict[str, list[Event]]:
    """Returns what the decider reads of each key, in the order in which it was written."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in _flow(seed).first(*decider.inputs):
        found[BY_EVENT[type(event)].key(event)].append(event)
    return found


def _decided(decider: Decider, seed: int, events: Sequence[Event]) -> list[Event]:
    state: Any = None
    found: list[Event] = []
    for event in events:
        decided, state = step(decider, state, event, _definitions(seed))
        found += decided
    return found


def _all(decider: Decider, seed: int) -> list[Event]:
    return [event for events in _inputs(decider, seed).values() for event in _decided(decider, seed, events)]


def _same(expected: Sequence[Event], found: Sequence[Event], seed: int) -> None:
    by_id = {event.event_id: event for event in expected}
    assert {event.event_id for event in found} == set(by_id), f"seed {seed}"
    assert all(event == by_id[event.event_id] for event in found), f"seed {seed}"
