"""People of a tenant: made, listed, suspended, given a new password. A password that we make is shown once."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.registry import codec_of
from domain.definitions import Definitions
from domain.identity import PLATFORM, USER_NAME, Role, User
from gateway.passwords import Passwords
from runtime.definitions import put, read
from runtime.keys import UnknownTenant
from runtime.secrets import load, write_once
from schemas.codec import Codec
from schemas.errors import Rejected

KIND = "user"
CLIENT = "auterity-users"
ONE_TIME_BYTES = 18
ADMIN = "admin"
ADMIN_FILE = "admin.password"


class UnknownUser(Rejected):
    """The tenant has no such user."""


class UserExists(Rejected):
    """The tenant has a user of this name."""


class LogsInElsewhere(Rejected):
    """The user comes through an identity provider."""


class BadName(Rejected):
    """Nobody can be called so."""


class BadRole(Rejected):
    """No role has this name, or not in this tenant."""


class Users:
    """The users of one tenant, as the log has them now."""

    def __init__(self, kafka: str, registry: str, data_dir: Path, tenant_id: str) -> None:
        """Raises UnknownTenant."""
        self._kafka = kafka
        self._codec: Codec = codec_of(registry)
        self._known: Definitions = read(kafka, self._codec)
        self._data_dir = data_dir
        self._tenant_id = tenant_id
        if tenant_id != PLATFORM and self._known.tenant(tenant_id) is None:
            raise UnknownTenant(f"no tenant is called {tenant_id}")

    def create(self, name: str, roles: list[str], title: str = "") -> dict[str, Any]:
        """Makes a user and returns it; `password` is good for one log-in, and shown here only.

        Raises UserExists, BadRole, BadName.
        """
        if not re.match(USER_NAME, name):
            raise BadName(f"{name!r} is no name: it has 1 to 100 of a-z, 0-9 and . _ @ + -, a letter or digit first")
        if self._known.user(self._tenant_id, name) is not None:
            raise UserExists(f"tenant {self._tenant_id} has a user {name}")
        return self._with_password(User(id=name, title=title, roles=[self._role(each) for each in roles]), _password())

    def reset(self, name: str) -> dict[str, Any]:
        """Gives the user a new password for one log-in, and returns both; ends all sessions.

        Raises UnknownUser, and LogsInElsewhere.
        """
        user = self._user(name)
        if user.issuer:
            raise LogsInElsewhere(f"user {name} has no password: it logs in at {user.issuer}")
        return self._with_password(user, _password())

    def suspend(self, name: str) -> dict[str, Any]:
        """Lets the user in no more, from now on, and ends all sessions; raises UnknownUser."""
        return self._put(msgspec.structs.replace(self._user(name), status="suspended", sessions_since=_now()))

    def resume(self, name: str) -> dict[str, Any]:
        """Lets the user in again; raises UnknownUser."""
        return self._put(msgspec.structs.replace(self._user(name), status="active"))

    def listed(self) -> list[dict[str, Any]]:
        """Returns what is known of each user."""
        found = (self._known.user(self._tenant_id, name) for name in self._known.names(self._tenant_id, KIND))
        return [public(each) for each in found if each is not None]

    def first_admin(self) -> Path | None:
        """Makes the platform's admin when it has no user; returns the file with the password for the first log-in."""
        if self.listed():
            return None
        path, password = self._data_dir / ADMIN_FILE, _password()
        path.unlink(missing_ok=True)
        write_once(path, password.encode() + b"\n")
        self._with_password(User(id=ADMIN, title="made with the first start", roles=[Role.PLATFORM_ADMIN]), password)
        return path

    def _with_password(self, user: User, password: str) -> dict[str, Any]:
        sealed = Passwords(load(self._data_dir).sealing_key).sealed(self._tenant_id, user.id, password)
        changed = msgspec.structs.replace(user, password=sealed, one_time=True, sessions_since=_now())
        return {**self._put(changed), "password": password}

    def _put(self, user: User) -> dict[str, Any]:
        bodies = [(KIND, msgspec.to_builtins(user))]
        put(self._kafka, CLIENT, bodies, self._known, self._codec, _now(), self._tenant_id)
        return public(user)

    def _user(self, name: str) -> User:
        found = self._known.user(self._tenant_id, name)
        if found is None:
            raise UnknownUser(f"tenant {self._tenant_id} has no user {name}")
        return found

    def _role(self, name: str) -> Role:
        ours = [role for role in Role if (role is Role.PLATFORM_ADMIN) == (self._tenant_id == PLATFORM)]
        if name not in ours:
            raise BadRole(f"no role is called {name} in tenant {self._tenant_id}; there are {', '.join(ours)}")
        return Role(name)


def _now() -> datetime:
    return datetime.now(UTC)


def _password() -> str:
    return secrets.token_urlsafe(ONE_TIME_BYTES)


def public(user: User) -> dict[str, Any]:
    """Returns what may be shown of a user."""
    said: dict[str, Any] = msgspec.to_builtins(user)
    del said["password"], said["sessions_since"], said["subject"]
    return said
