"""What a tenant may use: part of its definition, over what holds for every tenant."""

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
