"""One who looks on: what it is told next, from where it left off to the newest."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

import msgspec

from domain.identity import Principal
from domain.live import Channel, Vector, view
from gateway.feed import FRAME_BYTES, Feed, placed
from gateway.ring import Entry, moved

MISSED_MAX = 10_000
"""Messages that somebody who comes back is told again; who missed more is told the latest state."""
ALIVE_S = 25.0
"""Who is told nothing for so long is told its position."""
STALL_S = 60.0
"""Who takes nothing for so long is ended."""
TRY_LATER = 1013
STUCK_S = 2.0
"""Time a connection has to take what ends it."""


class Viewer:
    """Follows the feed of its tenant; belongs to one connection."""

    def __init__(
        self, feed: Feed, principal: Principal, call_id: str, channels: Iterable[Channel], after: Vector | None
    ) -> None:
        """Begins behind the position `after`, else now."""
        self.principal = principal
        self.ending: tuple[int, str] | None = None
        self._feed = feed
        self._call_id = call_id
        self._wanted = frozenset(channels)
        self._view = view(principal.permissions, self._wanted)
        self._tenant = feed.join(principal.tenant_id)
        self._number = self._tenant.ring.end
        self._totals = self._tenant.ring.totals
        self._after = after
        self._told_at = monotonic()
        self._counters = self._pulse = -1
        self._greeting = self._ready(after)
        self._turned = self._silent = self._stopping = False
        self._handed_at: float | None = None
        self._future: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cut: asyncio.TimerHandle | None = None

    async def texts(self) -> AsyncGenerator[Sequence[str], None]:
        """Yields what is to be told next, one or more messages in JSON, until the viewer is ended."""
        self._task = asyncio.current_task()
        try:
            async for texts in self._all():
                self._handed_at = monotonic()
                yield texts
                self._handed_at, self._told_at = None, monotonic()
                if self.ending is not None:
                    return
        finally:
            self._task = None
            if self._cut is not None:
                self._cut.cancel()

    @property
    def pulsed(self) -> bool:
        """Whether it is told the figures of now."""
        return self._view.pulsed

    def choose(self, channels: Iterable[Channel]) -> None:
        """Tells these channels from now on, as far as they are permitted."""
        self._wanted = frozenset(channels)
        self._turn()

    def permit(self, principal: Principal) -> None:
        """Takes in what the caller may see from now on."""
        if principal.permissions != self.principal.permissions:
            self.principal = principal
            self._turn()

    def end(self, code: int, reason: str) -> None:
        """Ends the connection, for the first reason that is given; one that takes nothing any more is cut off."""
        if self.ending is not None:
            return
        self.ending = code, reason
        self._wake()
        if self._task is not None:
            self._cut = asyncio.get_running_loop().call_later(STUCK_S, self._task.cancel)

    def stop(self) -> None:
        """Ends the connection when the viewer has been told all that there is."""
        self._stopping = True
        self._wake()

    def remind(self, now: float) -> None:
        """Has the viewer be told its position when it has been told nothing for long; ends one that takes nothing."""
        if self._handed_at is not None and now > self._handed_at + STALL_S:
            self.end(TRY_LATER, f"nothing was taken for {STALL_S:.0f} s")
        if now > self._told_at + ALIVE_S:
            self._silent = True
            self._wake()

    def leave(self) -> None:
        """Says that the connection has ended."""
        self._feed.leave(self.principal.tenant_id)

    async def _all(self) -> AsyncGenerator[Sequence[str], None]:
        yield [self._greeting]
        if self._after is not None:
            async for texts in self._missed(self._after):
                yield texts
        while self.ending is None:
            if found := self._next():
                yield found
            elif self._stopping:
                self.end(1000, "")
            else:
                await self._woken()

    def _next(self) -> list[str]:
        """Returns what is to be told now; nothing when the viewer is at the end of the feed."""
        texts: list[str] = []
        ring, feed, tenant_id = self._tenant.ring, self._feed, self.principal.tenant_id
        if self._number < ring.start:
            texts += self._behind()
        while self._number < ring.end and not texts:
            more, self._number, self._totals = feed.texts(tenant_id, self._number, self._view)
            texts += more
        if self._number == ring.end:
            if self._turned:
                texts.append(self._ready(None))
                self._turned, self._counters = False, -1
            if self._view.counted and self._counters != self._tenant.counters:
                self._counters = self._tenant.counters
                texts.append(feed.counters(tenant_id, self._view.counted))
            if self._view.pulsed and (now := self._tenant.now) is not None and self._pulse != now.number:
                self._pulse = now.number
                texts.append(feed.pulse(tenant_id, self.principal.permissions))
            if self._silent and not texts:
                texts.append(self._said("alive"))
        self._silent = False
        return texts

    def _behind(self) -> list[str]:
        """Lets go of what waits."""
        ring = self._tenant.ring
        dropped = sum(ring.totals[kind] - self._totals[kind] for kind in self._view.kinds)
        self._at_end()
        return [self._said("behind", dropped=dropped)] if dropped else []

    async def _missed(self, position: Vector) -> AsyncGenerator[Sequence[str], None]:
        """Yields what lies behind the position, as far as it can be told again."""
        feed, ring, left = self._feed, self._tenant.ring, MISSED_MAX
        if await feed.reached(position):
            while (found := ring.after(position)) is None:
                target = feed.vector
                entries = await feed.again(self.principal.tenant_id, position, target)
                if entries is None or len(entries) > left:
                    break
                left -= len(entries)
                for texts in self._again(entries, position):
                    yield texts
                position = target
            else:
                entries, self._number = found
                self._totals = ring.totals_at(self._number)
                for texts in self._again(entries, position):
                    yield texts
                return
        self._at_end()
        yield [self._said("reset")]

    def _again(self, entries: Sequence[Entry], position: Vector) -> Iterator[list[str]]:
        """Yields the texts of entries, each with the position of who has got those before."""
        texts, size = [], 0
        for entry in entries:
            position = moved(position, entry.place, entry.offset)
            if entry.kind in self._view.kinds:
                place = self._feed.positions.told(self.principal.tenant_id, position)
                texts.append(placed(entry.body.decode(), place))
                size += len(texts[-1])
            if size > FRAME_BYTES:
                yield texts
                texts, size = [], 0
        if texts:
            yield texts

    def _at_end(self) -> None:
        self._number, self._totals = self._tenant.ring.end, self._tenant.ring.totals
        self._counters = -1

    def _ready(self, at: Vector | None) -> str:
        return self._said("ready", at, channels=self._view.channels, correlation_id=self._call_id)

    def _said(self, kind: str, at: Vector | None = None, **more: Any) -> str:
        tenant_id = self.principal.tenant_id
        place = self._feed.position(tenant_id) if at is None else self._feed.positions.told(tenant_id, at)
        return placed(msgspec.json.encode({"type": kind, **more}).decode(), place)

    def _turn(self) -> None:
        self._view = view(self.principal.permissions, self._wanted)
        self._turned = True
        self._wake()

    async def _woken(self) -> None:
        self._future = asyncio.get_running_loop().create_future()
        self._tenant.waiting.add(self._future)
        try:
            await self._future
        finally:
            self._tenant.waiting.discard(self._future)

    def _wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
