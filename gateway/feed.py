"""The live feed: what happened last in each tenant, handed to all who look on.

Nothing waits for anybody: a reader has a place in its tenant's ring and takes what lies behind it when it can. All
who are at the same place are given the same text.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from operator import ge
from time import monotonic

import msgspec
from msgspec import Struct

from domain.identity import Permission
from domain.live import Channel, Counts, Message, Vector, View
from domain.pulse import GATED, Busy, Figures, pulse
from gateway.positions import Positions
from gateway.ring import Entry, Ring, Totals

PACE_S = 0.1
"""Readers are woken at most so often for what came; what comes meanwhile goes out together."""
COUNTERS_S = 0.25
"""Counters that have changed are told at most so often."""
WOKEN_AT_ONCE = 100
"""Readers that are woken before anything else has its turn."""
FRAME_BYTES = 16 * 1024
"""A text ends behind the message with which it passes this."""
RINGS_BYTES_MAX = 64 * 1024 * 1024
"""That all rings hold together; the largest gives way."""
REACH_S = 2.0
"""How long somebody who comes from further ahead, another gateway, waits until the feed is there."""


class Shortened(Exception):
    """The log is shorter than it was: no position means anything any more, so the process has to begin anew."""


class Told(Struct, frozen=True):
    """A message and its entry, of one tenant."""

    tenant_id: str
    message: Message
    entry: Entry


Again = Callable[[str, Vector, Vector], Awaitable[Sequence[Entry] | None]]
"""Reads a tenant's messages between two positions from the log again; None when that is more than it reads."""


class Now(Struct, frozen=True):
    """The figures that were looked up last."""

    figures: Figures
    busy: Busy | None
    at: datetime
    number: int


class Tenant:
    """What is known of a tenant, and its readers that wait."""

    def __init__(self, floor: Vector) -> None:
        self.ring = Ring(floor)
        self.waiting: set[asyncio.Future[None]] = set()
        self.readers = 0
        self.counters = 0
        """How often counters were told."""
        self.changed = False
        """True when there are newer ones to tell."""
        self.told_at = self.woken_at = -1.0
        self.timer: asyncio.Handle | None = None
        self.due = 0.0
        """When the timer goes off, by the loop's clock."""
        self.texts: dict[tuple[int, frozenset[int]], tuple[list[str], int, Totals]] = {}
        self.counts: dict[tuple[Channel, ...], str] = {}
        self.position: tuple[Vector, str] | None = None
        self.now: Now | None = None
        self.pulses: dict[frozenset[Permission], str] = {}
        """What is told of now, by what decides which parts of it."""


