"""Log-ins that another one vouches for: what they share, whatever the provider speaks."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec
from fastapi import Request
from msgspec import Struct

from domain.doors import Call
from domain.federation import REPLAYED, SIGN_ON, Admission, IdentityProvider, Pending, Vouched, admitted
from domain.identity import Verdict, person
from domain.ids import derive
from domain.limits import network
from domain.ports import OpenId
from domain.sessions import begun
from gateway.answers import Done, Known, Refusal, told
from gateway.auth import settled, tokens
from gateway.changes import Overtaken, put
from gateway.door import Door
from gateway.proofs import waiting
from gateway.sealing import Sealing
from gateway.session_cookies import PAGE, in_cookie

COOKIE, SECRET = "auterity-sign-on", "provider-secret"
PROBLEMS = {
    400: "The body is not what it should be.",
    401: "No log-in of this browser's that the provider vouches for, or nobody whom it lets in.",
    404: "The tenant has no such provider, or nobody of it is let in.",
    408: "The body did not come to its end.",
    409: "The user was changed at the same moment.",
    413: "The body is too large.",
    503: "The log does not take it now, the provider does not answer, or what looks at its signatures is missing.",
}
"""What OpenAPI says of refusals."""
TO_PAGE = {303: "To the page, which began it."}
TRIES_MAX = 3
"""Of writing down a user whom others write down at the same moment."""
STATE_BYTES, VERIFIER_BYTES = 32, 48


class SignOn(Struct, frozen=True):
    """What logging in through a provider needs."""

    openid: OpenId
    sealing: Sealing
    """Of the secrets in providers' definitions, and of cookies."""
    xmlsec1: str = "xmlsec1"
    """The program that looks at SAML's signatures."""


def sealed_secret(sealing: Sealing, tenant_id: str, provider: str, secret: str) -> str:
    """Returns a provider's secret as its definition holds it."""
    return sealing.seal(SECRET, tenant_id, provider, content=secret.encode())


def secret_of(sign_on: SignOn, tenant_id: str, provider: IdentityProvider) -> str:
    """Returns the provider's secret, empty when it has none; refuses one that cannot be opened."""
    if not provider.client_secret:
        return ""
    opened = sign_on.sealing.opened(SECRET, tenant_id, provider.id, sealed=provider.client_secret)
    if opened is None:
        raise Refusal(503, "the provider's secret was sealed with another key")
    return opened.decode()


def provider_of(door: Door, tenant_id: str, name: str, protocol: str) -> IdentityProvider:
    """Returns the tenant's provider; refuses when there is none, or nobody of the tenant is let in."""
    found = door.definitions.provider(tenant_id, name) if door.active(tenant_id) else None
    if found is None or found.protocol != protocol:
        raise Refusal(404, "no such identity provider")
    return found


def pending_of(call: Call, request: Request, tenant_id: str, provider: IdentityProvider) -> Pending:
    """Returns a log-in that begins now; with `?to=page` it ends in the page."""
    return Pending(
        tenant_id=tenant_id,
        provider=provider.id,
        state=secrets.token_urlsafe(STATE_BYTES),
        nonce=secrets.token_urlsafe(STATE_BYTES),
        verifier=secrets.token_urlsafe(VERIFIER_BYTES),
        expires_at=call.at + SIGN_ON,
        to_page=request.query_params.get("to") == "page",
    )


def kept(sign_on: SignOn, pending: Pending, answer_at: str, posted: bool = False) -> dict[str, str]:
    """Returns the header that has the browser keep the log-in until the answer comes to this address.

    `posted`: a page of the provider's sends the answer, not the browser's user.
    """
    sealed = sign_on.sealing.seal(COOKIE, content=msgspec.json.encode(pending))
    return {"Set-Cookie": _cookie(sealed, int(SIGN_ON.total_seconds()), answer_at, posted)}


def forgotten(answer_at: str, posted: bool = False) -> dict[str, str]:
    """Returns the header that has the browser forget it."""
    return {"Set-Cookie": _cookie("", 0, answer_at, posted)}


def begun_here(sign_on: SignOn, request: Request) -> Pending | None:
    """Returns the log-in that was begun in this browser, None when there is none of ours."""
    content = sign_on.sealing.opened(COOKIE, sealed=request.cookies.get(COOKIE, ""))
    return msgspec.json.decode(content, type=Pending) if content is not None else None


def ended(request: Request, pending: Pending, done: Done, headers: Mapping[str, str]) -> Done:
    """Returns the answer to who comes back: the tokens, or, where the page began it, the way there.

    The page's cookie takes the place of the one that begins a log-in: that ends by itself, and is good once.
    """
    if pending.to_page:
        return in_cookie(request, msgspec.structs.replace(done, status=303, headers={"Location": PAGE}), shown=False)
    return msgspec.structs.replace(done, headers=headers)


def sought(door: Door, call: Call) -> None:
    """Refuses an address from which too many have failed; counts as failed until `let_in`."""
    addresses = door.people.addresses
    if wait_s := addresses.wait_s(network(call.address), call.at):
        raise waiting("too many failed attempts", wait_s)
    addresses.failed(network(call.address), call.at)


def refused(known: Known, doubt: str) -> Refusal:
    """Returns the refusal of somebody of whom there is this doubt, which the log is told, and nobody else."""
    known.verdict = Verdict(None, [doubt], 401)
    return Refusal(401, told(known.verdict))


async def let_in(
    door: Door, call: Call, known: Known, tenant_id: str, provider: IdentityProvider, said: Vouched, once: str
) -> Done:
    """Begins the session of the person whom the provider vouches for, who is a user from now on.

    `once` names the provider's word: the session is named after it, so that of all that show it, here or at other
    gateways, the first on the log is let in, and nobody else.
    """
    name = derive("sign-on", tenant_id, provider.id, once)
    await door.people.catch_up()
    if door.people.sessions.get(name) is not None:
        raise refused(known, REPLAYED)
    admission = await _made_known(door, call, tenant_id, provider, said)
    if admission.user is None:
        raise refused(known, admission.doubt)
    known.verdict = person(tenant_id, admission.user, door.active(tenant_id), "")
    if not known.verdict.allowed:
        raise Refusal(known.verdict.status, told(known.verdict))
    door.let_in(call, tenant_id, admission.user.id, known)
    event = begun(call, tenant_id, admission.user.id, name, door.new_id, admission.user.epoch)
    await settled(door, event)
    held = door.people.sessions.get(name)
    if held is None or held.event_id != event.event_id:
        raise refused(known, REPLAYED)
    door.people.addresses.undone(network(call.address))
    return Done(tokens(door, name, held), status=200)


async def _made_known(door: Door, call: Call, tenant_id: str, provider: IdentityProvider, said: Vouched) -> Admission:
    """Returns whom the provider's word makes of the person, once that is on the log."""
    for _ in range(TRIES_MAX):
        await door.latest()
        admission = admitted(provider, said, door.definitions.user(tenant_id, said.name))
        if admission.user is None:
            return admission
        with suppress(Overtaken):
            last = door.definitions.last(tenant_id, "user", said.name)
            await put(door, call, tenant_id, "user", admission.user, last)
            return admission
    raise Overtaken


def _cookie(value: str, age_s: int, answer_at: str, posted: bool) -> str:
    """Returns a cookie that goes to the answer's address only, and to no script."""
    where = urlsplit(answer_at)
    secure = where.scheme == "https"
    site = "None" if posted and secure else "Lax"  # Lax holds back what another site posts
    tail = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Max-Age={age_s}; Path={where.path}; HttpOnly; SameSite={site}{tail}"
