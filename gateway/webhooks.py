"""/webhooks: what systems that cannot show a key come in with, for who manages keys."""

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from domain.administration import NotHeld
from domain.doors import Call
from domain.identity import SECRET_BYTES, Permission, Principal, Webhook
from domain.webhooks import new_webhook, public_webhook, revoked, told
from gateway.administration import USUAL, Empty, Text, Title, change, check_own, identity
from gateway.answers import Done
from gateway.bodies import Share
from gateway.contracts import body, contract
from gateway.door import Door
from gateway.ids import fresh_id, id_of
from gateway.pages import listed, page
from gateway.sealing import Sealing

KIND = "webhook"
NEEDED = Permission.MANAGE_KEYS
NOTHING = "A" * 80
"""As long as a secret that is sealed."""


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook; the secret of the answer is shown once."""

    topic: Text
    """One that is open to clients."""
    title: Title = ""
    networks: list[Text] = []
    """It opens nothing from elsewhere; empty: from anywhere."""
    team: Text = ""
    """Whose budget the runs that it starts spend; empty for none."""
    tenant_id: Text | None = None


def routes(door: Door) -> APIRouter:
    """Returns the routes of a tenant's webhooks."""
    router = APIRouter(prefix="/webhooks", tags=["administration"])

    @router.get("", summary="List webhooks", **listed(contract(None, 400, 401, 403)))
    async def webhooks(request: Request) -> Response:
        """Lists the webhooks of the caller's tenant by id, revoked ones too; none shows its secret."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            tenant = principal.tenant_id
            found = page(request, door.definitions.ids(tenant, KIND))
            known = (door.definitions.webhook(tenant, name) for name in found.names)
            shown = [public_webhook(each) for each in known if each is not None]
            return Done({"webhooks": shown, "next": found.next}, status=200)

        return await door.call(request, NEEDED, work)

    @router.post("", summary="Make a webhook", **contract(NewWebhook, *USUAL))
    async def create(request: Request) -> Response:
        """Makes a webhook and its secret, which the log holds sealed. No key makes one: it would outlive the key."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, NewWebhook)
            check_own(principal, said.tenant_id)
            tenant, event_id = principal.tenant_id, identity(door, call, principal, said)
            named = id_of(event_id) if call.idempotency_key is not None else fresh_id()
            made = made_secret(door.people.passwords.sealing, tenant, named)

            def decide() -> Webhook:
                if not principal.id.startswith("user/") or Permission.WRITE_EVENTS not in principal.permissions:
                    raise NotHeld("a webhook is made by a person who may write events: it outlives every key")
                return new_webhook(named, said.topic, made.sealed, said.title, said.networks, said.team)

            fresh = await change(door, call, tenant, KIND, named, event_id, decide)
            shown = _shown(door, tenant, named)
            return Done({"secret": made.secret, **shown} if fresh else shown, status=200)

        return await door.call(request, NEEDED, work)

    @router.delete("/{webhook}", summary="Revoke a webhook", **contract(Empty, *USUAL, required=False))
    async def revoke(request: Request, webhook: str) -> Response:
        """Has nothing taken any more that is signed for the webhook, for good."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, Empty)
            check_own(principal, said.tenant_id)
            tenant = principal.tenant_id

            def decide() -> Webhook:
                return revoked(tenant, webhook, door.definitions.webhook(tenant, webhook))

            await change(door, call, tenant, KIND, webhook, identity(door, call, principal, webhook), decide)
            return Done(_shown(door, tenant, webhook), status=200)

        return await door.call(request, NEEDED, work)

    return router


class Secret(Struct, frozen=True):
    """A new secret, as its sender is told it, and as it may lie on the log."""

    secret: str
    sealed: str


def made_secret(sealing: Sealing, tenant_id: str, webhook: str) -> Secret:
    """Returns a secret for this webhook that nobody knows yet."""
    secret = secrets.token_bytes(SECRET_BYTES)
    return Secret(told(secret), sealing.seal(KIND, tenant_id, webhook, content=secret))


def secret_of(sealing: Sealing, tenant_id: str, webhook: Webhook | None) -> bytes | None:
    """Returns the webhook's secret; None when it was sealed with another key, or, in the same time, there is none."""
    name, sealed = (webhook.id, webhook.secret) if webhook is not None else ("", NOTHING)
    return sealing.opened(KIND, tenant_id, name, sealed=sealed)


def _shown(door: Door, tenant: str, name: str) -> dict[str, Any]:
    known = door.definitions.webhook(tenant, name)
    assert known is not None  # it was put there, or changed, by this call
    return public_webhook(known)
