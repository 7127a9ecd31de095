"""What the gateway knows of people besides their definitions: their sessions, and who guesses."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct, field

from domain.lockout import Lockout
from domain.sessions import Claims, Sessions, doubt
from gateway.passwords import Passwords
from gateway.tokens import Tokens

NAME_FAILURES, ADDRESS_FAILURES = 5, 50
"""Failed log-ins within a quarter of an hour after which nobody of this name, or from this address, gets an answer."""


class People(Struct, frozen=True):
    """What logging in needs."""

    tokens: Tokens
    passwords: Passwords
    sessions: Sessions
    catch_up: Callable[[], Awaitable[None]]
    """Returns when `sessions` knows all that is on the log; raises Unavailable."""
    names: Lockout = field(default_factory=lambda: Lockout(NAME_FAILURES))
    addresses: Lockout = field(default_factory=lambda: Lockout(ADDRESS_FAILURES))

    async def doubt(self, claims: Claims, now: datetime) -> str:
        """Returns why a token is worth nothing now, empty when it is good."""
        if self.sessions.get(claims.session) is None:  # begun by another gateway a moment ago, perhaps
            await self.catch_up()
        return doubt(claims, self.sessions.get(claims.session), now)
