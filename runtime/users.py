"""People of a tenant: made, listed, suspended, given a new password. A password that we make is shown once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.registry import codec_of
from domain.administration import (
    found_tenant,
    found_user,
    new_user,
    public_user,
    team_of,
    turned,
    with_password,
    without_factor,
)
from domain.definitions import Definitions
from domain.identity import PLATFORM, Role, User
from gateway.passwords import Passwords, one_time
from gateway.sealing import Sealing
from runtime.definitions import put, read
from runtime.secrets import Secrets, load, write_once
from schemas.codec import Codec

KIND = "user"
CLIENT = "auterity-users"
ADMIN = "admin"
ADMIN_FILE = "admin.password"


class Users:
    """The users of one tenant, as the log has them now."""

    def __init__(self, kafka: str, registry: str, data_dir: Path, tenant_id: str) -> None:
        """Raises UnknownTenant, and DeletedTenant."""
        self._kafka = kafka
        self._codec: Codec = codec_of(registry)
        self._known: Definitions = read(kafka, self._codec)
        self._data_dir = data_dir
        self._tenant_id = tenant_id
        if tenant_id != PLATFORM:
            found_tenant(tenant_id, self._known.tenant(tenant_id))

    def create(self, name: str, roles: Sequence[str], title: str = "", team: str = "") -> dict[str, Any]:
        """Makes a user and returns it; `password` is good for one log-in, and shown here only.

        Raises UserExists, BadRole, BadName, BadTeam.
        """
        known = self._known.user(self._tenant_id, name)
        return self._with_password(new_user(self._tenant_id, name, roles, title, known, team), one_time())

    def reset(self, name: str) -> dict[str, Any]:
        """Gives the user a new password for one log-in, and returns both; ends all sessions. Raises UnknownUser."""
        return self._with_password(self._user(name), one_time())

    def reset_factor(self, name: str) -> dict[str, Any]:
        """Takes the user's second factor away, and its recovery codes; ends all sessions. Raises UnknownUser."""
        return self._put(without_factor(self._user(name)))

    def suspend(self, name: str) -> dict[str, Any]:
        """Lets the user in no more, from now on, and ends all sessions; raises UnknownUser."""
        return self._put(turned(self._user(name), "suspended"))

    def resume(self, name: str) -> dict[str, Any]:
        """Lets the user in again; raises UnknownUser."""
        return self._put(turned(self._user(name), "active"))

    def join(self, name: str, team: str) -> dict[str, Any]:
        """Puts the user into a team, empty for none: what is held from now on counts there. Raises BadTeam."""
        return self._put(replace(self._user(name), team=team_of(team)))

    def digest(self, name: str) -> dict[str, Any]:
        """Returns what stands for this name in the events of failed log-ins, whether anybody is called so or not."""
        found = Sealing(self._secrets().sealing_key).digest(self._tenant_id, name)
        return {"tenant": self._tenant_id, "name": name, "digest": found}

    def listed(self) -> list[dict[str, Any]]:
        """Returns what is known of each user."""
        return [public_user(each) for each in self._known.users(self._tenant_id)]

    def first_admin(self) -> Path | None:
        """Makes the platform's admin when it has no user; returns the file with the password for the first log-in."""
        if self.listed():
            return None
        path, password = self._data_dir / ADMIN_FILE, one_time()
        path.unlink(missing_ok=True)
        write_once(path, password.encode() + b"\n")
        self._with_password(User(id=ADMIN, title="made with the first start", roles=[Role.PLATFORM_ADMIN]), password)
        return path

    def _with_password(self, user: User, password: str) -> dict[str, Any]:
        sealed = Passwords(self._secrets().sealing_key).sealed(self._tenant_id, user.id, password)
        return {**self._put(with_password(user, sealed)), "password": password}

    def _secrets(self) -> Secrets:
        return load(self._data_dir, needed=self._known.has(KIND))

    def _put(self, user: User) -> dict[str, Any]:
        bodies = [(KIND, msgspec.to_builtins(user))]
        put(self._kafka, CLIENT, bodies, self._known, self._codec, _now(), self._tenant_id)
        return public_user(user)

    def _user(self, name: str) -> User:
        return found_user(self._tenant_id, name, self._known.user(self._tenant_id, name))


def _now() -> datetime:
    return datetime.now(UTC)
