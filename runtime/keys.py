"""API keys of a tenant: made, listed, revoked. The key itself is shown once and kept nowhere."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.registry import codec_of
from domain.definitions import Definitions, Tenant
from domain.identity import PLATFORM, SECRET_BYTES, ApiKey, Permission, Presented, digest
from runtime.definitions import put, read
from schemas.codec import Codec
from schemas.errors import Rejected

KIND = "api-key"
CLIENT = "auterity-keys"
DAYS_MAX = 366
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
ID_LETTERS = 16


class UnknownTenant(Rejected):
    """No such tenant is on the log."""


class DeletedTenant(UnknownTenant):
    """The tenant is deleted."""


class UnknownKey(Rejected):
    """The tenant has no such key."""


class BadScope(Rejected):
    """No permission has this name."""


class BadLife(Rejected):
    """A key cannot live so long."""


def create(kafka: str, registry: str, tenant_id: str, scopes: list[str], days: int, title: str) -> dict[str, Any]:
    """Makes a key and returns it with what is known of it: `key` is the only place where its secret stands."""
    if not 1 <= days <= DAYS_MAX:
        raise BadLife(f"a key lives 1 to {DAYS_MAX} days, not {days}")
    allowed = [_permission(each) for each in scopes]
    codec = codec_of(registry)
    known = _known(kafka, codec, tenant_id)
    shown = Presented(
        tenant_id, "".join(secrets.choice(LETTERS) for _ in range(ID_LETTERS)), secrets.token_urlsafe(SECRET_BYTES)
    )
    now = datetime.now(UTC)
    made = ApiKey(
        id=shown.key_id,
        title=title,
        scopes=allowed,
        expires_at=(now + timedelta(days=days)).replace(microsecond=0),
        digest=digest(shown.secret),
    )
    put(kafka, CLIENT, [(KIND, msgspec.to_builtins(made))], known, codec, now, tenant_id)
    return {"key": shown.text, **public(made)}


def revoke(kafka: str, registry: str, tenant_id: str, name: str) -> dict[str, Any]:
    """Makes a key worth nothing from now on; raises UnknownKey."""
    codec = codec_of(registry)
    known = _known(kafka, codec, tenant_id)
    found = known.key(tenant_id, name)
    if found is None:
        raise UnknownKey(f"tenant {tenant_id} has no key {name}")
    revoked = msgspec.structs.replace(found, status="revoked")
    put(kafka, CLIENT, [(KIND, msgspec.to_builtins(revoked))], known, codec, datetime.now(UTC), tenant_id)
    return public(revoked)


def listed(kafka: str, registry: str, tenant_id: str) -> list[dict[str, Any]]:
    """Returns what is known of each of the tenant's keys."""
    known = _known(kafka, codec_of(registry), tenant_id)
    found = (known.key(tenant_id, name) for name in known.names(tenant_id, KIND))
    return [public(each) for each in found if each is not None]


def public(key: ApiKey) -> dict[str, Any]:
    """Returns what may be shown of a key."""
    said: dict[str, Any] = msgspec.to_builtins(key)
    del said["digest"]
    return said


def _permission(name: str) -> Permission:
    try:
        return Permission(name)
    except ValueError:
        raise BadScope(f"no permission is called {name}; there are {', '.join(Permission)}") from None


def living(known: Definitions, tenant_id: str) -> Tenant:
    """Returns the tenant; raises UnknownTenant, and DeletedTenant."""
    found = known.tenant(tenant_id)
    if tenant_id == PLATFORM or found is None:
        raise UnknownTenant(f"no tenant is called {tenant_id}")
    if found.status == "deleted":
        raise DeletedTenant(f"tenant {tenant_id} is deleted, and nobody gets its id again")
    return found


def _known(kafka: str, codec: Codec, tenant_id: str) -> Definitions:
    known = read(kafka, codec)
    living(known, tenant_id)
    return known
