"""/auth/oidc: people log in at their tenant's identity provider (OpenID Connect, authorization code with PKCE)."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from domain.doors import Call
from domain.federation import IdentityProvider, Pending, pending_doubt, token_doubt, vouched
from gateway import id_tokens
from gateway.answers import Done, Known, Refusal
from gateway.bodies import Share
from gateway.contracts import contract
from gateway.door import Door
from gateway.id_tokens import UnknownSigner
from gateway.sign_on import (
    PROBLEMS,
    TO_PAGE,
    SignOn,
    begun_here,
    ended,
    forgotten,
    kept,
    let_in,
    pending_of,
    provider_of,
    refused,
    secret_of,
    sought,
)
from schemas.errors import Rejected, Unavailable

PARAMETER_CHARACTERS_MAX = 4096
ERROR = re.compile(r"[a-z_]{1,64}\Z")
AWAY = "the identity provider does not answer"


def routes(door: Door, sign_on: SignOn) -> APIRouter:
    """Returns the routes of logging in at a provider."""
    router = APIRouter(prefix="/auth/oidc/{tenant}/{provider}", tags=["auth"])

    @router.get(
        "", summary="Log in at a provider", **contract(None, 404, status=303, done="To the provider.", texts=PROBLEMS)
    )
    async def begin(tenant: str, provider: str, request: Request) -> Response:
        """Sends the browser to the provider, with a cookie that ends after ten minutes."""

        async def entry(call: Call, _: Share, __: Known) -> Done:
            chosen = provider_of(door, tenant, provider, "oidc")
            pending, answer_at = pending_of(call, request, tenant, chosen), callback(tenant, chosen)
            try:
                address = await sign_on.openid.address(chosen, pending, answer_at)
            except (Unavailable, Rejected) as error:
                raise Refusal(503, AWAY) from error
            headers = {"Location": address, **kept(sign_on, pending, answer_at)}
            return Done({"location": address}, status=303, headers=headers)

        return await door.enter(request, entry)

    @router.get(
        "/callback", summary="Come back from a provider", **contract(None, 401, 404, 409, texts=PROBLEMS, also=TO_PAGE)
    )
    async def end(tenant: str, provider: str, request: Request) -> Response:
        """Begins a session, as a log-in with a password does."""

        async def entry(call: Call, _: Share, known: Known) -> Done:
            chosen = provider_of(door, tenant, provider, "oidc")
            sought(door, call)
            said = {name: each[:PARAMETER_CHARACTERS_MAX] for name, each in request.query_params.items()}
            pending = begun_here(sign_on, request)
            if doubt := pending_doubt(pending, tenant, provider, said.get("state", ""), call.at):
                raise refused(known, doubt)
            assert pending is not None
            claims = await _claims(sign_on, call, known, chosen, pending, said)
            done = await let_in(door, call, known, tenant, chosen, vouched(chosen, claims), pending.state)
            headers = {**forgotten(callback(tenant, chosen)), "Referrer-Policy": "no-referrer"}
            return ended(request, pending, done, headers)

        return await door.enter(request, entry)

    return router


def callback(tenant_id: str, provider: IdentityProvider) -> str:
    """Returns the address to which the provider sends people back."""
    return f"{provider.gateway.rstrip('/')}/auth/oidc/{tenant_id}/{provider.id}/callback"


async def _claims(
    sign_on: SignOn, call: Call, known: Known, provider: IdentityProvider, pending: Pending, said: Mapping[str, str]
) -> Mapping[str, Any]:
    """Returns what the provider signs for the code; refuses what is not to be trusted in every respect."""
    if "error" in said:
        why = said["error"] if ERROR.match(said["error"]) else "something else"
        raise refused(known, f"the provider says {why}")
    if said.get("iss", provider.issuer) != provider.issuer:  # RFC 9207
        raise refused(known, "the answer's issuer is another one")
    if not said.get("code"):
        raise refused(known, "the provider says nothing")
    secret = secret_of(sign_on, pending.tenant_id, provider)
    try:
        token = await sign_on.openid.redeemed(
            provider, pending, callback(pending.tenant_id, provider), said["code"], secret
        )
        try:
            claims = id_tokens.read(token, await sign_on.openid.keys(provider, False))
        except UnknownSigner:  # the provider has turned its keys, perhaps
            claims = id_tokens.read(token, await sign_on.openid.keys(provider, True))
    except Rejected as error:
        raise refused(known, str(error)) from error
    except Unavailable as error:
        raise Refusal(503, AWAY) from error
    if doubt := token_doubt(provider, claims, pending.nonce, call.at):
        raise refused(known, doubt)
    return claims
