"""Which offsets may be committed: the finished prefix of the runs, whatever order they finish in."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Record
from streams.transport import FULL_S, RUN_BYTES_MAX, Records, RunConsumer, WrongFaust, check_faust

PLACE = TP("business-events", 3)


def consumer() -> RunConsumer:
    """Returns a consumer with the bookkeeping alone: no broker, no thread."""
    made = object.__new__(RunConsumer)
    made._runs = defaultdict(deque)
    made._acked = defaultdict(list)
    made._acked_index = defaultdict(set)
    made._seeks = 0
    return made


def records(first: int, last: int, size: int = 1) -> list[Record]:
    """Returns the records of these offsets."""
    return [Record(PLACE.topic, 3, offset, 0, b"k", b"v" * size, ()) for offset in range(first, last + 1)]


def hand_out(made: RunConsumer, first: int, last: int) -> Any:
    """Hands out the run of these offsets, as a fetch does."""
    run, _ = Records(records(first, last), last).run(1000)
    made._runs[PLACE].append(run)
    return made._message(PLACE, run, 1)


def finish(message: Any) -> None:
    message.value.done = True


def test_a_run_is_the_records_in_order() -> None:
    message = hand_out(consumer(), 5, 7)
    assert (message.value.items, message.value.count, message.offset) == (records(5, 7), 3, 7)


def test_a_fetch_is_cut_into_runs_of_so_many_records() -> None:
    first, rest = Records(records(0, 9), 9).run(4)
    assert rest is not None
    second, last = rest.run(4)
    assert last is not None
    third, nothing = last.run(4)

    assert [run.items for run in (first, second, third)] == [records(0, 3), records(4, 7), records(8, 9)]
    assert nothing is None


def test_a_run_ends_with_the_record_that_fills_it() -> None:
    run, rest = Records(records(0, 4, RUN_BYTES_MAX // 2), 4).run(1000)

    assert (run.count, run.last) == (2, 1)
    assert rest is not None and rest.found[0].offset == 2


def test_a_record_larger_than_a_run_comes_alone() -> None:
    run, rest = Records(records(0, 1, 3 * RUN_BYTES_MAX), 1).run(1000)

    assert run.count == 1
    assert rest is not None and len(rest.found) == 1


def test_a_mark_behind_the_last_record_is_committed_with_it() -> None:
    made = consumer()
    run, _ = Records(records(0, 4), 5).run(1000)
    made._runs[PLACE].append(run)
    run.done = True

    assert made._new_offset(PLACE) == 6


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
    sought: dict[TP, int] = {}

    async def seek_to_committed() -> dict[TP, int | None]:
        return {committed: 40, fresh: None}

    async def earliest_offsets(*places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, 7)

    async def seek_wait(offsets: dict[TP, int]) -> None:
        sought.update(offsets)

    made._read_offset, made._committed_offset = {}, {}
    made.seek_to_committed = seek_to_committed
    made._thread = SimpleNamespace(earliest_offsets=earliest_offsets, seek_wait=seek_wait)
    hand_out(made, 0, 9)

    await made.perform_seek()

    assert sought == {fresh: 7}
    assert made._committed_offset == {committed: 40}
    assert not made._runs


async def test_a_full_stage_is_given_more_as_soon_as_it_has_room_and_after_the_time_anyway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, asked = consumer(), asyncio.Event()

    async def ask(self: Any, timeout: float) -> tuple[dict[TP, Any], None]:
        asked.set()
        return {}, None

    monkeypatch.setattr(driver.Consumer, "_wait_next_records", ask)
    made.flow_active, made.loop = True, asyncio.get_running_loop()
    made._buffered_partitions = {PLACE}
    waiting = asyncio.create_task(made._wait_next_records(30))
    await asyncio.sleep(5 * FULL_S)
    assert not asked.is_set()
    made._buffered_partitions.clear()
    async with asyncio.timeout(5):
        assert await waiting == ({}, None)

    made._buffered_partitions.add(PLACE)
    async with asyncio.timeout(5):
        assert await made._wait_next_records(3 * FULL_S) == ({}, None)


def test_a_run_takes_apart_no_more_of_a_fetch_than_it_needs() -> None:
    taken: list[int] = []

    def fetched() -> Iterator[list[Record]]:
        for first in range(0, 40, 10):
            taken.append(first)
            yield records(first, first + 9)

    run, rest = Records([], 39, fetched()).run(15)

    assert (run.count, run.last, taken) == (15, 14, [0, 10])
    assert rest is not None
    counts = [run.count]
    while rest is not None:
        run, rest = rest.run(15)
        counts.append(run.count)
    assert (counts, run.last) == ([15, 15, 10], 39)
