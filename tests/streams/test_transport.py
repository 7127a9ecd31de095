"""Which offsets may be committed: the finished prefix of the runs, whatever order they finish in."""

from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Record
from streams.transport import RunConsumer, RunRecords, WrongFaust, check_faust

PLACE = TP("business-events", 3)


def consumer() -> RunConsumer:
    """Returns a consumer with the bookkeeping alone: no broker, no thread."""
    made = object.__new__(RunConsumer)
    made._runs = defaultdict(deque)
    made._acked = defaultdict(list)
    made._acked_index = defaultdict(set)
    made._seeks = 0
    return made


def hand_out(made: RunConsumer, first: int, last: int) -> Any:
    """Hands out the run of these offsets, as a fetch does."""
    fetched = [
        SimpleNamespace(topic=PLACE.topic, partition=3, offset=offset, timestamp=0, key=b"k", value=b"v", headers=())
        for offset in range(first, last + 1)
    ]
    made._to_message = lambda tp, record: SimpleNamespace(value=None, key=b"", offset=record.offset, generation_id=0)
    return made._run_message(PLACE, fetched, 1)


def finish(message: Any) -> None:
    message.value.run.done = True


def test_a_run_is_the_records_in_order() -> None:
    message = hand_out(consumer(), 5, 7)
    assert isinstance(message.value, RunRecords)
    assert list(message.value) == [Record(PLACE.topic, 3, offset, 0, b"k", b"v", ()) for offset in (5, 6, 7)]
    assert message.offset == 7


def test_nothing_is_committed_past_a_run_that_is_not_finished() -> None:
    made = consumer()
    first, second, third = hand_out(made, 0, 9), hand_out(made, 10, 19), hand_out(made, 20, 29)
    finish(second)
    finish(third)
    assert made._new_offset(PLACE) is None
    finish(first)
    assert made._new_offset(PLACE) == 30
    assert made._new_offset(PLACE) is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.randoms())
def test_whatever_order_runs_finish_in_the_commit_is_the_finished_prefix(sizes: list[int], chance: Any) -> None:
    made = consumer()
    begin, runs = 0, []
    for size in sizes:
        runs.append((begin, hand_out(made, begin, begin + size - 1)))
        begin += size
    order = list(range(len(runs)))
    chance.shuffle(order)
    committed, done = 0, set()
    for place in order:
        finish(runs[place][1])
        done.add(place)
        offset = made._new_offset(PLACE)
        committed = offset if offset is not None else committed
        unfinished = [runs[each][0] for each in range(len(runs)) if each not in done]
        assert committed == (unfinished[0] if unfinished else begin)


def test_a_run_that_finishes_after_a_seek_counts_for_nothing() -> None:
    made = consumer()
    old = hand_out(made, 0, 9)
    made._runs.clear()  # as perform_seek does
    again = hand_out(made, 0, 4)
    finish(old)
    assert made._new_offset(PLACE) is None
    finish(again)
    assert made._new_offset(PLACE) == 5


def test_another_faust_than_the_locked_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_faust()
    monkeypatch.setattr(faust, "__version__", "0.16.0")
    with pytest.raises(WrongFaust, match=r"0\.16\.0"):
        check_faust()


async def test_a_partition_of_which_nothing_is_committed_goes_back_to_its_beginning() -> None:
    made = consumer()
    committed, fresh = PLACE, TP("requests", 1)
    sought: list[TP] = []

    async def seek_to_committed() -> dict[TP, int | None]:
        return {committed: 40, fresh: None}

    async def seek_to_beginning(*places: TP) -> None:
        sought.extend(TP(each.topic, each.partition) for each in places)

    made._read_offset, made._committed_offset = {}, {}
    made.seek_to_committed = seek_to_committed
    made._thread = SimpleNamespace(seek_to_beginning=seek_to_beginning)
    hand_out(made, 0, 9)

    await made.perform_seek()

    assert sought == [fresh]
    assert made._committed_offset == {committed: 40}
    assert not made._runs
