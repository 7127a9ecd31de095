"""Who may ask a model now: so many at the same time, and few who begin."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CALLS_AT_ONCE_MAX = 256
"""Models asked at the same time by one worker."""
BEGIN_AT_ONCE_MAX = 32
BEGIN_S = 0.125
"""To begin a call, and to take its answer, is what takes a processor's time: of those that are so young only that many
go on side by side. The answers of the first are on the log before the last ones begin; who is older only waits."""


class Turns:
    """Gives turns in the order in which they were asked for."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(CALLS_AT_ONCE_MAX)
        self._young = asyncio.Semaphore(BEGIN_AT_ONCE_MAX)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Returns when it is this one's turn, which ends with the context."""
        async with self._all:
            await self._young.acquire()
            young = True

            def grow() -> None:
                nonlocal young
                if young:
                    young = False
                    self._young.release()

            timer = asyncio.get_running_loop().call_later(BEGIN_S, grow)
            try:
                yield
            finally:
                timer.cancel()
                grow()
