"""Tells the figures of now to those who look on for them: a tenant's are looked up once a second for all of them."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from domain.pulse import Busy, Load, Pulses
from gateway.live import Live
from gateway.reads import READ_S
from schemas.errors import Unavailable

EVERY_S = 1.0
LOAD_EVERY_S = 5.0
LOAD_S = 10.0

log = logging.getLogger(__name__)


class Pulsing:
    """Looks figures up while somebody is told them, one tenant after the other: with many it takes longer than a
    second, and is told less often."""

    def __init__(
        self, live: Live, pulses: Pulses, load: Load, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._live = live
        self._pulses = pulses
        self._load = load
        self._now = now
        self._busy: Busy | None = None
        self._asked_at = -LOAD_EVERY_S

    async def run(self) -> None:
        """Does so for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.beat()

    async def beat(self) -> None:
        """Tells everybody once; of who cannot be looked up nothing is told."""
        if not (tenants := self._live.pulsed()):
            return
        if monotonic() - self._asked_at >= LOAD_EVERY_S:
            self._asked_at, self._busy = monotonic(), await self._now_busy()
        for tenant_id in tenants:
            now = self._now()
            try:
                async with asyncio.timeout(READ_S):
                    figures = await self._pulses.figures(tenant_id, int(now.timestamp() * 1000))
            except (Unavailable, TimeoutError) as error:
                log.warning("figures could not be read", extra={"tenant": tenant_id, "reason": str(error)})
                continue
            self._live.feed.beat(tenant_id, figures, self._busy, now)

    async def _now_busy(self) -> Busy | None:
        try:
            async with asyncio.timeout(LOAD_S):
                return await asyncio.to_thread(self._load.busy)
        except (Unavailable, TimeoutError) as error:
            log.warning("how busy the platform is could not be read", extra={"reason": str(error)})
            return None
