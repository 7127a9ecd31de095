"""Decides who is calling, and whether this caller may do what it asks: pure, and no where a doubt is left."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

PLATFORM = "platform"
"""The tenant of what belongs to no client: its definitions are everybody's unless a tenant has its own, its people the
platform's admins."""
SECRET_BYTES = 32
"""Of a key's secret: nothing that can be guessed, so its plain SHA-256 tells nothing."""
USER_NAME = r"^[a-z0-9][a-z0-9._@+-]{0,99}\Z"
PREFIX = "auterity"
"""Begins every key, so that a key left in a repository can be found."""


class Permission(StrEnum):
    """What a caller may do, as resource and verb."""

    READ_RUNS = "runs:read"
    EXECUTE_WORKFLOWS = "workflows:execute"
    WRITE_EVENTS = "events:write"
    READ_DEAD_LETTERS = "dead-letters:read"
    MEND_DEAD_LETTERS = "dead-letters:mend"
    READ_DECISIONS = "decisions:read"
    READ_REQUESTS = "requests:read"
    READ_LOG = "log:read"
    READ_MONEY = "money:read"
    QUERY_ANALYTICS = "analytics:query"
    READ_FILES = "files:read"
    WRITE_FILES = "files:write"
    DELETE_FILES = "files:delete"
    MANAGE_KEYS = "keys:manage"
    MANAGE_USERS = "users:manage"
    MANAGE_TENANT = "tenant:manage"
    MANAGE_TENANTS = "tenants:manage"


class Role(StrEnum):
    """What a person is to a tenant."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ANALYST = "analyst"
    COMPLIANCE_OFFICER = "compliance-officer"
    ADMIN = "admin"
    PLATFORM_ADMIN = "platform-admin"


_VIEW = frozenset({Permission.READ_RUNS})
_OPERATE = frozenset(
    {
        Permission.EXECUTE_WORKFLOWS,
        Permission.WRITE_EVENTS,
        Permission.READ_DEAD_LETTERS,
        Permission.MEND_DEAD_LETTERS,
        Permission.READ_FILES,
        Permission.WRITE_FILES,
    }
)
_LOOK_UP = frozenset({Permission.READ_DECISIONS, Permission.READ_LOG, Permission.READ_MONEY})
_ANALYSE = _LOOK_UP | {Permission.QUERY_ANALYTICS, Permission.READ_FILES}
_OVERSEE = _LOOK_UP | {Permission.READ_REQUESTS, Permission.READ_DEAD_LETTERS}
_MANAGE = frozenset(
    {Permission.MANAGE_KEYS, Permission.MANAGE_USERS, Permission.MANAGE_TENANT, Permission.DELETE_FILES}
)
GRANTED: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEW,
    Role.OPERATOR: _VIEW | _OPERATE,
    Role.ANALYST: _VIEW | _ANALYSE,
    Role.COMPLIANCE_OFFICER: _VIEW | _OVERSEE,
    Role.ADMIN: _VIEW | _OPERATE | _ANALYSE | _OVERSEE | _MANAGE,
    Role.PLATFORM_ADMIN: frozenset({Permission.MANAGE_TENANTS, Permission.MANAGE_USERS}),
}
"""What each role may do in its own tenant, and nothing beyond. The platform's admin looks into no tenant."""
ADMINISTERS = frozenset(
    {Permission.MANAGE_KEYS, Permission.MANAGE_USERS, Permission.MANAGE_TENANT, Permission.MANAGE_TENANTS}
)
"""Who has one of these can let others in."""


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A program's way in, as a definition of its tenant; the secret itself is nowhere."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]{16}\Z")]
    title: str = ""
    scopes: list[Permission]
    expires_at: datetime
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """SHA-256 of the secret, in hex."""
    status: Literal["active", "revoked"] = "active"
    networks: list[str] = []
    """It opens nothing from elsewhere; empty: from anywhere."""
    team: Annotated[str, Meta(max_length=100)] = ""
    """Whose budget it spends; empty for none."""


class Webhook(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The way in of a system that signs what it sends, as a definition of its tenant; it ends when it is revoked."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]{16}\Z")]
    """No other tenant's webhook has it, too: what is sent to it names nothing else."""
    title: str = ""
    topic: str
    """Where what it sends goes."""
    secret: str
    """Of the signatures, sealed."""
    status: Literal["active", "revoked"] = "active"
    networks: list[str] = []
    """It opens nothing from elsewhere; empty: from anywhere."""
    team: Annotated[str, Meta(max_length=100)] = ""
    """Whose budget the runs that it starts spend; empty for none."""


