"""Counts what a tenant has used of its quotas: events of a day, and what is under way."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from domain.quotas import Quota, day, day_left_s, effective, granted, lease
from gateway.limits import PREFIX, Shared, TooMany
from schemas.errors import Unavailable

KEPT_S = 2 * 86_400
WAIT_S = 1.0
"""Time that another gateway may take with the same file."""
SCRIPT = """
local used = tonumber(redis.call('get', KEYS[1]) or '0')
local free = math.min(tonumber(ARGV[1]), tonumber(ARGV[3]) - used)
if free < tonumber(ARGV[2]) or free <= 0 then return 0 end
redis.call('incrby', KEYS[1], free)
redis.call('expire', KEYS[1], ARGV[4])
return free
"""
"""What `granted` decides, in one step for all gateways."""


class Uncounted(Unavailable):
    """The file that counts cannot be written."""


class QuotaMet(TooMany):
    """A tenant has used a quota up."""

    def __init__(self, name: str, amount: int, detail: str, retry_after_s: int = 1, status: int = 429) -> None:
        said = {"name": name, "amount": amount}
        super().__init__(f"{detail} (quota {name})", retry_after_s, status, quota=said)


class Ledger(Protocol):
    """Keeps what was granted, by name; for all who share it."""

    async def grant(self, name: str, wanted: int, least: int, quota: int) -> int:
        """Returns how many are granted: as many of the wanted as the quota leaves, none below the least.

        What is granted stays so after any crash. Raises Unavailable; then it may be granted or not.
        """


class MemoryLedger:
    """A Ledger that ends with its process: for tests."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()

    async def grant(self, name: str, wanted: int, least: int, quota: int) -> int:
        """See Ledger."""
        free = granted(self._used[name], wanted, least, quota)
        self._used[name] += free
        return free


class FileLedger:
    """A Ledger in a file, for all gateways of one data directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def grant(self, name: str, wanted: int, least: int, quota: int) -> int:
        """See Ledger."""
        return await asyncio.to_thread(self._grant, name, wanted, least, quota)

    def _grant(self, name: str, wanted: int, least: int, quota: int) -> int:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=WAIT_S, isolation_level=None)) as file:
                self._path.chmod(0o600)
                file.execute("PRAGMA synchronous=FULL")
                file.execute("BEGIN IMMEDIATE")
                file.execute("CREATE TABLE IF NOT EXISTS used (name TEXT PRIMARY KEY, count INTEGER, at INTEGER)")
                row = file.execute("SELECT count FROM used WHERE name = ?", (name,)).fetchone()
                used = row[0] if row is not None else 0
                free = granted(used, wanted, least, quota)
                now = "CAST(strftime('%s') AS INTEGER)"
                file.execute(f"INSERT OR REPLACE INTO used VALUES (?, ?, {now})", (name, used + free))
                file.execute(f"DELETE FROM used WHERE at < {now} - {KEPT_S}")
                file.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise Uncounted(f"{self._path}: {error}") from error
        return free


class SharedLedger:
    """A Ledger in the Redis that all gateways share."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._script = shared.redis.register_script(SCRIPT)

    async def grant(self, name: str, wanted: int, least: int, quota: int) -> int:
        """See Ledger."""
        keys, said = [f"{PREFIX}/used/{name}"], [wanted, least, quota, KEPT_S]
        return int(await self._shared.asked(self._script(keys=keys, args=said)))


class Usage(Struct, frozen=True):
    """What the door asks before it takes events and calls."""

    ledger: Ledger = field(default_factory=MemoryLedger)
    left: dict[tuple[str, str], int] = field(default_factory=dict)
    """Granted and not used yet, by tenant and day."""
    held: Counter[str] = field(default_factory=Counter)
    """Calls and connections under way, by tenant."""

    async def take(self, tenant_id: str, quota: Quota, events: int, at: datetime) -> None:
        """Counts events that will be put on the log now; raises QuotaMet when they are too many, and Unavailable."""
        amount = effective(quota).events_per_day
        if amount is None or not events:
            return
        today = tenant_id, day(at)
        for old in [each for each in self.left if each[0] == tenant_id and each != today]:
            del self.left[old]
        while (missing := events - self.left.get(today, 0)) > 0:
            free = await self.ledger.grant("/".join(today), lease(amount, missing), missing, amount)
            if not free:
                raise QuotaMet("events_per_day", amount, f"more than {amount} events a day", day_left_s(at))
            self.left[today] = self.left.get(today, 0) + free
        self.left[today] -= events

    @contextmanager
    def under_way(self, tenant_id: str, quota: Quota) -> Iterator[None]:
        """Counts a call or a connection while it is under way; raises QuotaMet when it is one too many."""
        amount = effective(quota).connections
        assert amount is not None
        if self.held[tenant_id] >= amount:
            raise QuotaMet("connections", amount, f"more than {amount} calls and connections at a time")
        self.held[tenant_id] += 1
        try:
            yield
        finally:
            self.held[tenant_id] -= 1
            if not self.held[tenant_id]:
                del self.held[tenant_id]
