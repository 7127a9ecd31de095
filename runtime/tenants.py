"""Tenants: made, listed, suspended, deleted, and what each may use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from connectors.registry import codec_of
from domain.administration import found_tenant, new_tenant, public_tenant, turned_tenant
from domain.definitions import Tenant, canonical, parse
from domain.quotas import NAMES, effective
from runtime.definitions import BadFile, put, read
from runtime.deployment import checked
from schemas.errors import Rejected

KIND = "tenant"
CLIENT = "auterity-tenants"


class BadQuota(Rejected):
    """A quota is no such amount."""


class Tenants:
    """All tenants, as the log has them now."""

    def __init__(self, kafka: str, registry: str) -> None:
        self._kafka = kafka
        self._codec = codec_of(registry)
        self._known = read(kafka, self._codec)

    def create(self, name: str, title: str = "") -> dict[str, Any]:
        """Makes a tenant and returns it; raises TenantExists, and BadDefinition for a name that is none."""
        return self._put(new_tenant(name, title, self._known.tenant(name)))

    def require(self, name: str, second_factor: Literal["optional", "required"]) -> dict[str, Any]:
        """Says whether the tenant's people need a second factor to do anything; raises UnknownTenant."""
        return self._put(msgspec.structs.replace(self._found(name), second_factor=second_factor))

    def turn(self, name: str, status: Literal["active", "suspended", "deleted"]) -> dict[str, Any]:
        """Lets the tenant's people and programs in, or none of them, or none ever; raises UnknownTenant.

        What is deleted stays so: DeletedTenant. The platform's own stays active: PlatformStays.
        """
        return self._put(turned_tenant(self._found(name), status))

    def quota(self, name: str, changes: Mapping[str, int | None]) -> dict[str, Any]:
        """Changes what the tenant may use, by the name of the quota; None is what holds for every tenant.

        Raises UnknownTenant, DeletedTenant, and BadDefinition for an amount that is none.
        """
        found = self._found(name)
        return self._put(msgspec.structs.replace(found, quota=msgspec.structs.replace(found.quota, **changes)))

    def access(self, name: str, said: dict[str, Any]) -> dict[str, Any]:
        """Says what the tenant asks of calls beside credentials, in place of what it has asked so far.

        Raises UnknownTenant, DeletedTenant, and BadDefinition for a network or hours that are none.
        """
        body = {**msgspec.to_builtins(self._found(name)), "access": said}
        found = parse(KIND, canonical(body))
        assert isinstance(found, Tenant)
        return self._put(found)

    def narrow(self, name: str, models: list[str]) -> dict[str, Any]:
        """Says which models, by id or family, the tenant narrows itself to; none: all that the platform allows it.

        Raises UnknownTenant, DeletedTenant, and BadDefinition for names that are none.
        """
        found = parse(KIND, canonical({**msgspec.to_builtins(self._found(name)), "models": models}))
        assert isinstance(found, Tenant)
        return self._put(found)

    def names(self, name: str, file: Path) -> dict[str, Any]:
        """Makes the file's lines the names that are concealed from models, in place of those of before.

        Raises UnknownTenant, DeletedTenant, BadFile, and BadDefinition for more than a tenant has.
        """
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(f"{file}: {error}") from error
        names = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
        with checked(file):
            found = parse(KIND, canonical({**msgspec.to_builtins(self._found(name)), "names": names}))
        assert isinstance(found, Tenant)
        return self._put(found)

    def listed(self) -> list[dict[str, Any]]:
        """Returns every tenant, deleted ones too."""
        found = (self._known.tenant(name) for name in self._known.tenants())
        return [public(each) for each in found if each is not None]

    def _found(self, name: str) -> Tenant:
        return found_tenant(name, self._known.tenant(name))

    def _put(self, tenant: Tenant) -> dict[str, Any]:
        said: dict[str, Any] = msgspec.to_builtins(tenant)
        put(self._kafka, CLIENT, [(KIND, said)], self._known, self._codec, datetime.now(UTC), tenant.id)
        return public(tenant)


def public(tenant: Tenant) -> dict[str, Any]:
    """Returns a tenant with what it may use: its own quotas over the default ones, null is without limit."""
    held = effective(tenant.quota)
    return {**public_tenant(tenant), "quota": {name: getattr(held, name) for name in NAMES}}


def amount(name: str, text: str) -> int | None:
    """Returns the amount that somebody says of a quota, None for `default`; raises BadQuota."""
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadQuota(f"{name} is a whole number of 0 or more, or `default`, not {text!r}")
    return int(text)
