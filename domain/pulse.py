"""Decides what somebody who looks on is told of now: the tenant's figures, and how busy the platform is."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from domain.identity import Permission

SPAN_S = 10
"""Events of a second are reckoned over so many."""
MINUTE_S = 60
TROUBLES_MAX = 5


class Trouble(Struct, frozen=True):
    """A run that ended badly."""

    run_id: str
    workflow: str
    status: str
    reason: str
    at: datetime


class Figures(Struct, frozen=True, kw_only=True):
    """What the read models say of a tenant; a day is one of UTC, and counts by when Kafka took something."""

    events: Mapping[str, int] = field(default_factory=dict)
    """By topic, in SPAN_S: events of runs, and entries of the accounts."""
    runs_open: int = 0
    decisions: Mapping[str, int] = field(default_factory=dict)
    """By outcome, today."""
    cost_today_usd_micros: int = 0
    cost_minute_usd_micros: int = 0
    letters_today: int = 0
    letters: int = 0
    troubles: list[Trouble] = []
    """The newest, TROUBLES_MAX at most."""


class Busy(Struct, frozen=True):
    """How busy the platform is: nobody's data."""

    lag: Mapping[str, int]
    """By stage: records that it has not taken yet."""
    per_s: Mapping[str, float]
    """By topic: records a second, of all tenants."""


class Cost(Struct, frozen=True):
    """What was billed for AI calls, in micro-dollars."""

    today_usd_micros: int
    minute_usd_micros: int


class Letters(Struct, frozen=True):
    """How many dead letters there are."""

    today: int
    all: int


class Pulse(Struct, frozen=True, kw_only=True, tag_field="type", tag="pulse"):
    """The message; what the reader may not see, or what is not known now, is null."""

    channel: str = "pulse"
    at: datetime
    events_per_s: Mapping[str, float]
    runs_open: int
    troubles: list[Trouble]
    decisions: Mapping[str, int] | None
    cost: Cost | None
    dead_letters: Letters | None
    lag: Mapping[str, int] | None
    log_per_s: Mapping[str, float] | None


GATED = frozenset({Permission.READ_DECISIONS, Permission.READ_MONEY, Permission.READ_DEAD_LETTERS})
"""What decides which parts somebody is told."""


class Pulses(Protocol):
    """Reads figures, of one tenant only; raises Unavailable."""

    async def figures(self, tenant_id: str, now_ms: int) -> Figures:
        """Returns the tenant's figures at this moment."""


class Load(Protocol):
    """Says how busy the platform is. Blocks: for a thread."""

    def busy(self) -> Busy:
        """Returns how busy it is now; raises Unavailable."""


def pulse(figures: Figures, busy: Busy | None, permissions: Iterable[Permission], at: datetime) -> Pulse:
    """Returns what somebody with these permissions is told."""
    granted = set(permissions)
    cost = Cost(figures.cost_today_usd_micros, figures.cost_minute_usd_micros)
    letters = Letters(figures.letters_today, figures.letters)
    return Pulse(
        at=at,
        events_per_s={topic: round(count / SPAN_S, 1) for topic, count in sorted(figures.events.items())},
        runs_open=figures.runs_open,
        troubles=figures.troubles,
        decisions=dict(figures.decisions) if Permission.READ_DECISIONS in granted else None,
        cost=cost if Permission.READ_MONEY in granted else None,
        dead_letters=letters if Permission.READ_DEAD_LETTERS in granted else None,
        lag=dict(busy.lag) if busy is not None else None,
        log_per_s=dict(busy.per_s) if busy is not None else None,
    )
