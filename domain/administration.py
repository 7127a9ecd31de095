"""Decides what may become of people, keys and tenants: alike for the command line and for a caller over HTTP."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from domain.definitions import Tenant
from domain.identity import (
    GRANTED,
    PLATFORM,
    USER_NAME,
    ApiKey,
    Permission,
    Presented,
    Principal,
    Role,
    User,
    digest,
    enrolled,
)
from domain.trust import checked
from schemas.errors import Rejected

DAYS, DAYS_MAX = 90, 366
"""How long a key lives when nobody says, and at most."""
Status = Literal["active", "suspended"]


class Unknown(Rejected):
    """There is none of this name."""


class UnknownUser(Unknown):
    """The tenant has no such user."""


class UnknownKey(Unknown):
    """The tenant has no such key."""


class UnknownTenant(Unknown):
    """No such tenant is on the log."""


class DeletedTenant(UnknownTenant):
    """The tenant is deleted."""


class Exists(Rejected):
    """The name is taken."""


class UserExists(Exists):
    """The tenant has a user of this name."""


class TenantExists(Exists):
    """There is a tenant of this name, or there was one."""


class LastAdmin(Exists):
    """Nobody would be left who manages the tenant's people."""


class PlatformStays(Exists):
    """The platform's own tenant is not suspended: nobody could let it in again."""


class NotOneself(Exists):
    """What proves who somebody is, nobody sets anew for himself: he logs in, and says it himself."""


class LogsInElsewhere(Exists):
    """The user comes through an identity provider."""


class NotHeld(Rejected):
    """Nobody grants, or changes for somebody else, what he does not hold himself."""


class BadName(Rejected):
    """Nobody can be called so: a name has 1 to 100 of a-z, 0-9 and . _ @ + -, a letter or digit first."""


class BadRole(Rejected):
    """No role has this name, or not in this tenant."""


class BadTeam(Rejected):
    """No team is called so: a name has 1 to 100 of a-z, 0-9 and . _ @ + -, a letter or digit first."""


class BadScope(Rejected):
    """No permission has this name, or no key of a tenant has it."""


class BadNetwork(Rejected):
    """No network is written so."""


class BadLife(Rejected):
    """A key cannot live so long."""


def new_user(tenant_id: str, name: str, roles: Sequence[str], title: str, known: User | None, team: str = "") -> User:
    """Returns a user of this tenant, who has no password yet; raises BadName, UserExists, BadRole, BadTeam."""
    if not re.match(USER_NAME, name):
        raise BadName(f"{name!r} is no name: it has 1 to 100 of a-z, 0-9 and . _ @ + -, a letter or digit first")
    if known is not None:
        raise UserExists(f"tenant {tenant_id} has a user {name}")
    return User(id=name, title=title, roles=roles_of(tenant_id, roles), team=team_of(team))


def team_of(name: str) -> str:
    """Returns the team of this name, empty for none; raises BadTeam."""
    if name and not re.match(USER_NAME, name):
        raise BadTeam(f"{name!r} is no team: it has 1 to 100 of a-z, 0-9 and . _ @ + -, a letter or digit first")
    return name


def roles_of(tenant_id: str, names: Sequence[str]) -> list[Role]:
    """Returns the roles of these names, as this tenant has them; raises BadRole."""
    ours = [role for role in Role if (role is Role.PLATFORM_ADMIN) == (tenant_id == PLATFORM)]
    for name in names:
        if name not in ours:
            raise BadRole(f"no role is called {name} in tenant {tenant_id}; there are {', '.join(ours)}")
    return [Role(name) for name in names]


def found_user(tenant_id: str, name: str, known: User | None) -> User:
    """Returns the user; raises UnknownUser."""
    if known is None:
        raise UnknownUser(f"tenant {tenant_id} has no user {name}")
    return known


def turned(user: User, status: Status) -> User:
    """Returns the user let in, or no more from now on: then all sessions end."""
    return replace(user, status=status, epoch=user.epoch + (status == "suspended"))


def with_password(user: User, sealed: str) -> User:
    """Returns the user with a password for one log-in; all sessions end. Raises LogsInElsewhere."""
    if user.issuer:
        raise LogsInElsewhere(f"user {user.id} has no password: it logs in at {user.issuer}")
    return replace(user, password=sealed, one_time=True, epoch=user.epoch + 1)


def without_factor(user: User) -> User:
    """Returns the user without a second factor; all sessions end."""
    return replace(user, factor=None, epoch=user.epoch + 1)


def check_held(principal: Principal, roles: Iterable[Role]) -> None:
    """Raises NotHeld when one of the roles permits what the caller may not."""
    for role in roles:
        if lacking := GRANTED[role] - principal.permissions:
            raise NotHeld(f"role {role} permits {', '.join(sorted(lacking))}, which the caller may not")


def check_another(principal: Principal, user: User) -> None:
    """Raises NotOneself when the caller is this user."""
    if principal.id == f"user/{user.id}":
        raise NotOneself("nobody resets his own password or second factor here")