class Feed:
    """Belongs to one event loop."""

    def __init__(self, begin: Vector, since: datetime, positions: Positions, again: Again) -> None:
        """Begins at a position; counters count from `since`, see `take`."""
        self.since = since
        self.vector = self._begin = begin
        self.positions = positions
        self.again = again
        self._tenants: dict[str, Tenant] = {}
        self._counts = Counts()
        self._bytes = 0

    def take(self, told: Sequence[Told], vector: Vector, counted_from: Vector | None = None) -> None:
        """Takes in the next messages of the log, in order, and the position behind them; raises Shortened.

        What lies before `counted_from` is not counted.
        """
        if not all(map(ge, vector, self.vector)):
            raise Shortened(f"{vector} after {self.vector}")
        fresh = set()
        for each in told:
            entry, tenant = each.entry, self.tenant(each.tenant_id)
            before = tenant.ring.bytes
            tenant.ring.append(entry)
            self._bytes += tenant.ring.bytes - before
            if counted_from is None or entry.offset >= counted_from[entry.place]:
                self._counts.add(each.tenant_id, each.message)
                tenant.changed = True
            fresh.add(each.tenant_id)
        self.vector = vector
        while self._bytes > RINGS_BYTES_MAX:
            self._give_way()
        for name in fresh:
            self._tenants[name].texts.clear()
            self._wake_soon(self._tenants[name])

    def tenant(self, tenant_id: str) -> Tenant:
        """Returns what is known of a tenant."""
        found = self._tenants.get(tenant_id)
        if found is None:
            found = self._tenants[tenant_id] = Tenant(self._begin)
        return found

    def join(self, tenant_id: str) -> Tenant:
        """Counts one more reader, who is shown the newest counters first; `leave` is its end."""
        tenant = self.tenant(tenant_id)
        if not tenant.readers:
            tenant.changed = False
            tenant.counts.clear()
        tenant.readers += 1
        return tenant

    def leave(self, tenant_id: str) -> None:
        """Counts one reader less."""
        self.tenant(tenant_id).readers -= 1

    def position(self, tenant_id: str) -> str:
        """Returns the text of where the feed is now."""
        tenant = self.tenant(tenant_id)
        if tenant.position is None or tenant.position[0] != self.vector:
            tenant.position = self.vector, self.positions.told(tenant_id, self.vector)
        return tenant.position[1]

    async def reached(self, position: Vector) -> bool:
        """Returns whether the feed is there, or comes there soon."""
        until = monotonic() + REACH_S
        while not all(map(ge, self.vector, position)):
            if monotonic() > until:
                return False
            await asyncio.sleep(PACE_S)
        return True

    def texts(self, tenant_id: str, number: int, view: View) -> tuple[list[str], int, Totals]:
        """Returns the next texts for who is at this number of the ring, and where that one is then."""
        tenant = self.tenant(tenant_id)
        known = tenant.texts.get((number, view.kinds))
        if known is None:
            known = tenant.texts[number, view.kinds] = self._made(tenant_id, tenant.ring, number, view.kinds)
        return known

    def counters(self, tenant_id: str, channels: tuple[Channel, ...]) -> str:
        """Returns the newest counters that may be told, with the position of now."""
        tenant = self.tenant(tenant_id)
        if channels not in tenant.counts:
            counts = {each.value: found for each, found in self._counts.of(tenant_id, channels).items()}
            said = {"type": "counters", "channel": "counters", "since": self.since, "counts": counts}
            tenant.counts[channels] = msgspec.json.encode(said).decode()
        return placed(tenant.counts[channels], self.position(tenant_id))

    def beat(self, tenant_id: str, figures: Figures, busy: Busy | None, at: datetime) -> None:
        """Takes in the tenant's figures of now, and wakes who is told them."""
        tenant = self.tenant(tenant_id)
        tenant.now = Now(figures, busy, at, tenant.now.number + 1 if tenant.now is not None else 0)
        tenant.pulses.clear()
        self._wake_soon(tenant)

    def pulse(self, tenant_id: str, permissions: frozenset[Permission]) -> str:
        """Returns what somebody with these permissions is told of now, which was looked up."""
        tenant, gated = self.tenant(tenant_id), permissions & GATED
        assert tenant.now is not None
        if gated not in tenant.pulses:
            now = tenant.now
            tenant.pulses[gated] = msgspec.json.encode(pulse(now.figures, now.busy, gated, now.at)).decode()
        return placed(tenant.pulses[gated], self.position(tenant_id))

    def _made(self, tenant_id: str, ring: Ring, number: int, kinds: frozenset[int]) -> tuple[list[str], int, Totals]:
        texts, size, totals = [], 0, ring.totals
        for entry in ring.since(number):
            number, totals = number + 1, entry.totals
            if entry.kind not in kinds:
                continue
            if not entry.text:
                entry.text = placed(entry.body.decode(), self.positions.told(tenant_id, entry.vector))
            texts.append(entry.text)
            size += len(entry.text)
            if size > FRAME_BYTES:
                break
        return texts, number, totals

    def _wake_soon(self, tenant: Tenant) -> None:
        if tenant.readers:
            self._at(tenant, tenant.woken_at + PACE_S)

    def _at(self, tenant: Tenant, moment: float) -> None:
        """Wakes the tenant's readers at this moment, or before."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, moment - monotonic())
        if tenant.timer is not None:
            if tenant.due <= when:
                return
            tenant.timer.cancel()
        tenant.timer, tenant.due = loop.call_at(when, self._wake, tenant), when

    def _wake(self, tenant: Tenant) -> None:
        tenant.timer = None
        now = tenant.woken_at = monotonic()
        if tenant.changed:
            due = tenant.told_at + COUNTERS_S
            if now >= due:
                tenant.changed, tenant.told_at = False, now
                tenant.counters += 1
                tenant.counts.clear()
            elif tenant.readers:
                self._at(tenant, due)
        waiting, tenant.waiting = list(tenant.waiting), set()
        _wake(waiting)

    def _give_way(self) -> None:
        largest = max((each.ring for each in self._tenants.values()), key=lambda ring: ring.bytes)
        before = largest.bytes
        largest.halve()
        self._bytes += largest.bytes - before


def placed(body: str, position: str) -> str:
    """Returns the JSON of a message with its position, which is its last member always."""
    return f'{body[:-1]},"position":"{position}"}}'


def _wake(waiting: Sequence["asyncio.Future[None]"]) -> None:
    for future in waiting[:WOKEN_AT_ONCE]:
        if not future.done():
            future.set_result(None)
    if len(waiting) > WOKEN_AT_ONCE:
        asyncio.get_running_loop().call_soon(_wake, waiting[WOKEN_AT_ONCE:])
