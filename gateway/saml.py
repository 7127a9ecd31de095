"""/auth/saml: people log in at their tenant's identity provider (SAML 2.0, the platform as service provider)."""

import asyncio
import shutil
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from msgspec.structs import replace

from domain.doors import Call
from domain.federation import Assertion, BadAssertion, IdentityProvider, pending_doubt
from gateway.answers import Done, Known, Refusal
from gateway.bodies import BadBody, Share, read
from gateway.contracts import contract
from gateway.door import Door
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
    sought,
)

if TYPE_CHECKING:
    from gateway.assertions import ServiceProvider

BODY_BYTES_MAX = 256 * 1024
FIELDS_MAX = 10
AT_ONCE = 2
"""Documents that are looked at at a time."""
MEDIA_TYPE = "application/samlmetadata+xml"
FORM = {
    "type": "object",
    "required": ["SAMLResponse"],
    "properties": {"SAMLResponse": {"type": "string"}, "RelayState": {"type": "string"}},
}
T = TypeVar("T")


def routes(door: Door, sign_on: SignOn) -> APIRouter:
    """Returns the routes of logging in at a provider."""
    router = APIRouter(prefix="/auth/saml/{tenant}/{provider}", tags=["auth"])
    turn = asyncio.Semaphore(AT_ONCE)

    async def work(call: Callable[..., T], *given: str) -> T:
        async with turn:
            return await asyncio.to_thread(call, *given)

    async def ours(tenant: str, chosen: IdentityProvider) -> "ServiceProvider":
        program = shutil.which(sign_on.xmlsec1)
        if program is None:
            raise Refusal(503, "xmlsec1 is not installed: signatures cannot be looked at")
        try:
            return await work(lambda: loaded(chosen, tenant, program))
        except BadAssertion as error:
            raise Refusal(503, str(error)) from error

    @router.get(
        "",
        summary="Log in at a SAML provider",
        **contract(None, 404, status=303, done="To the provider.", texts=PROBLEMS),
    )
    async def begin(tenant: str, provider: str, request: Request) -> Response:
        """Sends the browser to the provider, with a cookie that ends after ten minutes."""

        async def entry(call: Call, _: Share, __: Known) -> Done:
            chosen = provider_of(door, tenant, provider, "saml")
            pending = pending_of(call, request, tenant, chosen)
            address, request_id = await work((await ours(tenant, chosen)).asked, pending.state)
            cookie = kept(sign_on, replace(pending, nonce=request_id), answer_at(tenant, chosen), posted=True)
            return Done({"location": address}, status=303, headers={"Location": address, **cookie})

        return await door.enter(request, entry)

    @router.post(
        "/acs",
        summary="Come back from a SAML provider",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": FORM}}}
        },
        **contract(None, 400, 401, 404, 408, 409, 413, texts=PROBLEMS, also=TO_PAGE),
    )
    async def end(tenant: str, provider: str, request: Request) -> Response:
        """Begins a session, as a log-in with a password does; an assertion does so once."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            chosen = provider_of(door, tenant, provider, "saml")
            sought(door, call)
            form = _form(await read(request, share, BODY_BYTES_MAX))
            answer, state = (form.get(name, [""])[0] for name in ("SAMLResponse", "RelayState"))
            pending = begun_here(sign_on, request)
            if doubt := pending_doubt(pending, tenant, provider, state, call.at):
                raise refused(known, doubt)
            assert pending is not None
            found = await _assertion(await ours(tenant, chosen), work, known, answer, pending.nonce)
            done = await let_in(door, call, known, tenant, chosen, found.said, f"assertion {found.id}")
            headers = forgotten(answer_at(tenant, chosen), posted=True)
            return ended(request, pending, done, headers)

        return await door.enter(request, entry)

    @router.get(
        "/metadata",
        summary="What a SAML provider has to know",
        **contract(None, 404, done="XML.", media_type=MEDIA_TYPE, texts=PROBLEMS),
    )
    async def metadata(tenant: str, provider: str, request: Request) -> Response:
        """Gives the metadata of the platform as this provider's service provider."""

        async def entry(_: Call, __: Share, ___: Known) -> Done:
            chosen = provider_of(door, tenant, provider, "saml")
            content = await work((await ours(tenant, chosen)).metadata)
            return Done({}, status=200, answer=Response(content, media_type=MEDIA_TYPE))

        return await door.enter(request, entry)

    return router


def answer_at(tenant_id: str, provider: IdentityProvider) -> str:
    """Returns the address to which the provider sends people back."""
    return f"{provider.gateway.rstrip('/')}/auth/saml/{tenant_id}/{provider.id}/acs"


def loaded(provider: IdentityProvider, tenant: str, xmlsec1: str) -> "ServiceProvider":
    """Returns the provider's counterpart; raises BadAssertion when its metadata are none.

    pysaml2 takes a second to load, which only who uses it waits for.
    """
    from gateway.assertions import ServiceProvider

    return ServiceProvider(provider, answer_at(tenant, provider), xmlsec1)


def _form(content: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(content.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise BadBody(f"a form of more than {FIELDS_MAX} fields") from error


async def _assertion(
    ours: "ServiceProvider", work: Callable[..., Any], known: Known, answer: str, request_id: str
) -> Assertion:
    try:
        document = b64decode("".join(answer.split()), validate=True).decode("utf-8")
        found: Assertion = await work(ours.read, answer, document, request_id)
    except ValueError as error:
        raise refused(known, "the answer is no XML") from error
    except BadAssertion as error:
        raise refused(known, str(error)) from error
    return found
