"""Identity providers of a tenant: added, listed, removed. The client's secret is sealed before it goes anywhere."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.registry import codec_of
from domain.administration import found_client
from domain.definitions import BadDefinition, Definitions, canonical, parse
from domain.federation import BadAssertion, IdentityProvider
from gateway import oidc, saml
from gateway.sealing import Sealing
from gateway.sign_on import sealed_secret
from runtime.definitions import put, read
from runtime.secrets import load
from schemas.codec import Codec
from schemas.errors import Rejected

KIND = "identity-provider"
CLIENT = "auterity-providers"


class UnknownProvider(Rejected):
    """The tenant has no such identity provider."""


class ProviderExists(Rejected):
    """The tenant has an identity provider of this name."""


class BadMetadata(Rejected):
    """What a SAML provider says of itself cannot be used here."""


class BadMapping(Rejected):
    """A group and a role are said as `group=role`."""


class Providers:
    """The identity providers of one tenant, as the log has them now."""

    def __init__(self, kafka: str, registry: str, data_dir: Path, tenant_id: str) -> None:
        """Raises UnknownTenant; the platform's own people come through none."""
        self._kafka = kafka
        self._codec: Codec = codec_of(registry)
        self._known: Definitions = read(kafka, self._codec)
        self._data_dir = data_dir
        self._tenant_id = tenant_id
        found_client(tenant_id, self._known.tenant(tenant_id))

    def add(self, said: dict[str, Any], secret: str, mapped: list[str]) -> dict[str, Any]:
        """Makes a provider of what is said of it; raises ProviderExists, BadMapping, BadDefinition."""
        name = said["id"]
        if self._known.provider(self._tenant_id, name) is not None:
            raise ProviderExists(f"tenant {self._tenant_id} has an identity provider {name}")
        sealing = Sealing(load(self._data_dir).sealing_key)
        sealed = sealed_secret(sealing, self._tenant_id, name, secret) if secret else ""
        last = self._known.last(self._tenant_id, KIND, name)
        before = parse(KIND, last.body) if last is not None else None
        added = before.added + 1 if isinstance(before, IdentityProvider) else 1
        body = {**said, "client_secret": sealed, "roles": _roles(mapped), "added": added}
        made = parse(KIND, canonical(body))
        assert isinstance(made, IdentityProvider)
        if made.protocol == "saml":
            self._check_metadata(made)
        return self._put(made)

    def remove(self, name: str) -> dict[str, Any]:
        """Lets nobody in through the provider any more, whatever tokens there are; raises UnknownProvider."""
        found = self._known.provider(self._tenant_id, name)
        if found is None:
            raise UnknownProvider(f"tenant {self._tenant_id} has no identity provider {name}")
        return self._put(msgspec.structs.replace(found, status="removed", client_secret=""))

    def listed(self) -> list[dict[str, Any]]:
        """Returns what is known of each provider."""
        names = self._known.names(self._tenant_id, KIND)
        found = (self._known.provider(self._tenant_id, name) for name in names)
        return [self._public(each) for each in found if each is not None]

    def _put(self, provider: IdentityProvider) -> dict[str, Any]:
        bodies = [(KIND, msgspec.to_builtins(provider))]
        put(self._kafka, CLIENT, bodies, self._known, self._codec, datetime.now(UTC), self._tenant_id)
        return self._public(provider)

    def _check_metadata(self, provider: IdentityProvider) -> None:
        program = shutil.which("xmlsec1")
        if program is None:
            raise BadMetadata("a SAML provider needs xmlsec1 (Debian package xmlsec1), which is not installed")
        try:
            saml.loaded(provider, self._tenant_id, program).asked("")
        except BadAssertion as error:
            raise BadMetadata(str(error)) from error

    def _public(self, provider: IdentityProvider) -> dict[str, Any]:
        """Returns what may be shown, so not the secret, and where the provider has to send people back."""
        said: dict[str, Any] = msgspec.to_builtins(provider)
        del said["client_secret"], said["metadata"]
        where = saml.answer_at if provider.protocol == "saml" else oidc.callback
        return {**said, "callback": where(self._tenant_id, provider)}


def _roles(mapped: list[str]) -> dict[str, list[str]]:
    """Returns the roles by group; a group's name may have an equals sign in it."""
    found: dict[str, list[str]] = {}
    for each in mapped:
        group, _, role = each.rpartition("=")
        if not group or not role:
            raise BadMapping(f"{each!r} is no mapping: say group=role")
        found.setdefault(group, []).append(role)
    if not found:
        raise BadDefinition("a provider without a mapping lets nobody in: say --role group=role")
    return found
