"""Decides how many calls are taken in a minute: of an address, of strangers, of who is known, of a tenant.

Windows are fixed: each begins with the minute of UTC, so two limits' worth may come within a moment around its turn.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Literal

from msgspec import Struct

from domain.identity import Principal
from domain.quotas import Quota, effective

WINDOW_S = 60
IPV6_PREFIX = 64
"""Who has an IPv6 address has as many as lie in this prefix."""


class Rates(Struct, frozen=True, kw_only=True):
    """Calls a minute that are taken of an address, whoever calls; and of those whom nobody knows, refusals."""

    address: int = 120_000
    stranger: int = 1_200


class Limit(Struct, frozen=True):
    """So many calls a minute, of one whose name is `key`."""

    name: Literal["address", "stranger", "principal", "tenant"]
    key: str
    calls: int

    def counter(self, now: datetime) -> str:
        """Returns the name of what counts it in the minute of `now`."""
        return f"{self.name}/{self.key}/{int(now.timestamp()) // WINDOW_S}"

    @property
    def reason(self) -> str:
        """What is said to who has met it: no data of the caller."""
        return f"more than {self.calls} {_WHAT[self.name]}"


_WHAT = {
    "address": "calls a minute of this address",
    "stranger": "refused calls a minute of this address by callers whom nobody knows",
    "principal": "calls a minute of this caller",
    "tenant": "calls a minute of this tenant (quota calls_per_minute)",
}


class Standing(Struct, frozen=True):
    """How a limit stands after a call was counted."""

    limit: Limit
    used: int
    reset_s: int

    @property
    def met(self) -> bool:
        """True when the call is one too many."""
        return self.used > self.limit.calls

    @property
    def left(self) -> int:
        """How many calls will still be taken."""
        return max(0, self.limit.calls - self.used)


def of_address(address: str, rates: Rates) -> Limit:
    """Returns what is counted before anybody is known."""
    return Limit("address", network(address), rates.address)


def of_stranger(address: str, rates: Rates) -> Limit:
    """Returns what is counted when a call is refused and nobody is known to have made it."""
    return Limit("stranger", network(address), rates.stranger)


def of_known(principal: Principal, quota: Quota) -> tuple[Limit, Limit]:
    """Returns what is counted of a known caller, in turn: what the first one refuses does not count for the second."""
    held = effective(quota)
    each, every = held.calls_per_minute_each, held.calls_per_minute
    assert each is not None
    assert every is not None
    tenant = principal.tenant_id
    return Limit("principal", f"{tenant}/{principal.id}", min(each, every)), Limit("tenant", tenant, every)


def standing(limit: Limit, used: int, now: datetime) -> Standing:
    """Returns how a limit stands at this moment, when it has been used so often."""
    return Standing(limit, used, WINDOW_S - int(now.timestamp()) % WINDOW_S)


def headers(standings: Sequence[Standing]) -> Mapping[str, str]:
    """Returns what an answer's headers say of the limit that will be met first.

    The fields are those of draft-ietf-httpapi-ratelimit-headers-06.
    """
    if not standings:
        return {}
    nearest = min(standings, key=lambda each: each.left)
    return {
        "RateLimit-Limit": str(nearest.limit.calls),
        "RateLimit-Remaining": str(nearest.left),
        "RateLimit-Reset": str(nearest.reset_s),
    }


def network(address: str) -> str:
    """Returns whose limit an address counts for: itself, of IPv6 its /64; what is no address is its own text."""
    if ":" not in address:
        return address
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        shift = known.max_prefixlen - IPV6_PREFIX
        return f"{IPv6Address(int(known) >> shift << shift)}/{IPV6_PREFIX}"
    return str(known)
