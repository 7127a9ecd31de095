"""The sums of tenants' entries as they are asked for, and the port through which they are read."""

from typing import Protocol

from msgspec import Struct


class Sum(Struct, frozen=True):
    """The sums of the entries that have something in common, in micro-dollars."""

    key: str
    billed_usd_micros: int
    held_usd_micros: int
    entries: int


class Ledgers(Protocol):
    """Sums what tenants' entries say: what is asked is asked for one tenant, and answered of that tenant only."""

    async def sums(self, tenant_id: str, by: str, begin: int | None, end: int | None) -> list[Sum]:
        """Returns the sums of the entries that happened in [begin, end), in microseconds since 1970, by one of BY of
        domain.ledger; raises Unavailable. There are at most LIMIT_MAX."""
