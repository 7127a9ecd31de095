"""Counts calls against their limits, in this process or in a Redis that all gateways share."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from limits.aio.storage import RedisStorage
from msgspec import Struct, field
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.identity import Principal
from domain.limits import WINDOW_S, Limit, Rates, Standing, of_known, standing
from domain.quotas import Quota
from domain.refusals import Refusals
from schemas.errors import Unavailable

KEYS_MAX = 100_000
"""Counted apart in a minute by one process; beyond it all new ones share a counter, and meet their limit together."""
OTHERS = "others"
ANSWER_S = 0.5
"""Time Redis has to answer; a call waits twice as long at most, for a new connection too."""
CONNECTIONS_MAX = 16
"""At a time: one loop asks, and Redis answers one after another."""
PREFIX = "auterity"
T = TypeVar("T")

log = logging.getLogger(__name__)


class Uncounted(Unavailable):
    """Redis does not answer, so nobody knows whether a limit is met."""


class TooMany(Exception):
    """A call is one too many. `more` says which limit it has met, `retry_after_s` when there is more of it."""

    def __init__(self, detail: str, retry_after_s: int, status: int = 429, **more: Any) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.status = status
        self.more = more


class Met(TooMany):
    """As many calls as are taken in a minute have come."""

    def __init__(self, standing: Standing) -> None:
        limit = standing.limit
        said = {"name": limit.name, "calls": limit.calls, "window_s": WINDOW_S}
        super().__init__(limit.reason, standing.reset_s, limit=said)


class Counter(Protocol):
    """Counts. Of the library `limits` its Redis does; its own memory looks at every key with every call."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Returns what the count has come to; it is forgotten `expiry` seconds after it began. Raises Unavailable."""


class Local:
    """A Counter in this process. What is older than two windows is forgotten at the latest, all at once."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._counts: tuple[dict[str, int], dict[str, int]] = {}, {}
        """Of this window and of the one before."""
        self._turned = time.monotonic()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See Counter; `expiry` is one for all."""
        now = time.monotonic()
        if now >= self._turned + expiry:
            self._counts, self._turned = ({}, self._counts[0]), now
        current, before = self._counts
        count = current.get(key)
        if count is None:
            count = before.pop(key, 0)
            if len(current) >= self._keys_max:
                key = f"{key.partition('/')[0]}/{OTHERS}/{key.rpartition('/')[2]}"
                count = current.get(key, 0)
        current[key] = count = count + amount
        return count


class Shared:
    """A Counter in a Redis. Close it."""

    def __init__(self, url: str) -> None:
        """Takes redis:// or rediss://; connects with the first call."""
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=ANSWER_S,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis closed while it was idle
        )
        self.redis = Redis(connection_pool=pool)
        self._storage = RedisStorage(f"async+{url}", implementation="redispy", key_prefix=PREFIX, connection_pool=pool)  # type: ignore[arg-type]  # as its documents have it
        self._answers = True

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See Counter."""
        return await self.asked(self._storage.incr(key, expiry, amount))

    async def ready(self) -> None:
        """Returns when Redis answers; raises Uncounted."""
        await self.asked(self.redis.ping())

    async def asked(self, question: Awaitable[T]) -> T:
        """Returns what Redis answers; raises Uncounted."""
        try:
            async with asyncio.timeout(2 * ANSWER_S):
                answer = await question
        except (RedisError, OSError, TimeoutError) as error:
            if self._answers:
                log.error("Redis does not answer: calls are refused", extra={"reason": str(error)})
            self._answers = False
            raise Uncounted(f"Redis does not answer: {str(error) or 'nothing in time'}") from error
        if not self._answers:
            log.warning("Redis answers again")
        self._answers = True
        return answer

    async def close(self) -> None:
        """Leaves Redis."""
        await self.redis.aclose(close_connection_pool=True)


class Limits(Struct, frozen=True):
    """What the door counts by, and what it refuses without an event each."""

    rates: Rates = Rates()
    counter: Counter = field(default_factory=Local)
    refusals: Refusals = field(default_factory=Refusals)

    async def count(self, limit: Limit, now: datetime, standings: list[Standing]) -> None:
        """Counts a call and adds how the limit stands; raises Met when it is one too many, and Unavailable."""
        found = standing(limit, await self.counter.incr(limit.counter(now), 2 * WINDOW_S), now)
        standings.append(found)
        if found.met:
            raise Met(found)

    async def count_known(self, principal: Principal, quota: Quota, now: datetime, standings: list[Standing]) -> None:
        """Counts a call for who makes it and for the tenant, as `count` does."""
        for limit in of_known(principal, quota):
            await self.count(limit, now, standings)
