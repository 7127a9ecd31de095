"""Deliveries that end with their process."""

from datetime import datetime

from domain.webhooks import Taken
from gateway.deliveries import KEPT_S, LEASE_S


class MemoryDeliveries:
    """Remembers deliveries for one process; see Deliveries."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Taken, float]] = {}

    async def begin(self, place: str, digest: str, now: datetime) -> Taken | None:
        """See Deliveries."""
        known = self._known.get(place)
        if known is not None and known[1] > now.timestamp():
            return known[0]
        self._known[place] = Taken(digest, False), now.timestamp() + LEASE_S
        return None

    async def keep(self, place: str, digest: str, now: datetime) -> None:
        """See Deliveries."""
        self._known[place] = Taken(digest, True), now.timestamp() + KEPT_S

    async def forget(self, place: str) -> None:
        """See Deliveries."""
        self._known.pop(place, None)
