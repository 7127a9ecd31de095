"""POST /hooks/{id}: what systems send that sign it, as the events of a topic (Standard Webhooks 1.0.0)."""

import asyncio
import logging
from hashlib import sha256
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from domain.doors import Call, Fact, open_to_clients
from domain.identity import Permission, Principal, Verdict, Webhook, authorise
from domain.trust import Access, Context, admitted
from domain.webhooks import (
    ID,
    ID_CHARACTERS_MAX,
    SIGNATURE,
    SIGNATURE_CHARACTERS_MAX,
    STALE,
    TIMESTAMP,
    BadDelivery,
    Delivery,
    delivery,
    place_of,
    replayed,
    verified,
)
from gateway.answers import Done, Known, Refusal, told
from gateway.bodies import JSON, Share, UnknownMediaType, opened, read
from gateway.contracts import TRIES
from gateway.deliveries import Deliveries
from gateway.door import Door
from gateway.events import ANY_BODY, check_plain, take
from gateway.problems import declared
from gateway.webhooks import secret_of
from schemas.errors import Unavailable

BODY_BYTES_MAX = 1024 * 1024
"""It is read before anybody is known."""
FORGET_S = 0.25
"""Time to forget a delivery that was not taken: whoever sent it waits for the answer."""
PROBLEMS = {
    **TRIES,
    400: "A header of the signature is missing or cannot be read, or the list is no JSON to its end.",
    401: "Nobody is known by this signature, or it was made more than five minutes from now.",
    403: "The webhook's tenant lets nobody in, or nobody from there.",
    408: "The body did not come to its end.",
    409: "This webhook-id was taken already, or came with another body.",
    413: "The body, an event in it, or their number is too large.",
    415: "The body is no JSON.",
    422: "An event is not what the topic's schema says. Nothing of the call was taken.",
    503: "The log does not take it now.",
}
HEADERS = [
    {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string", **schema}}
    for name, text, schema in (
        (ID, "Of the delivery; the same one when it is sent again.", {"maxLength": ID_CHARACTERS_MAX}),
        (TIMESTAMP, "Seconds since 1970.", {"pattern": "^[0-9]{1,11}$"}),
        (
            SIGNATURE,
            "One or more of `v1,` and HMAC-SHA256 of `id.timestamp.body` in base64, with spaces between them.",
            {"maxLength": SIGNATURE_CHARACTERS_MAX},
        ),
    )
]
BODY: dict[str, Any] = {
    "required": True,
    "content": {JSON: ANY_BODY["requestBody"]["content"][JSON]},
}
log = logging.getLogger(__name__)


def routes(door: Door, deliveries: Deliveries) -> APIRouter:
    """Returns the route of deliveries."""
    router = APIRouter(tags=["events"])

    @router.post(
        "/hooks/{webhook}",
        status_code=202,
        summary="Deliver to a webhook",
        responses=declared(PROBLEMS),
        openapi_extra={"requestBody": BODY, "parameters": HEADERS},
        response_class=Response,
    )
    async def deliver(webhook: str, request: Request) -> Response:
        """Takes one event or a list of them, all or none, from a system that signs them; each delivery once."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            try:
                shown = delivery(request.headers)
            except BadDelivery as error:
                raise Refusal(400, str(error)) from error
            content = await read(request, share, BODY_BYTES_MAX)
            found, principal = await _sender(door, webhook, shown, content, call, known)
            quota = door.quota(principal.tenant_id)
            share.closing.enter_context(door.usage.under_way(principal.tenant_id, quota))
            check_plain(request)
            body = opened(request.headers.get("content-type", JSON), content)
            if body.kind != JSON:
                raise UnknownMediaType(f"no delivery is read as that; there is {JSON}")
            topic = open_to_clients(found.topic)
            if topic is None:
                raise Refusal(403, "the topic is not open to clients")
            once = _Once(deliveries, found, shown, sha256(content).hexdigest(), call)
            await once.begin()
            try:
                done = await take(door, topic, body, msgspec.structs.replace(call, idempotency_key=shown.id), principal)
            except Exception:
                await once.forget()
                raise
            fact = Fact("WebhookDelivered", shown.id, {"webhook": found.id, "sha256": once.digest})
            return msgspec.structs.replace(done, fact=fact, finish=once.keep, undo=once.forget)

        return await door.enter(request, entry)

    return router


async def _sender(
    door: Door, name: str, shown: Delivery, content: bytes, call: Call, known: Known
) -> tuple[Webhook, Principal]:
    """Returns who sends this, and says so; refuses who is not known. Nobody is told whether there is such a webhook."""
    owner = door.definitions.webhook_owner(name)
    webhook = door.definitions.webhook(owner, name) if owner else None
    secret = secret_of(door.people.passwords.sealing, owner, webhook)
    verdict = verified(shown, content, owner, webhook, secret, door.active(owner), call.at)
    tenant = door.definitions.tenant(owner)
    access = tenant.access if tenant is not None else Access()
    networks = webhook.networks if webhook is not None else ()
    context = Context(at=call.at, address=call.address, networks=networks, credential="webhook")
    known.verdict = admitted(verdict, access, context)
    await door.counted(call, known)
    known.verdict = verdict = authorise(known.verdict, Permission.WRITE_EVENTS)
    if not verdict.allowed or verdict.principal is None or webhook is None:
        raise Refusal(verdict.status, _told(verdict))
    return webhook, verdict.principal


def _told(verdict: Verdict) -> str:
    """Returns what a sender is told: of a clock that is wrong, when nothing else is."""
    if verdict.status == 403:
        return verdict.reasons[0] if verdict.principal is None else told(verdict)
    return STALE if STALE in verdict.reasons else told(verdict)


class _Once:
    """One delivery: refused when it came before, forgotten when it is not taken, remembered when it is."""

    def __init__(self, deliveries: Deliveries, webhook: Webhook, shown: Delivery, digest: str, call: Call) -> None:
        self.digest = digest
        self._deliveries = deliveries
        self._place = place_of(webhook.id, shown.id)
        self._call = call

    async def begin(self) -> None:
        """Refuses a delivery that came before, or that another call is taking now; raises Unavailable."""
        taken = await self._deliveries.begin(self._place, self.digest, self._call.at)
        if taken is not None:
            raise Refusal(409, replayed(self.digest, taken))

    async def keep(self) -> None:
        """Says that it is on the log; raises Unavailable."""
        await self._deliveries.keep(self._place, self.digest, self._call.at)

    async def forget(self) -> None:
        """Says that it was not taken, so that it may be sent again at once, or else when its lease has ended."""
        try:
            async with asyncio.timeout(FORGET_S):
                await self._deliveries.forget(self._place)
        except (Unavailable, TimeoutError) as error:
            log.warning("a delivery that was not taken waits for its lease", extra={"reason": str(error)})
