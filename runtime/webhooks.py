"""Webhooks of a tenant: made, listed, revoked. The secret is shown once, and sealed before it goes anywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.registry import codec_of
from domain.administration import found_client
from domain.definitions import Definitions
from domain.identity import Webhook
from domain.webhooks import check_topic, new_webhook, public_webhook, revoked
from gateway.ids import fresh_id
from gateway.sealing import Sealing
from gateway.webhooks import made_secret
from runtime.definitions import put, read
from runtime.secrets import load
from schemas.codec import Codec

KIND = "webhook"
CLIENT = "auterity-webhooks"


class Webhooks:
    """The webhooks of one tenant, as the log has them now."""

    def __init__(self, kafka: str, registry: str, data_dir: Path, tenant_id: str) -> None:
        """Raises UnknownTenant, and DeletedTenant."""
        self._kafka = kafka
        self._codec: Codec = codec_of(registry)
        self._known: Definitions = read(kafka, self._codec)
        self._data_dir = data_dir
        self._tenant_id = tenant_id
        found_client(tenant_id, self._known.tenant(tenant_id))

    def create(self, topic: str, title: str = "", networks: Sequence[str] = (), team: str = "") -> dict[str, Any]:
        """Makes a webhook and returns it; `secret` is the only place where its secret stands.

        Raises BadTopic, BadNetwork, BadTeam.
        """
        check_topic(topic)
        needed = self._known.has("user") or self._known.has(KIND)
        name, sealing = fresh_id(), Sealing(load(self._data_dir, needed=needed).sealing_key)
        made = made_secret(sealing, self._tenant_id, name)
        shown = self._put(new_webhook(name, topic, made.sealed, title, networks, team))
        return {"secret": made.secret, **shown}

    def revoke(self, name: str) -> dict[str, Any]:
        """Has nothing taken any more that is signed for the webhook; raises UnknownWebhook."""
        return self._put(revoked(self._tenant_id, name, self._known.webhook(self._tenant_id, name)))

    def listed(self) -> list[dict[str, Any]]:
        """Returns what is known of each webhook, revoked ones too."""
        found = (self._known.webhook(self._tenant_id, name) for name in self._known.ids(self._tenant_id, KIND))
        return [public_webhook(each) for each in found if each is not None]

    def _put(self, webhook: Webhook) -> dict[str, Any]:
        bodies = [(KIND, msgspec.to_builtins(webhook))]
        put(self._kafka, CLIENT, bodies, self._known, self._codec, datetime.now(UTC), self._tenant_id)
        return public_webhook(webhook)
