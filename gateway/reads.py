"""What the routes that read ask of the read models: as far as a caller says, within a time, for one tenant."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from fastapi import Request
from msgspec import Struct
from msgspec.structs import replace

from domain.identity import Permission, Principal
from domain.log_position import BadPosition, decode
from domain.read_models import RUN_TOPICS, Applied, Run, Tally
from domain.reading import AgentCount, Query, R, ReadModels
from gateway.answers import Refusal
from gateway.cursors import cursor
from schemas.errors import Unavailable

READ_S = 5.0
"""Time the read models have for one question."""
AFTER_S = 2.0
"""Time they have to come as far as a caller has written."""
POLL_S = 0.05
HEADER = "auterity-after"
NEWEST = ("recorded_ms", "run_id")
"""The order of runs."""
T = TypeVar("T")


def log_topics(principal: Principal) -> list[str]:
    """Returns the topics of a run's log that the caller may read."""
    decisions = Permission.READ_DECISIONS in principal.permissions
    return [each for each in ("business-events", *RUN_TOPICS) if decisions or each != "compliance-decisions"]


class Page(Struct, Generic[R], frozen=True):
    """Part of a list, and the cursor of what follows; None at its end."""

    rows: list[R]
    next: str | None


class Reads:
    """The read models, as routes ask them."""

    def __init__(self, models: ReadModels) -> None:
        self._models = models
        self._asking: asyncio.Task[Applied] | None = None

    async def as_of(self, request: Request) -> str | None:
        """Returns when Kafka took the newest record that is in, once what the caller names as `after` is.

        What is read afterwards is at least so far. Raises Refusal with 400 for what is no position, and with 503 when
        the read models do not come so far in AFTER_S, or do not answer.
        """
        said = request.query_params.get("after") or request.headers.get(HEADER)
        applied = await self._applied() if said is None else await self._after(said)
        at = datetime.fromtimestamp(applied.recorded_ms / 1000, UTC)
        return at.isoformat(timespec="milliseconds") if applied.recorded_ms else None

    async def page(self, tenant_id: str, query: Query[R]) -> Page[R]:
        """Returns the rows of a query, and the cursor of what follows them."""
        more = replace(query, limit=query.limit + 1)
        rows = await self.rows(tenant_id, more)
        found = rows[: query.limit]
        return Page(found, cursor(found[-1], query.order) if len(rows) > len(found) else None)

    async def rows(self, tenant_id: str, query: Query[R]) -> list[R]:
        """Returns the rows of a query."""
        return await self.answered(self._models.rows(tenant_id, query))

    async def run(self, tenant_id: str, run_id: str) -> Run | None:
        """Returns the tenant's run, None when the tenant has none of this id."""
        if "\x00" in run_id or len(run_id) > 200:
            return None
        found = await self.rows(tenant_id, Query(of=Run, where={"run_id": run_id}, order=("run_id",), limit=1))
        return found[0] if found else None

    async def tallies(self, tenant_id: str, run_ids: Sequence[str]) -> dict[str, Tally]:
        """Returns what these runs have come to."""
        return await self.answered(self._models.tallies(tenant_id, run_ids)) if run_ids else {}

    async def agents(self, tenant_id: str) -> list[AgentCount]:
        """Returns the counts of the tenant's steps."""
        return await self.answered(self._models.agents(tenant_id))

    async def _after(self, said: str) -> Applied:
        try:
            position = decode(said)
        except BadPosition as error:
            raise Refusal(400, f"after: {error}") from error
        if unread := position.unread():
            raise Refusal(400, f"after: no read model follows {', '.join(unread)}")
        until = asyncio.get_running_loop().time() + AFTER_S
        while not position.reached((applied := await self._applied()).offsets):
            if asyncio.get_running_loop().time() > until:
                raise Refusal(503, f"the read models did not come so far within {AFTER_S:.0f} s")
            await asyncio.sleep(POLL_S)
        return applied

    async def _applied(self) -> Applied:
        """Asks how far they are, once for all who wait."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self.answered(self._models.applied()))
        return await asyncio.shield(self._asking)

    async def answered(self, answer: Awaitable[T]) -> T:
        """Returns what the read models answer; raises Refusal with 503 when they do not in time."""
        try:
            async with asyncio.timeout(READ_S):
                return await answer
        except (Unavailable, TimeoutError) as error:
            raise Refusal(503, "the read models do not answer now") from error
