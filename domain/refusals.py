"""Counts refused calls that are not an event each: one event of an address and a second says how many they were."""

from datetime import datetime

from msgspec import Struct

from domain.doors import STAGE
from domain.identity import PLATFORM
from schemas.events import CallOutcome, Request, RequestKind

BUCKETS_MAX = 10_000
"""Addresses and seconds that are counted apart; beyond it all others are counted together."""
OTHERS = "of more addresses than are counted apart"


class Bucket(Struct):
    """Calls that one event will stand for."""

    id: str
    at: datetime
    """When the first one came."""
    reasons: list[str]
    calls: int = 0


class Refusals:
    """What has been refused and is not on the log yet. What `take` has returned is not counted here any more."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets_max = buckets_max
        self._buckets: dict[tuple[datetime, str, int], Bucket] = {}
        """By second, address and status."""
        self._others: dict[int, Bucket] = {}
        """By status."""

    def add(self, address: str, status: int, reason: str, at: datetime, fresh: str) -> str:
        """Counts a call; returns the id of the event that will stand for it, which is `fresh` or an earlier one.

        Its `reason` is one of a few: all that were given in a second are on its event.
        """
        key = at.replace(microsecond=0), address, status
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) < self._buckets_max:
                bucket = self._buckets[key] = Bucket(fresh, at, [])
            else:
                bucket = self._others.setdefault(status, Bucket(fresh, at, [OTHERS]))
        if reason not in bucket.reasons:
            bucket.reasons.append(reason)
        bucket.calls += 1
        return bucket.id

    def take(self, before: datetime | None = None) -> list[Request]:
        """Returns the events of all seconds that began before then; None: of all there are."""
        ripe = [key for key in self._buckets if before is None or key[0] < before]
        found = [_event(address, status, self._buckets.pop((at, address, status))) for at, address, status in ripe]
        for status in [each for each, bucket in self._others.items() if before is None or bucket.at < before]:
            found.append(_event("", status, self._others.pop(status)))
        return found

    @property
    def calls(self) -> int:
        """How many calls are counted here."""
        return sum(bucket.calls for bucket in (*self._buckets.values(), *self._others.values()))


def _event(address: str, status: int, bucket: Bucket) -> Request:
    return Request(
        event_id=bucket.id,
        tenant_id=PLATFORM,
        correlation_id=bucket.id,
        occurred_at=bucket.at,
        kind=RequestKind.CALL,
        source=STAGE,
        outcome=CallOutcome.LIMITED if status == 429 else CallOutcome.FAILED,
        status=status,
        address=address,
        reasons=bucket.reasons,
        calls=bucket.calls,
    )
