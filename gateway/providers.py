"""GET /auth/providers/{tenant}: where people of a tenant may log in instead, for the page that lets them choose."""

from fastapi import APIRouter, Request, Response

from domain.doors import Call
from gateway.answers import Done, Known
from gateway.bodies import Share
from gateway.contracts import contract
from gateway.door import Door

KIND = "identity-provider"


def routes(door: Door) -> APIRouter:
    """Returns the route."""
    router = APIRouter(prefix="/auth/providers", tags=["auth"])

    @router.get("/{tenant}", summary="Where to log in", **contract(None))
    async def providers(tenant: str, request: Request) -> Response:
        """Gives id, title and protocol of each provider; none of a tenant that there is not, or that is not active."""

        async def entry(_: Call, __: Share, ___: Known) -> Done:
            return Done({"providers": _shown(door, tenant)}, status=200)

        return await door.enter(request, entry)

    return router


def _shown(door: Door, tenant: str) -> list[dict[str, str]]:
    names = door.definitions.names(tenant, KIND) if door.active(tenant) else []
    found = (door.definitions.provider(tenant, name) for name in names)
    return [{"id": each.id, "title": each.title, "protocol": each.protocol} for each in found if each is not None]
