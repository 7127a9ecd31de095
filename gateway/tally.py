"""Puts refused calls that are counted together on the log, once a second."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

from domain.ports import Publisher
from domain.refusals import Refusals
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.record import Outgoing

EVERY_S = 1.0
LAST_S = 2.5
"""Time that the last ones have, when the gateway ends."""
SOURCE = "auterity/gateway"

log = logging.getLogger(__name__)


class Tally:
    """Writes the seconds that have ended; what Kafka does not take is kept and written again with the same ids.

    As a context it does so by itself, and writes all that is left at the end.
    """

    def __init__(
        self,
        refusals: Refusals,
        publisher: Publisher,
        codec: Codec,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._refusals = refusals
        self._publisher = publisher
        self._codec = codec
        self._now = now
        self._pending: list[Outgoing] = []
        self._pending_calls = 0
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_for_ever())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._write_the_last()

    async def write(self, before: datetime | None = None) -> None:
        """Returns when all seconds that began before then are on the log, None: all there are; raises Unavailable."""
        async with self._turn:
            await self._write_pending()
            events = self._refusals.take(before)
            self._pending = [self._codec.encode(event, SOURCE) for event in events]
            self._pending_calls = sum(event.calls for event in events)
            await self._write_pending()

    @property
    def calls(self) -> int:
        """How many refused calls are not on the log for certain."""
        return self._pending_calls + self._refusals.calls

    async def _write_pending(self) -> None:
        await self._publisher.publish(self._pending)
        self._pending, self._pending_calls = [], 0

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.write(self._now().replace(microsecond=0))
            except Unavailable as error:
                log.warning("refused calls are kept", extra={"calls": self.calls, "reason": str(error)})

    async def _write_the_last(self) -> None:
        try:
            async with asyncio.timeout(LAST_S):
                while self.calls:
                    with suppress(Unavailable):
                        await self.write()
                    await asyncio.sleep(0.05 if self.calls else 0)
        except TimeoutError:
            log.error("refused calls are not on the log", extra={"calls": self.calls})
