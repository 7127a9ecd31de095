"""Decides how long somebody has to wait who guesses."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
NAMES_MAX = 100_000
"""Beyond it the one that failed longest ago is forgotten."""


class Lockout:
    """What has failed lately, by name: a tenant's user, or an address. After `failures` in WINDOW all has to wait."""

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self._failed: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait_s(self, name: str, now: datetime) -> int:
        """Returns how many seconds nothing is tried for this name; 0 when it may be."""
        failed = self._failed.get(name)
        if failed is None or len(failed) < self._failures:
            return 0
        left = failed[0] + WINDOW - now
        return max(0, -(-left // timedelta(seconds=1)))

    def count(self, name: str, now: datetime) -> int:
        """Returns how often it has failed within the time that counts."""
        return sum(at > now - WINDOW for at in self._failed.get(name, ()))

    def failed(self, name: str, now: datetime) -> None:
        """Says that it failed."""
        self._failed.setdefault(name, deque(maxlen=self._failures)).append(now)
        self._failed.move_to_end(name)
        if len(self._failed) > NAMES_MAX:
            self._failed.popitem(last=False)

    def passed(self, name: str) -> None:
        """Says that it went well: what failed before is forgotten."""
        self._failed.pop(name, None)

    def undone(self, name: str) -> None:
        """Takes the last failure back."""
        if failed := self._failed.get(name):
            failed.pop()
