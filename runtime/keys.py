"""API keys of a tenant: made, listed, revoked. The key itself is shown once and kept nowhere."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.registry import codec_of
from domain import administration
from domain.administration import found_client, new_key, public_key, scopes_of
from domain.definitions import Definitions
from gateway.ids import fresh_key
from runtime.definitions import put, read
from schemas.codec import Codec

KIND = "api-key"
CLIENT = "auterity-keys"


def create(
    kafka: str,
    registry: str,
    tenant_id: str,
    scopes: list[str],
    days: int,
    title: str,
    networks: Sequence[str] = (),
    team: str = "",
) -> dict[str, Any]:
    """Makes a key and returns it with what is known of it: `key` is the only place where its secret stands."""
    allowed = scopes_of(scopes)
    shown, now = fresh_key(tenant_id), datetime.now(UTC)
    made = new_key(shown, allowed, days, title, now, networks, team)
    codec = codec_of(registry)
    known = _known(kafka, codec, tenant_id)
    put(kafka, CLIENT, [(KIND, msgspec.to_builtins(made))], known, codec, now, tenant_id)
    return {"key": shown.text, **public_key(made)}


def revoke(kafka: str, registry: str, tenant_id: str, name: str) -> dict[str, Any]:
    """Makes a key worth nothing from now on; raises UnknownKey."""
    codec = codec_of(registry)
    known = _known(kafka, codec, tenant_id)
    revoked = administration.revoked(tenant_id, name, known.key(tenant_id, name))
    put(kafka, CLIENT, [(KIND, msgspec.to_builtins(revoked))], known, codec, datetime.now(UTC), tenant_id)
    return public_key(revoked)


def listed(kafka: str, registry: str, tenant_id: str) -> list[dict[str, Any]]:
    """Returns what is known of each of the tenant's keys."""
    known = _known(kafka, codec_of(registry), tenant_id)
    found = (known.key(tenant_id, name) for name in known.ids(tenant_id, KIND))
    return [public_key(each) for each in found if each is not None]


def _known(kafka: str, codec: Codec, tenant_id: str) -> Definitions:
    known = read(kafka, codec)
    found_client(tenant_id, known.tenant(tenant_id))
    return known
