"""Decides whether a delivery is genuine (Standard Webhooks 1.0.0, HMAC-SHA256), and what may become of webhooks."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as signed
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.administration import BadNetwork, Unknown, team_of
from domain.identity import Permission, Principal, Verdict, Webhook
from domain.trust import checked
from schemas.catalogue import TOPICS
from schemas.errors import Rejected

SECRET_PREFIX, VERSION = "whsec_", "v1,"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
"""The headers of a delivery."""
TOLERANCE = timedelta(minutes=5)
"""Of a sender's clock, either way."""
ID_CHARACTERS_MAX, SIGNATURES_MAX, SIGNATURE_CHARACTERS_MAX = 200, 10, 4096
STALE = f"{TIMESTAMP} is more than {TOLERANCE.total_seconds():.0f} s from now"
NOBODYS = bytes(32)
"""Stands for the secret of a webhook that is none, which takes as long to find out as a wrong signature."""
_ID = re.compile(rf"[!-\-/-~]{{1,{ID_CHARACTERS_MAX}}}")
_SECONDS = re.compile(r"[0-9]{1,11}")


class UnknownWebhook(Unknown):
    """The tenant has no such webhook."""


class BadTopic(Rejected):
    """Nothing is sent to this topic."""


class BadDelivery(Rejected):
    """A header of a delivery is missing, or cannot be read."""


class Delivery(Struct, frozen=True):
    """What a sender says of one delivery, in its headers."""

    id: str
    """The same one when it is sent again."""
    timestamp: str
    """Seconds since 1970, as they were signed."""
    signatures: Sequence[bytes]

    @property
    def sent_at(self) -> datetime:
        """When it was signed, by the sender's clock."""
        return datetime.fromtimestamp(int(self.timestamp), UTC)


class Taken(Struct, frozen=True):
    """What is remembered of a delivery that came before."""

    digest: str
    """SHA-256 of its body, in hex."""
    kept: bool
    """False while it is under way."""


def delivery(headers: Mapping[str, str]) -> Delivery:
    """Returns what the headers say of a delivery; raises BadDelivery naming the one that is wrong.

    Signatures of other versions than v1 are passed over.
    """
    name, timestamp, shown = (headers.get(each, "") for each in (ID, TIMESTAMP, SIGNATURE))
    if not _ID.fullmatch(name):
        raise BadDelivery(f"{ID} is not 1 to {ID_CHARACTERS_MAX} ASCII characters without spaces and full stops")
    if not _SECONDS.fullmatch(timestamp):
        raise BadDelivery(f"{TIMESTAMP} is not a number of seconds since 1970")
    found = shown.split(" ") if len(shown) <= SIGNATURE_CHARACTERS_MAX else []
    ours = [each.removeprefix(VERSION).encode("utf-8", "replace") for each in found if each.startswith(VERSION)]
    if not 0 < len(ours) <= SIGNATURES_MAX:
        raise BadDelivery(f"{SIGNATURE} is not 1 to {SIGNATURES_MAX} of {VERSION}<base64>, with spaces between them")
    return Delivery(name, timestamp, ours)


def signature(secret: bytes, name: str, timestamp: str, body: bytes) -> bytes:
    """Returns the signature of `id.timestamp.body` in base64, as a header says it behind `v1,`."""
    return b64encode(signed(secret, b".".join((name.encode(), timestamp.encode(), body)), "sha256"))


def verified(
    shown: Delivery,
    body: bytes,
    tenant_id: str,
    known: Webhook | None,
    secret: bytes | None,
    tenant_active: bool,
    now: datetime,
) -> Verdict:
    """Returns who sends this: `known` is the webhook it was sent to, None when there is none.

    Compares in the same time whether there is one or not. Without its secret (sealed with another key) nothing is
    genuine. Who signs late, or after the revocation, is nobody; which webhook was meant the reasons say, for the log.
    """
    expected = signature(secret if secret is not None else NOBODYS, shown.id, shown.timestamp, body)
    genuine = sum(compare_digest(expected, each) for each in shown.signatures) > 0
    if known is None:
        return Verdict(None, ["unknown webhook"], 401)
    whose = f"webhook {tenant_id}/{known.id}"
    if secret is None:
        doubt = "the secret cannot be read"
    elif not genuine:
        doubt = "wrong signature"
    elif known.status != "active":
        doubt = f"webhook is {known.status}"
    elif not tenant_active:
        return Verdict(None, ["tenant is not active", whose], 403)
    elif abs(now - shown.sent_at) > TOLERANCE:
        doubt = STALE
    else:
        principal = Principal(tenant_id, f"webhook/{known.id}", frozenset({Permission.WRITE_EVENTS}))
        return Verdict(principal, ["signature is genuine"])
    return Verdict(None, [doubt, whose], 401)


def replayed(body_digest: str, taken: Taken) -> str:
    """Returns why a delivery whose `webhook-id` came before is not taken."""
    if taken.digest != body_digest:
        return f"another body was sent with this {ID}"
    return f"this {ID} was taken already" if taken.kept else f"a delivery of this {ID} is under way"


def place_of(webhook: str, name: str) -> str:
    """Returns the name under which a delivery of this id to the webhook is remembered."""
    return f"{webhook}/{sha256(name.encode()).hexdigest()}"


def new_webhook(name: str, topic: str, sealed: str, title: str, networks: Sequence[str], team: str) -> Webhook:
    """Returns a webhook whose secret somebody was shown; raises BadTopic, BadNetwork and BadTeam."""
    check_topic(topic)
    if wrong := checked(networks):
        raise BadNetwork(wrong)
    return Webhook(id=name, title=title, topic=topic, secret=sealed, networks=list(networks), team=team_of(team))


def check_topic(name: str) -> None:
    """Raises BadTopic when no client may write the topic."""
    there = sorted(topic.name for topic in TOPICS.values() if topic.open)
    if name not in there:
        raise BadTopic(f"a webhook names one of the topics that are open to clients: {', '.join(there)}")


def revoked(tenant_id: str, name: str, known: Webhook | None) -> Webhook:
    """Returns the webhook as it opens nothing; raises UnknownWebhook."""
    if known is None:
        raise UnknownWebhook(f"tenant {tenant_id} has no webhook {name}")
    return replace(known, status="revoked")


def public_webhook(webhook: Webhook) -> dict[str, Any]:
    """Returns what may be shown of a webhook, and where its sender sends."""
    said: dict[str, Any] = msgspec.to_builtins(webhook)
    del said["secret"]
    return {**said, "path": f"/api/v1/hooks/{webhook.id}"}


def told(secret: bytes) -> str:
    """Returns a secret as its sender is told it."""
    return SECRET_PREFIX + b64encode(secret).decode()
