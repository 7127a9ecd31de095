"""Passwords: hashed (Argon2id), and the hash sealed (AES-256-GCM) before it goes anywhere."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.sealing import Sealing
from schemas.errors import Unavailable

AT_ONCE, WAITING_MAX = 2, 32
"""Hashes that are made at a time, each on 64 MiB, and those that may wait for their turn."""
LENGTH_MIN, LENGTH_MAX = 12, 256
ONE_TIME_BYTES = 18

log = logging.getLogger(__name__)


T = TypeVar("T")


def one_time() -> str:
    """Returns a password for one log-in."""
    return secrets.token_urlsafe(ONE_TIME_BYTES)


class Busy(Unavailable):
    """More passwords wait than can be looked at soon."""


class Passwords:
    """Makes and checks sealed hashes; each belongs to one user of one tenant and is worth nothing for another."""

    def __init__(self, key: bytes, hasher: PasswordHasher | None = None) -> None:
        """Takes the key of 32 bytes that seals them."""
        self.sealing = Sealing(key)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody")
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._under_way = 0

    def sealed(self, tenant_id: str, user: str, password: str) -> str:
        """Returns what is kept of a password; takes a tenth of a second."""
        return self.sealing.seal("password", tenant_id, user, content=self._hasher.hash(password).encode())

    async def sealed_soon(self, tenant_id: str, user: str, password: str) -> str:
        """Does what `sealed` does, on another thread and in turn; raises Busy."""
        return await self._in_turn(self.sealed, tenant_id, user, password)

    async def genuine(self, tenant_id: str, user: str, kept: str, password: str) -> bool:
        """Returns whether it is this password; takes as long when nothing is kept. Raises Busy."""
        return await self._in_turn(self._genuine, tenant_id, user, kept, password)

    async def _in_turn(self, work: Callable[..., T], *given: str) -> T:
        if self._under_way >= AT_ONCE + WAITING_MAX:
            raise Busy("too many log-ins are under way")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        finally:
            self._under_way -= 1

    def _genuine(self, tenant_id: str, user: str, kept: str, password: str) -> bool:
        hashed = self._opened(tenant_id, user, kept)
        try:
            self._hasher.verify(hashed or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    def _opened(self, tenant_id: str, user: str, kept: str) -> str | None:
        """Returns the hash, None when there is none or it was sealed for another or with another key."""
        if not kept:
            return None
        content = self.sealing.opened("password", tenant_id, user, sealed=kept)
        if content is None:
            log.error("a password cannot be opened: it was sealed with another key", extra={"tenant": tenant_id})
            return None
        return content.decode()
