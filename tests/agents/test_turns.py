"""Few calls begin side by side, whoever waits goes on in order, and no turn is lost."""

import asyncio
from contextlib import suppress

from agents.turns import BEGIN_AT_ONCE_MAX, BEGIN_S, CALLS_AT_ONCE_MAX, Turns


class Calls:
    """Calls that ask for their turn one after the other, and hold it until they are told."""

    def __init__(self, count: int) -> None:
        self.turns = Turns()
        self.begun: list[int] = []
        self.ends = [asyncio.Event() for _ in range(count)]
        self.tasks = [asyncio.create_task(self._call(number)) for number in range(count)]

    async def _call(self, number: int) -> None:
        async with self.turns.one():
            self.begun.append(number)
            await self.ends[number].wait()
            raise LookupError  # an attempt that fails gives its turn back like any other

    async def ended(self) -> None:
        for end in self.ends:
            end.set()
        for task in self.tasks:
            with suppress(LookupError):
                await task


async def soon() -> None:
    """Lets the loop turn a few times; no time passes, or calls would grow old."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_of_quick_calls_the_next_begins_when_one_is_over() -> None:
    calls = Calls(BEGIN_AT_ONCE_MAX + 2)
    await asyncio.sleep(0)
    assert calls.begun == list(range(BEGIN_AT_ONCE_MAX))
    calls.ends[3].set()
    await soon()
    assert calls.begun[BEGIN_AT_ONCE_MAX:] == [BEGIN_AT_ONCE_MAX]
    await calls.ended()


async def test_calls_that_only_wait_hold_up_nobody_until_there_are_too_many() -> None:
    calls = Calls(CALLS_AT_ONCE_MAX + BEGIN_AT_ONCE_MAX)
    async with asyncio.timeout(60):
        while len(calls.begun) < CALLS_AT_ONCE_MAX:
            await asyncio.sleep(BEGIN_S)
    await asyncio.sleep(2 * BEGIN_S)
    assert calls.begun == list(range(CALLS_AT_ONCE_MAX))
    await calls.ended()
    assert calls.begun == list(range(len(calls.tasks)))


async def test_a_turn_is_given_back_once_however_old_it_is() -> None:
    turns = Turns()
    for wait_s in (0.0, BEGIN_S, 2 * BEGIN_S):
        async with turns.one():
            await asyncio.sleep(wait_s)
    await asyncio.sleep(2 * BEGIN_S)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        inside: list[int] = []

        async def call(number: int) -> None:
            async with turns.one():
                inside.append(number)
                await asyncio.sleep(BEGIN_S / 2)

        for number in range(BEGIN_AT_ONCE_MAX + 1):
            group.create_task(call(number))
        await soon()
        assert len(inside) == BEGIN_AT_ONCE_MAX
