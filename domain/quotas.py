"""What a tenant may use: part of its definition, over what holds for every tenant."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

Amount = Annotated[int, Meta(ge=0, le=2**53)]
"""What JSON can say everywhere."""


class Quota(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a tenant's definition says; null is what holds for every tenant."""

    calls_per_minute: Amount | None = None
    calls_per_minute_each: Amount | None = None
    """Of one of its keys or people."""
    events_per_day: Amount | None = None
    """Taken by gateways, in a day of UTC."""
    bytes_stored: Amount | None = None
    connections: Amount | None = None
    """Calls and connections that are under way at a time, at each gateway."""


DEFAULT = Quota(
    calls_per_minute=120_000,
    calls_per_minute_each=60_000,
    bytes_stored=1024**3,
    connections=1_000,
)
"""What holds for a tenant whose definition says nothing; there is no limit to its events in a day."""
NAMES = Quota.__struct_fields__


def effective(quota: Quota) -> Quota:
    """Returns the tenant's own over the default ones."""
    own = {name: value for name in NAMES if (value := getattr(quota, name)) is not None}
    return Quota(**{name: own.get(name, getattr(DEFAULT, name)) for name in NAMES}) if own else DEFAULT


LEASES = 100
"""A gateway takes a hundredth of a day's events at a time, so that it need not ask for each call."""


def lease(quota: int, missing: int) -> int:
    """Returns how many events a gateway asks for that misses so many."""
    return max(missing, quota // LEASES)


def granted(used: int, wanted: int, least: int, quota: int) -> int:
    """Returns how many are granted when so many have been: at most what is wanted, and none below the least."""
    free = min(wanted, quota - used)
    return free if free >= least else 0


def day(at: datetime) -> str:
    """Returns the day of UTC that a quota is counted in."""
    return at.astimezone(UTC).date().isoformat()


def day_left_s(at: datetime) -> int:
    """Returns the seconds until the next day of UTC, one at least."""
    now = at.astimezone(UTC)
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return -((now - tomorrow) // timedelta(seconds=1))
