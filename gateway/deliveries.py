"""Remembers which deliveries of webhooks were taken, for all gateways: in a file that they share, or in a Redis.

It is no projection of the log, and nothing counts by it: who takes a delivery a second time because this was lost puts
events with the same ids on the log again.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from domain.webhooks import Taken
from gateway.limits import PREFIX, Shared
from schemas.errors import Unavailable

KEPT_S = 3 * 86_400
"""After it a delivery that is signed anew is taken again; one that is not is stale after ten minutes."""
LEASE_S = 15
"""A call that died in the middle of a delivery keeps it from others for so long; no call lives longer."""
WAIT_S = 1.0
"""Time that another gateway may take with the same file."""
TRIES = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (place TEXT PRIMARY KEY, digest TEXT, kept INTEGER, until REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_until ON deliveries (until);
"""
T = TypeVar("T")


class Unremembered(Unavailable):
    """Nobody knows now what was taken before."""


class Deliveries(Protocol):
    """Remembers deliveries by place, for all who share it. Everything raises Unavailable."""

    async def begin(self, place: str, digest: str, now: datetime) -> Taken | None:
        """Returns what is known of the place; None when nothing was, and from now on it is this one's for LEASE_S."""

    async def keep(self, place: str, digest: str, now: datetime) -> None:
        """Says that it was taken; that is known for KEPT_S."""

    async def forget(self, place: str) -> None:
        """Says that it was not taken: the next one may be."""


class FileDeliveries:
    """Deliveries in a file, for all gateways of one data directory. Close it."""

    def __init__(self, path: Path) -> None:
        """Opens the file with the first delivery."""
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._turn = threading.Lock()

    async def begin(self, place: str, digest: str, now: datetime) -> Taken | None:
        """See Deliveries."""

        def work(file: sqlite3.Connection) -> Taken | None:
            at = now.timestamp()
            said = "SELECT digest, kept FROM deliveries WHERE place = ? AND until > ?"
            if (row := file.execute(said, (place, at)).fetchone()) is not None:
                return Taken(row[0], bool(row[1]))
            file.execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, 0, ?)", (place, digest, at + LEASE_S))
            return None

        return await self._done(work)

    async def keep(self, place: str, digest: str, now: datetime) -> None:
        """See Deliveries."""

        def work(file: sqlite3.Connection) -> None:
            at = now.timestamp()
            file.execute("INSERT OR REPLACE INTO deliveries VALUES (?, ?, 1, ?)", (place, digest, at + KEPT_S))
            file.execute("DELETE FROM deliveries WHERE until <= ?", (at,))

        await self._done(work)

    async def forget(self, place: str) -> None:
        """See Deliveries."""

        def work(file: sqlite3.Connection) -> None:
            file.execute("DELETE FROM deliveries WHERE place = ?", (place,))

        await self._done(work)

    def close(self) -> None:
        """Leaves the file."""
        with self._turn:
            self._leave()

    async def _done(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def whole() -> T:
            with self._turn, self._alone() as file:
                return work(file)

        return await asyncio.to_thread(whole)

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """Yields the file, which is nobody else's until that is done; what fails leaves it as it was."""
        try:
            self._file = file = self._file or self._opened()
            file.execute("BEGIN IMMEDIATE")
            with file:
                yield file
        except (sqlite3.Error, OSError) as error:
            self._leave()  # the next one opens it anew
            raise Unremembered(f"{self._path}: {error}") from error

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = sqlite3.connect(self._path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            file.execute("PRAGMA journal_mode=WAL")  # nothing waits for the disk: what it loses is taken once more
            file.execute("PRAGMA synchronous=NORMAL")
            file.executescript(SCHEMA)
        except (sqlite3.Error, OSError):
            file.close()
            raise
        return file


class SharedDeliveries:
    """Deliveries in the Redis that all gateways share."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def begin(self, place: str, digest: str, now: datetime) -> Taken | None:
        """See Deliveries; Redis has a clock of its own."""
        asked, redis, name = self._shared.asked, self._shared.redis, _name(place)
        for _ in range(TRIES):
            if await asked(redis.set(name, f"0{digest}", nx=True, ex=LEASE_S)):
                return None
            if (found := await asked(redis.get(name))) is not None:
                text = found.decode() if isinstance(found, bytes) else str(found)
                return Taken(text[1:], text[0] == "1")
        raise Unremembered("a delivery comes and goes")

    async def keep(self, place: str, digest: str, now: datetime) -> None:
        """See Deliveries."""
        await self._shared.asked(self._shared.redis.set(_name(place), f"1{digest}", ex=KEPT_S))

    async def forget(self, place: str) -> None:
        """See Deliveries."""
        await self._shared.asked(self._shared.redis.delete(_name(place)))


def _name(place: str) -> str:
    return f"{PREFIX}/delivery/{place}"
