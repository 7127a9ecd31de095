"""Tenants: made, listed, suspended."""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from connectors.registry import codec_of
from domain.administration import found_tenant, new_tenant, turned_tenant
from domain.definitions import Tenant
from runtime.definitions import put, read

KIND = "tenant"
CLIENT = "auterity-tenants"


class Tenants:
    """All tenants, as the log has them now."""

    def __init__(self, kafka: str, registry: str) -> None:
        self._kafka = kafka
        self._codec = codec_of(registry)
        self._known = read(kafka, self._codec)

    def create(self, name: str, title: str = "") -> dict[str, Any]:
        """Makes a tenant and returns it; raises TenantExists, and BadDefinition for a name that is none."""
        return self._put(new_tenant(name, title, self._known.tenant(name)))

    def turn(self, name: str, status: Literal["active", "suspended"]) -> dict[str, Any]:
        """Lets the tenant's people and programs in, or none of them; raises UnknownTenant, PlatformStays."""
        return self._put(turned_tenant(self._found(name), status))

    def require(self, name: str, second_factor: Literal["optional", "required"]) -> dict[str, Any]:
        """Says whether the tenant's people need a second factor to do anything; raises UnknownTenant."""
        return self._put(msgspec.structs.replace(self._found(name), second_factor=second_factor))

    def listed(self) -> list[dict[str, Any]]:
        """Returns every tenant."""
        found = (self._known.tenant(name) for name in self._known.tenants())
        return [msgspec.to_builtins(each) for each in found if each is not None]

    def _found(self, name: str) -> Tenant:
        return found_tenant(name, self._known.tenant(name))

    def _put(self, tenant: Tenant) -> dict[str, Any]:
        said: dict[str, Any] = msgspec.to_builtins(tenant)
        put(self._kafka, CLIENT, [(KIND, said)], self._known, self._codec, datetime.now(UTC), tenant.id)
        return said
