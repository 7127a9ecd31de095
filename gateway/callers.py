"""Who calls: what a caller shows, and what is decided of it, of where it comes from, and of its device."""

from collections.abc import Sequence

from msgspec.structs import replace
from starlette.requests import HTTPConnection

from domain.definitions import Definitions
from domain.doors import Call
from domain.identity import Presented, Verdict, digest, identify, person, presented
from domain.sessions import Claims, Held
from domain.trust import Access, Context, admitted
from gateway.people import People
from gateway.tokens import Tokens

SCHEME = "bearer "
BEARER_PROTOCOL, DEVICE_PROTOCOL = "auterity.bearer.", "auterity.device."
"""Begin the subprotocols that are a token or a key, and a device."""
DEVICE_HEADER = "auterity-device"
TOKEN_DOTS = 2
"""In a token; a key has three."""

Shown = Presented | Claims
"""What a caller shows, taken apart."""


def credentials_of(request: HTTPConnection) -> str:
    """Returns what a caller shows: a header, or a WebSocket's subprotocol, as browsers cannot set its headers."""
    said = request.headers.get("authorization", "")
    if said[: len(SCHEME)].lower() == SCHEME:
        return said[len(SCHEME) :].strip()
    return request.headers.get("x-api-key", "") or _protocol(request, BEARER_PROTOCOL)


def device_of(request: HTTPConnection) -> str:
    """Returns the digest of what the device shows; empty when it shows nothing."""
    shown = request.headers.get(DEVICE_HEADER, "") or _protocol(request, DEVICE_PROTOCOL)
    return digest(shown) if shown else ""


def shown_by(tokens: Tokens, credentials: str) -> Shown | None:
    """Returns what this is, None when it is nothing; raises BadToken."""
    return tokens.read(credentials) if credentials.count(".") == TOKEN_DOTS else presented(credentials)


async def verdict_on(definitions: Definitions, people: People, shown: Shown | None, call: Call) -> Verdict:
    """Returns who has shown this in a call, and whether the tenant lets him in from there; raises Unavailable."""
    if shown is None:
        return identify(None, None, False, call.at)
    tenant = definitions.tenant(shown.tenant_id)
    active = definitions.active(shown.tenant_id)
    access = tenant.access if tenant is not None else Access()
    if isinstance(shown, Presented):
        known = definitions.key(shown.tenant_id, shown.key_id)
        networks: Sequence[str] = known.networks if known is not None else ()
        found = identify(shown, known, active, call.at)
        return admitted(found, access, Context(at=call.at, address=call.address, networks=networks))
    user = definitions.present(shown.tenant_id, shown.user)
    doubt = await people.doubt(shown, user, call.at) if shown.use == "access" else "a refresh token opens no door"
    ours = tenant is not None and not (user is not None and user.issuer)  # who logs in elsewhere shows one there
    second_factor = tenant.second_factor if tenant is not None and ours else "optional"
    found = person(shown.tenant_id, user, active, doubt, shown.session, second_factor)
    held = people.sessions.get(shown.session)
    verdict = admitted(found, access, context_of(people, call, shown.tenant_id, shown.user, held))
    if verdict.principal is None:  # the token was signed here: whose it is is certain, and no secret
        return replace(verdict, reasons=[*verdict.reasons, f"a token of {shown.tenant_id}/{shown.user}"])
    return verdict


def context_of(people: People, call: Call, tenant_id: str, user: str, held: Held | None) -> Context:
    """Returns what is known of a person's call beside its credentials; `held` is the session, None before there is one.

    A device is new until a session has been begun with it, unless the user never had one.
    """
    return Context(
        at=call.at,
        address=call.address,
        person=True,
        device=call.device,
        session_device=held.device if held is not None else "",
        session_address=held.address if held is not None else "",
        in_session=held is not None,
        device_known=people.sessions.knows(tenant_id, user, call.device),
        failed=people.failures(tenant_id, user, call.at),
    )


def _protocol(request: HTTPConnection, prefix: str) -> str:
    if request.scope["type"] != "websocket":
        return ""
    protocols = (str(each) for each in request.scope["subprotocols"])
    return next((each.removeprefix(prefix) for each in protocols if each.startswith(prefix)), "")
