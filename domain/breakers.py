"""Decides whether a model is asked at all: a circuit breaker for each, closed, open, or half-open for one probe.

Closed: every attempt is made; after so many failures in a row, or too many of a minute's, it opens. Open: none is made
for a while, which doubles each time it opens again, up to a limit. Then half-open: one attempt, the probe, is made;
what becomes of it closes or opens the breaker. A probe of which nothing is heard is given up after its lease.

There is no clock in here. What is fed in are the moments of attempts as they are on the log, each once; an older moment
than the last counts as of the last.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUCKETS = 6
"""Parts in which a window is counted: what is older than a window is forgotten a part at a time."""


class Status(StrEnum):
    """Whether attempts are made."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    """What becomes of an attempt. One that says nothing of the model (refused, cancelled) is abandoned."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Thresholds(Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long."""

    failures_in_a_row: int = 5
    window_s: float = 60.0
    calls_min: int = 20
    """Outcomes that a window has to have before its rate counts."""
    failure_rate: float = 0.5
    open_s: float = 5.0
    open_max_s: float = 300.0
    growth: float = 2.0
    probe_s: float = 120.0
    """A probe's lease: at least as long as an attempt may take."""


class Attempted(Struct, frozen=True, kw_only=True):
    """A moment of an attempt."""

    attempt_id: str
    outcome: Outcome
    at: datetime
    retry_after_s: float | None = None
    """What the provider said to wait."""


class Bucket(Struct, frozen=True):
    """Outcomes of a part of the window."""

    number: int
    failed: int = 0
    succeeded: int = 0


class Breaker(Struct, frozen=True, kw_only=True):
    """A model's breaker."""

    status: Status = Status.CLOSED
    at: datetime = EPOCH
    """The last moment it heard of."""
    failures: int = 0
    """In a row."""
    buckets: tuple[Bucket, ...] = ()
    openings: int = 0
    """In a row: since it was last closed."""
    until: datetime = EPOCH
    """Open: when a probe may be made. Half-open: when the probe is given up."""
    probe: str = ""
    """Half-open: the attempt."""


class Transition(Struct, frozen=True, kw_only=True):
    """That a breaker's status changed, and why: for who publishes it."""

    before: Status
    after: Status
    at: datetime
    reason: str
    until: datetime


def may_ask(breaker: Breaker, at: datetime) -> bool:
    """True when an attempt may be made at this moment: then its start is fed in before another one asks."""
    return breaker.status is Status.CLOSED or max(at, breaker.at) >= breaker.until


def after(
    breaker: Breaker, moment: Attempted, thresholds: Thresholds | None = None
) -> tuple[Breaker, Transition | None]:
    """Returns the breaker after this moment of an attempt, and its transition when its status changed."""
    limits = thresholds or Thresholds()
    follow = _closed if breaker.status is Status.CLOSED else _not_closed
    changed, reason = follow(breaker, msgspec.structs.replace(moment, at=max(moment.at, breaker.at)), limits)
    if changed.status is breaker.status:
        return changed, None
    return changed, Transition(
        before=breaker.status, after=changed.status, at=changed.at, reason=reason, until=changed.until
    )


def _not_closed(breaker: Breaker, moment: Attempted, limits: Thresholds) -> tuple[Breaker, str]:
    if moment.outcome is Outcome.STARTED:
        if moment.at < breaker.until:
            return msgspec.structs.replace(breaker, at=moment.at), ""  # begun before it was known to be open
        until = moment.at + timedelta(seconds=limits.probe_s)
        probing = msgspec.structs.replace(
            breaker, status=Status.HALF_OPEN, at=moment.at, probe=moment.attempt_id, until=until
        )
        return probing, "a probe is made"
    if breaker.status is Status.OPEN or moment.attempt_id != breaker.probe:
        return msgspec.structs.replace(breaker, at=moment.at), ""  # an attempt from before it opened
    if moment.outcome is Outcome.SUCCEEDED:
        return Breaker(at=moment.at), "the probe was answered"
    if moment.outcome is Outcome.FAILED:
        return _opened(breaker, moment, limits), "the probe failed"
    return msgspec.structs.replace(breaker, status=Status.OPEN, at=moment.at, until=moment.at, probe=""), "no outcome"


def _closed(breaker: Breaker, moment: Attempted, limits: Thresholds) -> tuple[Breaker, str]:
    if moment.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED):
        return msgspec.structs.replace(breaker, at=moment.at), ""
    failed = moment.outcome is Outcome.FAILED
    counted = msgspec.structs.replace(
        breaker,
        at=moment.at,
        failures=breaker.failures + 1 if failed else 0,
        buckets=_counted(breaker.buckets, moment.at, failed, limits),
    )
    if counted.failures >= limits.failures_in_a_row:
        return _opened(counted, moment, limits), f"{counted.failures} failures in a row"
    all_failed = sum(each.failed for each in counted.buckets)
    calls = all_failed + sum(each.succeeded for each in counted.buckets)
    if failed and calls >= limits.calls_min and all_failed >= limits.failure_rate * calls:
        return _opened(counted, moment, limits), f"{all_failed} of {calls} failed within {limits.window_s:g} s"
    return counted, ""


def _opened(breaker: Breaker, moment: Attempted, limits: Thresholds) -> Breaker:
    """Returns it open for a time that grows with each opening; a provider that says to wait longer is waited for."""
    grown = limits.open_s * limits.growth ** min(breaker.openings, 64)
    open_s = min(max(grown, moment.retry_after_s or 0.0), limits.open_max_s)
    return Breaker(
        status=Status.OPEN,
        at=moment.at,
        openings=breaker.openings + 1,
        until=moment.at + timedelta(seconds=open_s),
    )


def _counted(buckets: tuple[Bucket, ...], at: datetime, failed: bool, limits: Thresholds) -> tuple[Bucket, ...]:
    number = int((at - EPOCH).total_seconds() * BUCKETS / limits.window_s)
    kept = {each.number: each for each in buckets if each.number > number - BUCKETS}
    last = kept.get(number, Bucket(number))
    kept[number] = Bucket(number, last.failed + failed, last.succeeded + (not failed))
    return tuple(kept.values())