def check_managed(tenant_id: str, before: Iterable[User], after: Iterable[User]) -> None:
    """Raises LastAdmin when somebody managed this tenant before, and nobody does afterwards."""
    role = Role.PLATFORM_ADMIN if tenant_id == PLATFORM else Role.ADMIN

    def managed(users: Iterable[User]) -> bool:
        return any(role in user.roles and user.status == "active" for user in users)

    if managed(before) and not managed(after):
        raise LastAdmin(f"tenant {tenant_id} would have no {role} any more")


def scopes_of(names: Sequence[str], principal: Principal | None = None) -> list[Permission]:
    """Returns the permissions of these names, as a tenant's key can have them; raises BadScope, and NotHeld when the
    one who makes the key lacks one."""
    ours = [permission for permission in Permission if permission is not Permission.MANAGE_TENANTS]
    for name in names:
        if name not in ours:
            raise BadScope(f"no permission is called {name}; there are {', '.join(ours)}")
        if principal is not None and name not in principal.permissions:
            raise NotHeld(f"a key has no scope that its maker lacks: {name}")
    return [Permission(name) for name in names]


def check_narrower(maker: ApiKey, made: ApiKey) -> None:
    """Raises NotHeld when a key makes one that opens from elsewhere, lives longer, or spends another team's budget."""
    if maker.team and made.team != maker.team:
        raise NotHeld("a key makes no key of another team than its own")
    if maker.networks and not (made.networks and set(made.networks) <= set(maker.networks)):
        raise NotHeld("a key makes no key for other networks than its own")
    if made.expires_at > maker.expires_at:
        raise NotHeld("a key makes no key that lives longer than itself")


def new_key(
    shown: Presented,
    scopes: Sequence[Permission],
    days: int,
    title: str,
    now: datetime,
    networks: Sequence[str] = (),
    team: str = "",
) -> ApiKey:
    """Returns what is kept of a key that is shown to somebody; raises BadLife, BadNetwork, and BadTeam."""
    if wrong := checked(networks):
        raise BadNetwork(wrong)
    if not 1 <= days <= DAYS_MAX:
        raise BadLife(f"a key lives 1 to {DAYS_MAX} days, not {days}")
    ends = (now + timedelta(days=days)).replace(microsecond=0)
    return ApiKey(
        id=shown.key_id,
        title=title,
        scopes=list(scopes),
        expires_at=ends,
        digest=digest(shown.secret),
        networks=list(networks),
        team=team_of(team),
    )


def revoked(tenant_id: str, name: str, known: ApiKey | None) -> ApiKey:
    """Returns the key as it opens nothing; raises UnknownKey."""
    if known is None:
        raise UnknownKey(f"tenant {tenant_id} has no key {name}")
    return replace(known, status="revoked")


def new_tenant(name: str, title: str, known: Tenant | None) -> Tenant:
    """Returns a tenant; raises TenantExists."""
    if known is not None and known.status == "deleted":
        raise TenantExists(f"there was a tenant {name}: it is deleted, and nobody gets its id again")
    if name == PLATFORM or known is not None:
        raise TenantExists(f"there is a tenant {name}")
    return Tenant(id=name, title=title)


def found_tenant(name: str, known: Tenant | None) -> Tenant:
    """Returns the tenant, the platform's own too, of which nothing may have been said yet.

    Raises UnknownTenant, and DeletedTenant.
    """
    if known is None and name != PLATFORM:
        raise UnknownTenant(f"no tenant is called {name}")
    if known is not None and known.status == "deleted":
        raise DeletedTenant(f"tenant {name} is deleted, and nobody gets its id again")
    return known if known is not None else Tenant(id=PLATFORM)


def found_client(name: str, known: Tenant | None) -> Tenant:
    """Returns the tenant, which is not the platform's own; raises UnknownTenant, and DeletedTenant."""
    if name == PLATFORM:
        raise UnknownTenant(f"no tenant is called {name}")
    return found_tenant(name, known)


def turned_tenant(tenant: Tenant, status: Literal["active", "suspended", "deleted"]) -> Tenant:
    """Returns the tenant whose people and programs are let in, or none of them; raises PlatformStays."""
    if tenant.id == PLATFORM and status != "active":
        raise PlatformStays(f"the platform's own tenant is not {status}")
    return replace(tenant, status=status)


def public_user(user: User) -> dict[str, Any]:
    """Returns what may be shown of a user."""
    said: dict[str, Any] = msgspec.to_builtins(user)
    for hidden in ("password", "epoch", "factor", "subject", "provider_added"):
        del said[hidden]
    return {**said, "second_factor": enrolled(user) is not None}


def public_key(key: ApiKey) -> dict[str, Any]:
    """Returns what may be shown of a key."""
    said: dict[str, Any] = msgspec.to_builtins(key)
    del said["digest"]
    return said


def public_tenant(tenant: Tenant) -> dict[str, Any]:
    """Returns what may be shown of a tenant: of the names of its people, how many there are."""
    said: dict[str, Any] = msgspec.to_builtins(tenant)
    return {**said, "names": len(tenant.names)}