class Factor(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person's second factor: codes by time (TOTP), and recovery codes for when that is lost."""

    id: str
    secret: str
    """Of the codes by time, sealed."""
    recovery: list[str] = []
    """The SHA-256 of each recovery code, sealed."""
    status: Literal["pending", "active"] = "pending"
    """Pending, it counts for nothing yet: nobody has shown a code."""


class User(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person, as a definition of its tenant."""

    id: Annotated[str, Meta(pattern=USER_NAME)]
    """The name to log in with."""
    title: str = ""
    roles: list[Role]
    password: str = ""
    """Its hash, sealed; empty when there is none to log in with."""
    one_time: bool = False
    """True when the password has to be changed with the first log-in."""
    epoch: int = 0
    """Sessions begun with credentials of an earlier epoch are worth nothing, whenever that was."""
    issuer: str = ""
    """Of whom comes through an identity provider: where, and who it is there; nobody else takes the name over."""
    subject: str = ""
    provider_added: int = 0
    """How often the provider had been added when it vouched last."""
    status: Literal["active", "suspended"] = "active"
    factor: Factor | None = None
    team: Annotated[str, Meta(max_length=100)] = ""
    """Whose budget it spends, beside its own; empty for none."""


class Presented(Struct, frozen=True):
    """A key as a caller shows it: `auterity.<tenant>.<id>.<secret>`."""

    tenant_id: str
    key_id: str
    secret: str

    @property
    def text(self) -> str:
        """The key in one word."""
        return ".".join((PREFIX, self.tenant_id, self.key_id, self.secret))


class Principal(Struct, frozen=True):
    """Who calls, once that is certain."""

    tenant_id: str
    id: str
    """`key/<id>`, `user/<name>` or `webhook/<id>`."""
    permissions: frozenset[Permission] = frozenset()
    session: str = ""
    """A person's, when it is known by a token."""


class Verdict(Struct, frozen=True):
    """Whether a call is let in, and why; each reason is a few words without data of the caller."""

    principal: Principal | None
    reasons: list[str] = field(default_factory=list)
    status: Literal[200, 401, 403] = 200

    @property
    def allowed(self) -> bool:
        """True when the call may go on."""
        return self.status == 200 and self.principal is not None


def presented(credentials: str) -> Presented | None:
    """Returns the parts of a key; None when it is none."""
    parts = credentials.split(".")
    if len(parts) != 4 or parts[0] != PREFIX or not all(part.isascii() and part for part in parts):
        return None
    return Presented(*parts[1:])


def digest(secret: str) -> str:
    """Returns what is kept of a key's secret."""
    return sha256(secret.encode()).hexdigest()


def identify(shown: Presented | None, known: ApiKey | None, tenant_active: bool, now: datetime) -> Verdict:
    """Returns who shows this key: `known` is the newest version of the key it names, None when there is none.

    Compares in the same time whether the key is known or not, and says to nobody which of the reasons it was.
    """
    expected = known.digest if known is not None else digest("")
    genuine = compare_digest(digest(shown.secret if shown is not None else "-"), expected)
    if shown is None:
        doubt = "no key"
    elif known is None:
        doubt = "unknown key"
    elif not genuine:
        doubt = "wrong secret"
    elif known.status != "active":
        doubt = f"key is {known.status}"
    elif now >= known.expires_at:
        doubt = "key is expired"
    elif not tenant_active:
        return Verdict(None, ["tenant is not active"], 403)
    else:
        scopes = frozenset(known.scopes)
        if shown.tenant_id != PLATFORM:
            scopes -= {Permission.MANAGE_TENANTS}  # what is the platform's alone, no tenant's key can give
        return Verdict(Principal(shown.tenant_id, f"key/{known.id}", scopes), ["key is genuine"])
    return Verdict(None, [doubt], 401)


def enrolled(user: User | None) -> Factor | None:
    """Returns the second factor that this person has to show, None when there is none."""
    factor = user.factor if user is not None else None
    return factor if factor is not None and factor.status == "active" else None


def person(
    tenant_id: str,
    user: User | None,
    tenant_active: bool,
    doubt: str,
    session: str = "",
    second_factor: Literal["optional", "required"] = "optional",
) -> Verdict:
    """Returns who calls when a person says so with a password or a token; `doubt` is why that is none, if it is.

    Where a second factor is required, who has none may do nothing but what everybody may: enrol one.
    """
    if doubt:
        return Verdict(None, [doubt], 401)
    if user is None:
        return Verdict(None, ["unknown user"], 401)
    if user.status != "active":
        return Verdict(None, [f"user is {user.status}"], 401)
    if not tenant_active:
        return Verdict(None, ["tenant is not active"], 403)
    if second_factor == "required" and enrolled(user) is None:
        return Verdict(Principal(tenant_id, f"user/{user.id}", session=session), ["user has to enrol a second factor"])
    ours = [role for role in user.roles if role is not Role.PLATFORM_ADMIN or tenant_id == PLATFORM]
    permissions = frozenset[Permission]().union(*(GRANTED[role] for role in ours))
    return Verdict(Principal(tenant_id, f"user/{user.id}", permissions, session), ["user is genuine"])


def authorise(identified: Verdict, permission: Permission | None, tenants: Sequence[str] = ()) -> Verdict:
    """Returns whether the caller may do this, to the tenants that its request names; None is what everybody may."""
    principal = identified.principal
    if principal is None or not identified.allowed or permission is None:
        return identified
    if permission not in principal.permissions:
        return Verdict(principal, [*identified.reasons, f"lacks {permission}"], 403)
    if any(tenant != principal.tenant_id for tenant in tenants):
        return Verdict(principal, [*identified.reasons, "names another tenant"], 403)
    return Verdict(principal, [*identified.reasons, f"has {permission}"])
