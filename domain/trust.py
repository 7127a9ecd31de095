"""Decides whether a caller who is known is let in here and now: from this address, with this device, at this time.

Credentials are never enough by themselves; whatever cannot be made certain counts against the caller.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from domain.identity import Principal, Verdict

NETWORKS_MAX = 100
RISKS = ("low", "medium", "high")
"""With no doubt, with one, and with more."""
RECENT = timedelta(minutes=15)
"""So long after a log-in a person may let others in to administer."""
Risk = Literal["low", "medium", "high"]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]


class Hours(Struct, frozen=True, forbid_unknown_fields=True):
    """Some hours of some days, in UTC; an end that is not after the begin is on the next day."""

    begin: Clock
    end: Clock
    days: list[Annotated[int, Meta(ge=1, le=7)]] = field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    """On which they begin; 1 is Monday."""


class Access(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant asks of calls beside credentials."""

    networks: Annotated[list[str], Meta(max_length=NETWORKS_MAX)] = []
    """Calls come from one of these, such as 10.0.0.0/8; empty: from anywhere."""
    hours: Annotated[list[Hours], Meta(max_length=NETWORKS_MAX)] = []
    """People are let in within one of these; empty: at any time."""
    devices: Literal["any", "bound"] = "any"
    """bound: people log in with a device, and each of their calls shows it."""
    risk_max: Risk = "high"
    """People whose call is riskier are not let in."""


class Context(Struct, frozen=True, kw_only=True):
    """What is known of a call beside its credentials."""

    at: datetime
    address: str
    networks: Sequence[str] = ()
    """Of the credential, beside those of the tenant."""
    credential: Literal["key", "webhook"] = "key"
    person: bool = False
    in_session: bool = False
    """False when somebody logs in."""
    device: str = ""
    """The digest of the device that is shown; empty when none is."""
    session_device: str = ""
    """The digest of the device that the session is bound to."""
    session_address: str = ""
    """Where the session began; empty when it is not known."""
    device_known: bool = True
    """True when somebody has logged in as this person with the device before, or never with any."""
    failed: int = 0
    """Failed log-ins as this person lately."""


def hours_of(text: str) -> dict[str, object]:
    """Returns the hours that a text such as `08:00-17:00` or `1-5 08:00-17:00` says; raises ValueError."""
    days, _, span = text.rpartition(" ")
    begin, _, end = span.partition("-")
    if not days:
        return {"begin": begin, "end": end}
    first, _, last = days.partition("-")
    return {"begin": begin, "end": end, "days": list(range(int(first), int(last or first) + 1))}


def checked(networks: Sequence[str]) -> str:
    """Returns what is wrong with the networks, empty when they are good."""
    for network in networks:
        if _network(network) is None:
            return f"{network} is no network such as 10.0.0.0/8 or 2001:db8::/32"
    return ""


def admitted(identified: Verdict, access: Access, context: Context) -> Verdict:
    """Returns whether the caller is let in; who is not known stays out as before."""
    if identified.principal is None or not identified.allowed:
        return identified
    doubts = list(_doubts(context)) if context.person else []
    risk = min(len(doubts), len(RISKS) - 1)
    said = f"risk is {RISKS[risk]}" + (f": {', '.join(doubts)}" if doubts else "")
    for refusal in _refusals(access, context):
        return Verdict(identified.principal, [*identified.reasons, refusal], 403)
    if context.session_device and context.device != context.session_device:
        return Verdict(None, [*identified.reasons, "another device than the session's"], 401)
    if risk > RISKS.index(access.risk_max):
        return Verdict(identified.principal, [*identified.reasons, said], 403)
    return replace(identified, reasons=[*identified.reasons, said])


def login_doubt(principal: Principal, logged_in_at: datetime | None, now: datetime) -> str:
    """Returns why this caller may not let others in to administer, empty when it may.

    What is given outlasts the session, so a token that was stolen is not enough, and neither is any key.
    `logged_in_at` is when the session began.
    """
    minutes = int(RECENT.total_seconds()) // 60
    if not principal.id.startswith("user/"):
        return f"this needs a person who has logged in within {minutes} minutes, and is done by no key"
    if logged_in_at is None or now - logged_in_at > RECENT:
        return f"log in again: this needs a log-in within the last {minutes} minutes"
    return ""


def _refusals(access: Access, context: Context) -> Iterator[str]:
    for networks, whose in ((access.networks, "the tenant's"), (context.networks, f"the {context.credential}'s")):
        if networks and not _within(context.address, networks):
            yield f"address is outside {whose} networks"
    if context.person and access.hours and not any(_open(hours, context.at) for hours in access.hours):
        yield "outside the tenant's hours"
    bound = context.session_device if context.in_session else context.device
    if context.person and access.devices == "bound" and not bound:
        yield "no device is bound"


def _doubts(context: Context) -> Iterator[str]:
    if context.session_address and context.address != context.session_address:
        yield "another address than the session's"
    if not context.device_known:
        yield "a new device"
    if context.failed:
        yield "failed log-ins lately"


def _within(address: str, networks: Sequence[str]) -> bool:
    try:
        place = ip_address(address)
    except ValueError:
        return False
    place = getattr(place, "ipv4_mapped", None) or place
    known = [found for network in networks if (found := _network(network)) is not None]
    return any(place.version == each.version and place in each for each in known)


def _open(hours: Hours, at: datetime) -> bool:
    clock = f"{at:%H:%M}"
    if hours.begin < hours.end:
        return at.isoweekday() in hours.days and hours.begin <= clock < hours.end
    before = (at.isoweekday() - 2) % 7 + 1
    return (at.isoweekday() in hours.days and clock >= hours.begin) or (before in hours.days and clock < hours.end)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None
