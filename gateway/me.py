"""GET /me: who calls, as a page shows it."""

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from domain.doors import Call
from domain.identity import Permission, Principal, Role, enrolled
from gateway.answers import Done
from gateway.bodies import Share
from gateway.door import Door
from gateway.questions import builtins, reading


class Me(Struct, frozen=True, kw_only=True):
    """Who calls; a key has no roles and no second factor, its name is its id."""

    tenant: str
    tenant_title: str
    principal: str
    name: str
    title: str
    roles: list[Role]
    permissions: list[Permission]
    second_factor: bool
    second_factor_required: bool


def routes(door: Door) -> APIRouter:
    """Returns the route."""
    router = APIRouter(tags=["auth"])

    @router.get("/me", summary="Who am I, for a page", **reading(None, Me))
    async def me(request: Request) -> Response:
        """Says who calls, what this caller is called and may do, and whether a second factor is enrolled."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            return Done(builtins(_me(door, principal)), status=200)

        return await door.call(request, None, work)

    return router


def _me(door: Door, principal: Principal) -> Me:
    tenant_id = principal.tenant_id
    kind, _, name = principal.id.partition("/")
    user = door.definitions.user(tenant_id, name) if kind == "user" else None
    key = door.definitions.key(tenant_id, name) if kind == "key" else None
    tenant = door.definitions.tenant(tenant_id)
    return Me(
        tenant=tenant_id,
        tenant_title=tenant.title if tenant is not None else "",
        principal=principal.id,
        name=name,
        title=user.title if user is not None else key.title if key is not None else "",
        roles=user.roles if user is not None else [],
        permissions=sorted(principal.permissions),
        second_factor=enrolled(user) is not None,
        second_factor_required=door.second_factor(tenant_id) == "required",
    )
