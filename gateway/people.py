"""What the gateway knows of people besides their definitions: their sessions, and who guesses."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct, field

from domain.identity import User
from domain.limits import network
from domain.lockout import Lockout
from domain.sessions import Claims, Sessions, doubt
from gateway.passwords import Passwords
from gateway.tokens import Tokens

NAME_FAILURES, ADDRESS_FAILURES, ALL_FAILURES = 5, 50, 100
"""Failed log-ins within a quarter of an hour after which nothing is tried: of a name from an address, from an address,
and of a name from everywhere."""


class People(Struct, frozen=True):
    """What logging in needs."""

    tokens: Tokens
    passwords: Passwords
    sessions: Sessions
    catch_up: Callable[[], Awaitable[None]]
    """Returns when `sessions` knows all that is on the log; raises Unavailable."""
    names: Lockout = field(default_factory=lambda: Lockout(NAME_FAILURES))
    addresses: Lockout = field(default_factory=lambda: Lockout(ADDRESS_FAILURES))
    all: Lockout = field(default_factory=lambda: Lockout(ALL_FAILURES))

    async def doubt(self, claims: Claims, user: User | None, now: datetime) -> str:
        """Returns why a token is worth nothing now, empty when it is good."""
        if self.sessions.get(claims.session) is None and now < claims.expires_at:
            await self.catch_up()  # begun by another gateway a moment ago, perhaps
        return doubt(claims, self.sessions.get(claims.session), now, user.epoch if user is not None else 0)

    def try_now(self, tenant_id: str, name: str, address: str, now: datetime) -> int:
        """Returns 0 when a log-in may be tried, else the seconds to wait.

        The try counts as failed from now on, so that many at once are counted, until `went_well`.
        """
        tried = self._tried(tenant_id, name, address)
        wait_s = max(lockout.wait_s(key, now) for lockout, key in tried)
        if not wait_s:
            for lockout, key in tried:
                lockout.failed(key, now)
        return wait_s

    def failures(self, tenant_id: str, name: str, now: datetime) -> int:
        """Returns how many log-ins have failed for the name lately, from everywhere."""
        return self.all.count(f"{tenant_id}/{name}", now)

    def right_password(self, tenant_id: str, name: str, address: str) -> None:
        """Says that the password was right: the try is taken back, but counts for the name until `went_well`."""
        for lockout, key in self._tried(tenant_id, name, address)[1:]:
            lockout.undone(key)

    def not_looked_at(self, tenant_id: str, name: str, address: str) -> None:
        """Takes back a try that nobody has looked at."""
        for lockout, key in self._tried(tenant_id, name, address):
            lockout.undone(key)

    def went_well(self, tenant_id: str, name: str, address: str) -> None:
        """Says that the log-in was genuine, after `right_password`."""
        lockout, key = self._tried(tenant_id, name, address)[0]
        lockout.passed(key)

    def _tried(self, tenant_id: str, name: str, address: str) -> list[tuple[Lockout, str]]:
        whole, place = f"{tenant_id}/{name}", network(address)
        return [(self.names, f"{whole}/{place}"), (self.addresses, place), (self.all, whole)]
