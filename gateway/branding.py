"""GET and PUT /branding: how a tenant's pages look; by a tenant's name for who is not known yet."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.branding import DEFAULT, KIND, LOGO_CHARACTERS_MAX, BadBranding, Branding, Colour, Look, flaw, look
from domain.doors import Call
from domain.identity import Permission, Principal
from gateway.administration import USUAL, change, identity
from gateway.answers import Done, Known
from gateway.bodies import BadBody, Share, read
from gateway.contracts import contract
from gateway.door import Door
from gateway.questions import builtins, reading

BODY_BYTES_MAX = LOGO_CHARACTERS_MAX + 8 * 1024


class BrandingSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the pages are to look; what is empty, or not said, is as it comes."""

    name: Annotated[str, Meta(max_length=60)] = ""
    logo: Annotated[str, Meta(max_length=LOGO_CHARACTERS_MAX)] = ""
    accent: Colour = ""
    accent_dark: Colour = ""


def routes(door: Door) -> APIRouter:
    """Returns the routes of branding."""
    router = APIRouter(prefix="/branding", tags=["branding"])

    def shown(tenant_id: str) -> Done:
        """Answers with how a tenant's pages look; one that is not active is as one that there is not."""
        said = door.definitions.branding(tenant_id) if door.active(tenant_id) else None
        return Done(builtins(look(said)), status=200)

    @router.get("", summary="How the caller's pages look", **reading(None, Look))
    async def own(request: Request) -> Response:
        """Returns the caller's tenant's name, logo and colours."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            return shown(principal.tenant_id)

        return await door.call(request, None, work)

    @router.get("/{tenant}", summary="How a tenant's pages look", **reading(None, Look, path=("tenant",)))
    async def theirs(request: Request, tenant: str) -> Response:
        """Returns name, logo and colours of a tenant, for who is about to log in; a tenant that there is not looks as
        one that has said nothing."""

        async def entry(_: Call, __: Share, ___: Known) -> Done:
            return shown(tenant)

        return await door.enter(request, entry)

    @router.put("", summary="Change how the pages look", **contract(BrandingSaid, *USUAL, answer=Look))
    async def put(request: Request) -> Response:
        """Makes this how the tenant's pages look."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            tenant_id, said = principal.tenant_id, await _said(request, share)

            def decide() -> Branding:
                made = Branding(id=DEFAULT, **msgspec.structs.asdict(said))
                if fault := flaw(made):
                    raise BadBranding(fault)
                return made

            event_id = identity(door, call, principal, said)
            await change(door, call, tenant_id, KIND, DEFAULT, event_id, decide)
            return shown(tenant_id)

        return await door.call(request, Permission.MANAGE_TENANT, work)

    return router


async def _said(request: Request, share: Share) -> BrandingSaid:
    try:
        return msgspec.json.decode(await read(request, share, BODY_BYTES_MAX) or b"{}", type=BrandingSaid)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody(f"the body is not what the contract says: {error}") from error
