"""Runs side by side: in order within a partition number, bounded, acknowledged when they are done and never before."""

import asyncio
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from schemas.record import Record
from streams.ending import CRASHED
from streams.lanes import RECORDS_MAX, RUNS_MAX, Lanes
from streams.transport import RUN_BYTES_MAX, Records
from tests.streams.doubles import AppByHand, run_of, settled

ROOT = Path(__file__).parents[2]


class Gate:
    """A take that notes what it is given, and returns when it is let."""

    def __init__(self, closed: bool = False) -> None:
        self.taken: list[list[Record]] = []
        self.done: list[list[Record]] = []
        self.at_work = 0
        self.at_work_max = 0
        self._open = asyncio.Event()
        if not closed:
            self._open.set()
        self._ones: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def __call__(self, records: Sequence[Record]) -> None:
        self.taken.append(list(records))
        self.at_work += 1
        self.at_work_max = max(self.at_work_max, self.at_work)
        first = self._ones[records[0].offset]
        waits = [asyncio.create_task(self._open.wait()), asyncio.create_task(first.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        self.at_work -= 1
        self.done.append(list(records))

    def open(self) -> None:
        """Lets all through."""
        self._open.set()

    def let(self, offset: int) -> None:
        """Lets the take through that begins at this offset."""
        self._ones[offset].set()


async def rest() -> None:
    """Lets everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_runs_of_a_partition_are_taken_in_order_whatever_their_topics() -> None:
    app, take = AppByHand(), Gate()
    Lanes(app, "stage", ("business-events", "requests"), take)
    chance = Random(1)
    async with app:
        for first in range(0, 300, 3):
            app.hand_out(run_of(chance.randrange(3), first, 3, chance.choice(("business-events", "requests"))))
        await settled(lambda: len(app.acknowledged) == 100)

    for partition in range(3):
        offsets = [record.offset for each in take.done for record in each if record.partition == partition]
        assert offsets == sorted(offsets)
    assert sorted(record.offset for each in take.done for record in each) == list(range(300))


async def test_partitions_are_taken_side_by_side() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        for partition in range(8):
            app.hand_out(run_of(partition, 100 * partition))
        await settled(lambda: take.at_work == 8)
        take.let(700)
        await settled(lambda: app.acknowledged == [(7, 700)])


async def test_within_a_partition_one_take_at_a_time() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        app.hand_out(run_of(0, 0))
        app.hand_out(run_of(0, 1))
        await rest()
        assert [each[0].offset for each in take.taken] == [0]
        take.open()
        await settled(lambda: len(app.acknowledged) == 2)
    assert take.at_work_max == 1


async def test_nothing_is_acknowledged_before_its_take_returns() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        app.hand_out(run_of(0, 0, 5))
        await settled(lambda: take.taken)
        await rest()
        assert app.acknowledged == []
        take.open()
        await settled(lambda: app.acknowledged == [(0, 4)])


async def test_runs_that_wait_are_taken_together_up_to_a_bound_and_each_acknowledged() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        app.hand_out(run_of(0, 0))
        await settled(lambda: take.taken)
        size = RECORDS_MAX // 4
        for first in range(1, 1 + 6 * size, size):
            app.hand_out(run_of(0, first, size))
        await rest()
        take.open()
        await settled(lambda: len(app.acknowledged) == 7)

    assert [len(each) for each in take.taken] == [1, 4 * size, 2 * size]
    assert app.acknowledged == [(0, 0), *((0, last) for last in range(size, 1 + 6 * size, size))]


async def test_a_run_larger_than_the_bound_is_taken_alone() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        app.hand_out(run_of(0, 0))
        await settled(lambda: take.taken)
        app.hand_out(run_of(0, 1, RECORDS_MAX + 1))
        app.hand_out(run_of(0, RECORDS_MAX + 2))
        await rest()
        take.open()
        await settled(lambda: len(app.acknowledged) == 3)

    assert [len(each) for each in take.taken] == [1, RECORDS_MAX + 1, 1]


@pytest.mark.parametrize("partitions", [1, 3])
async def test_no_more_runs_are_held_than_the_bound(partitions: int) -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        for first in range(3 * RUNS_MAX):
            app.hand_out(run_of(first % partitions, first))
        await rest()
        assert app.taken <= RUNS_MAX + 1  # one more is in hand and waits
        assert sum(len(each) for each in take.taken) <= RUNS_MAX
        take.open()
        await settled(lambda: len(app.acknowledged) == 3 * RUNS_MAX)


async def test_a_merged_batch_frees_a_place_for_each_of_its_runs() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        for turn in range(5):
            for first in range(RUNS_MAX):
                app.hand_out(run_of(0, turn * RUNS_MAX + first))
        await rest()
        take.open()
        await settled(lambda: len(app.acknowledged) == 5 * RUNS_MAX)


async def test_several_at_once_finish_in_any_order_and_are_acknowledged_on_their_own() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take, at_once=4)
    async with app:
        for first in range(6):
            app.hand_out(run_of(0, first))
        await settled(lambda: take.at_work == 4)
        await rest()
        assert take.at_work == 4
        take.let(2)
        await settled(lambda: app.acknowledged == [(0, 2)])
        await settled(lambda: take.at_work == 4)
        take.let(0)
        await settled(lambda: app.acknowledged == [(0, 2), (0, 0)])
        take.open()
        await settled(lambda: len(app.acknowledged) == 6)
    assert [len(each) for each in take.taken] == [1] * 6


async def test_more_at_once_than_the_bound_are_still_taken() -> None:
    app, take = AppByHand(), Gate(closed=True)
    Lanes(app, "stage", ("business-events",), take, at_once=2 * RUNS_MAX)
    async with app:
        for first in range(3 * RUNS_MAX):
            app.hand_out(run_of(0, first))
        await settled(lambda: take.at_work == 2 * RUNS_MAX)
        take.open()
        await settled(lambda: len(app.acknowledged) == 3 * RUNS_MAX)


async def test_each_batch_that_is_through_counts_as_progress() -> None:
    app, take = AppByHand(), Gate()
    lanes = Lanes(app, "stage", ("business-events",), take)
    async with app:
        assert lanes.progress.finished == 0
        app.hand_out(run_of(0, 0))
        await settled(lambda: app.acknowledged)
        app.hand_out(run_of(1, 1))
        await settled(lambda: len(app.acknowledged) == 2)
        await rest()
    assert lanes.progress.finished == 2


@pytest.mark.parametrize("seed", range(5))
async def test_however_long_each_takes_all_is_taken_once_and_in_order(seed: int) -> None:
    chance, app, done = Random(seed), AppByHand(), defaultdict(list)

    async def take(records: Sequence[Record]) -> None:
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        done[records[0].partition] += [record.offset for record in records]

    Lanes(app, "stage", ("business-events",), take)
    firsts: dict[int, int] = defaultdict(int)
    async with app:
        for _ in range(400):
            partition, count = chance.randrange(8), chance.choice((1, 2, 500, 1500))
            app.hand_out(run_of(partition, firsts[partition], count))
            firsts[partition] += count
            if chance.random() < 0.1:
                await asyncio.sleep(0)
        await settled(lambda: len(app.acknowledged) == 400, 20)

    assert done == {partition: list(range(end)) for partition, end in firsts.items()}


DYING = """
import asyncio, sys
from streams.lanes import Lanes
from tests.streams.doubles import AppByHand, run_of

async def take(records):
    if records[0].partition == 1:
        raise {error}

async def main():
    app = AppByHand()
    Lanes(app, "stage", ("business-events",), take)
    async with app:
        app.hand_out(run_of(0, 5))
        await asyncio.sleep(0.05)
        app.hand_out(run_of(1, 6))
        await asyncio.sleep(0.05)
        print("still here", app.acknowledged)

asyncio.run(main())
"""


@pytest.mark.parametrize("error", ["ValueError('who knows')", "KeyError()", "MemoryError()", "TimeoutError()"])
def test_an_error_ends_the_process_with_its_status_and_says_which_stage(error: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DYING.format(error=error)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == CRASHED
    assert "stage crashed" in ended.stderr
    assert error.partition("(")[0] in ended.stderr
    assert "still here" not in ended.stdout


@pytest.mark.parametrize(
    ("sizes", "ends"),
    [
        ([10, 10, 10], [3]),
        ([RUN_BYTES_MAX, 10, 10], [1, 3]),
        ([5 * RUN_BYTES_MAX, 5 * RUN_BYTES_MAX, 10], [1, 2, 3]),
        ([RUN_BYTES_MAX // 2, RUN_BYTES_MAX // 2, 10], [2, 3]),
        ([RUN_BYTES_MAX // 2, RUN_BYTES_MAX // 2 - 1, 10], [3]),
        ([None, 0, 5], [3]),
    ],
)
def test_a_run_ends_with_the_record_that_fills_it(sizes: list[int | None], ends: list[int]) -> None:
    assert cut([None if size is None else bytes(size) for size in sizes], 500) == ends


def test_a_run_ends_after_so_many_records() -> None:
    assert cut([b"v"] * 1250, 500) == [500, 1000, 1250]


def cut(values: Sequence[bytes | None], records_max: int) -> list[int]:
    """Returns where the runs of records with these values end."""
    rest: Records | None = Records([Record("t", 0, at, 0, b"k", value, ()) for at, value in enumerate(values)], 0)
    ends = [0]
    while rest is not None:
        run, rest = rest.run(records_max)
        ends.append(ends[-1] + run.count)
    return ends[1:]
