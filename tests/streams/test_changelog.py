"""Who may write a changelog follows from the log alone: zombies count for nobody, and all readers agree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.record import Record
from streams.changelog import CLAIM, Change, Fenced, Fold, contiguous, stamped
from tests.streams.doubles import MemoryLog

KEYS = (b"a", b"b", b"c", b"d")
TAIL = 4
"""So many of the newest records are never compacted."""

moves = st.one_of(
    st.tuples(st.just("claim"), st.integers(0, 2)),
    st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=3))),
    st.tuples(st.just("compact")),
)


@dataclass
class History:
    """A log that several wrote to, and what a reader must make of it."""

    log: MemoryLog = field(default_factory=MemoryLog)
    epochs: dict[int, int] = field(default_factory=dict)
    """Of each writer's last claim."""
    owner: int = -1
    state: dict[bytes, bytes] = field(default_factory=dict)
    stale: set[bytes] = field(default_factory=set)
    """Keys whose last record is a zombie's."""
    folds: list[tuple[int, int, dict[bytes, bytes]]] = field(default_factory=list)
    """Offset, epoch and state after each record: where a reader may have stopped."""

    def claim(self, writer: int) -> None:
        self.owner = self.epochs[writer] = self.log.put(CLAIM, b"claim")

    def write(self, writer: int, key: bytes, value: bytes | None) -> None:
        if writer not in self.epochs:
            return
        self.log.put(key, stamped(self.epochs[writer], value or b""))
        if self.epochs[writer] != self.owner:
            self.stale.add(key)
            return
        self.stale.discard(key)
        self.state.pop(key, None)
        if value:
            self.state[key] = value

    def heal(self) -> None:
        """The owner says every stale key once more."""
        for key in self.stale:
            self.log.put(key, stamped(self.owner, self.state.get(key, b"")))
        self.stale.clear()

    def note(self) -> None:
        self.folds.append((self.log.end(), self.owner, dict(self.state)))


def told(story: Sequence[Any], compacting: bool) -> History:
    """Returns the history of these moves; nothing is compacted before the owner has healed it."""
    history = History()
    history.note()
    for move in story:
        if move[0] == "claim":
            history.claim(move[1])
        elif move[0] == "write":
            history.write(*move[1:])
        elif compacting:
            history.heal()
            history.log.compact(history.log.end() - TAIL)
        history.note()
    return history


def folded(fold: Fold, records: Sequence[Record], state: dict[bytes, bytes], size: int) -> dict[bytes, bytes]:
    """Returns the state after the records, taken so many at a time."""
    state = dict(state)
    for begin in range(0, len(records), size):
        for key, value in fold.take(records[begin : begin + size]):
            state.pop(key, None)
            if value is not None:
                state[key] = value
    return state


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40), st.integers(1, 9))
def test_every_reader_that_folds_to_the_end_has_the_state_of_the_legitimate_owners(story: Any, size: int) -> None:
    history = told(story, compacting=False)
    records = history.log.records()

    for offset, epoch, state in history.folds:
        fold = Fold(epoch)
        assert folded(fold, records[offset:], state, size) == history.state
        assert fold.epoch == history.owner


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40), st.integers(1, 9))
def test_the_stale_keys_are_those_whose_last_record_does_not_count(story: Any, size: int) -> None:
    history = told(story, compacting=False)
    fold = Fold()

    folded(fold, history.log.records(), {}, size)

    assert fold.stale == history.stale


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40), st.data())
def test_a_log_whose_healed_part_is_compacted_says_the_same_to_every_reader(story: Any, data: st.DataObject) -> None:
    history = told(story, compacting=True)
    offset, epoch, state = data.draw(st.sampled_from(history.folds))
    records = [record for record in history.log.records() if record.offset >= offset]

    assert folded(Fold(epoch), records, state, 3) == history.state


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=40))
def test_said_again_by_the_owner_no_key_is_stale_and_compaction_of_everything_changes_nothing(story: Any) -> None:
    history = told([("claim", 0), *story], compacting=True)
    before = dict(history.state)

    history.heal()
    history.log.compact(history.log.end())

    fold = Fold()
    assert folded(fold, history.log.records(), {}, 5) == before
    assert fold.stale == set()


def test_a_stale_key_that_nobody_says_again_is_lost_to_compaction() -> None:
    history = told([("claim", 0), ("write", 0, b"a", b"1"), ("claim", 1), ("write", 0, b"a", b"2")], compacting=False)
    history.log.compact(history.log.end())

    fold = Fold()
    assert folded(fold, history.log.records(), {}, 5) == {}
    assert fold.stale == {b"a"}


def test_a_zombies_value_never_becomes_visible() -> None:
    fold = Fold()
    log = MemoryLog()
    first = log.put(CLAIM, b"claim")
    log.put(b"k", stamped(first, b"one"))
    log.put(CLAIM, b"claim")
    log.put(b"k", stamped(first, b"two"))

    assert fold.take(log.records()) == [Change(b"k", b"one")]
    assert fold.stale == {b"k"}


def test_an_owner_without_its_claim_on_the_log_counts_by_the_epoch_of_its_records() -> None:
    log = MemoryLog()
    first = log.put(CLAIM, b"claim")
    second = log.put(CLAIM, b"claim")
    log.put(b"k", stamped(second, b"two"))
    log.put(b"k", stamped(first, b"one"))
    [*_, value, stale] = log.records()

    assert Fold().take([value, stale]) == [Change(b"k", b"two")]


def test_an_empty_value_says_that_the_key_has_none_any_more() -> None:
    log = MemoryLog()
    epoch = log.put(CLAIM, b"claim")
    log.put(b"k", stamped(epoch, b""))

    assert Fold().take(log.records()) == [Change(b"k", None)]


@pytest.mark.parametrize("value", [None, b"", b"\0\0"])
def test_a_record_without_an_epoch_after_a_claim_counts_for_nothing(value: bytes | None) -> None:
    log = MemoryLog()
    epoch = log.put(CLAIM, b"claim")
    log.put(b"other", stamped(epoch, b"one"))
    log.put(CLAIM, b"claim")
    log.put(b"k", value)
    fold = Fold()

    assert fold.take(log.records()) == [Change(b"other", b"one")]
    assert fold.stale == {b"k"}


def test_a_record_of_an_epoch_that_no_claim_before_it_can_have_counts_for_nothing() -> None:
    log = MemoryLog()
    epoch = log.put(CLAIM, b"claim")
    log.put(b"k", b"typed into the wrong topic")
    log.put(b"k", stamped(epoch, b"one"))

    assert Fold().take(log.records()) == [Change(b"k", b"one")]


def test_nothing_taken_is_nothing_changed() -> None:
    fold = Fold(5)

    assert fold.take([]) == []
    assert (fold.epoch, fold.stale) == (5, set())


@given(st.integers(0, 2**40), st.lists(st.integers(1, 1000), max_size=20))
def test_places_that_follow_each_other_end_where_the_last_one_ends(begin: int, sizes: list[int]) -> None:
    places, end = [], begin
    for size in sizes:
        places.append(range(end, end + size))
        end += size

    assert contiguous(begin, places) == end


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.data())
def test_a_hole_before_any_place_is_somebody_else(sizes: list[int], data: st.DataObject) -> None:
    hole = data.draw(st.integers(0, len(sizes) - 1))
    places, end = [], 0
    for number, size in enumerate(sizes):
        end += data.draw(st.integers(1, 5)) if number == hole else 0
        places.append(range(end, end + size))
        end += size

    with pytest.raises(Fenced, match=f"{places[hole].start} was written"):
        contiguous(0, places)
