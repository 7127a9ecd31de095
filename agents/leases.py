"""The clock that ends holds: a tenant of whom nobody asks anything is told by nobody that time passes."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from domain.book import Book
from domain.ids import derive
from schemas.errors import Unavailable
from schemas.events import BudgetEntry, EntryKind
from streams.ending import crash
from streams.stage import Stage, Tools

TICK_S = 2.0
"""How often it looks: a hold outlives its lease by no more, and by what Kafka takes."""
SOURCE = "auterity/leases"

log = logging.getLogger(__name__)


class Leases:
    """Tells the budgets of the tenants taken by this worker when the lease of a hold is over."""

    def __init__(self, budgets: Stage, tools: Tools, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._budgets = budgets
        self._tools = tools
        self._clock = clock
        budgets.app.task(self._run)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._tell()
            except Unavailable as error:
                log.warning("leases not looked at", extra={"error": str(error)})
            except Exception:  # noqa: BLE001  a clock that stands still would hold money for ever
                crash("leases")

    async def _tell(self) -> None:
        now = self._clock()
        found = await asyncio.to_thread(lambda: list(self._budgets.states()))
        said = [
            _over(tenant.decode(), now)
            for tenant, book in found
            if isinstance(book, Book) and any(hold.lease_until <= now for hold in book.holds.values())
        ]
        await self._tools.publisher.publish([self._tools.codec.encode(each, SOURCE) for each in said])


def _over(tenant_id: str, now: datetime) -> BudgetEntry:
    event_id = derive(tenant_id, "leases", now.isoformat())
    return BudgetEntry(
        event_id=event_id,
        tenant_id=tenant_id,
        correlation_id=event_id,
        occurred_at=now,
        kind=EntryKind.EXPIRY_REQUESTED,
    )
