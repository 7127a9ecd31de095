"""/tenants: who the platform's clients are, for the platform's admin."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct
from msgspec.structs import replace

from domain.administration import (
    Status,
    found_tenant,
    new_tenant,
    new_user,
    public_tenant,
    turned_tenant,
    with_password,
)
from domain.definitions import Tenant
from domain.doors import Call
from domain.identity import Permission, Principal, Role, User
from domain.ids import derive
from gateway.administration import USUAL, Text, Title, change, identity, refusing
from gateway.answers import Done
from gateway.bodies import Share
from gateway.contracts import body, contract
from gateway.door import Door
from gateway.pages import listed, page
from gateway.passwords import one_time

KIND = "tenant"
NEEDED = Permission.MANAGE_TENANTS


class NewTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """A client of the platform; `admin` names its first one, whose password of the answer is good for one log-in."""

    id: Text
    title: Title = ""
    admin: Text | None = None


class TenantChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different."""

    status: Status | None = None
    second_factor: Literal["optional", "required"] | None = None
    title: Title | None = None


def routes(door: Door) -> APIRouter:
    """Returns the routes of tenants."""
    router = APIRouter(prefix="/tenants", tags=["administration"])

    @router.get("", summary="List tenants", **listed(contract(None, 400, 401, 403)))
    async def tenants(request: Request) -> Response:
        """Lists all tenants, by name."""

        async def work(_: Call, __: Principal, ___: Share) -> Done:
            found = page(request, door.definitions.tenants())
            shown = [public_tenant(_now(door, name)) for name in found.names]
            return Done({"tenants": shown, "next": found.next}, status=200)

        return await door.call(request, NEEDED, work)

    @router.post("", summary="Make a tenant", **contract(NewTenant, *USUAL))
    async def create(request: Request) -> Response:
        """Makes a tenant, and its first admin when one is named, with a password for one log-in, shown once."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, NewTenant)
            event_id = identity(door, call, principal, said)
            if said.admin is not None:
                with refusing():
                    new_user(said.id, said.admin, [Role.ADMIN], "", None)  # refused before anything is made

            def decide() -> Tenant:
                return new_tenant(said.id, said.title, door.definitions.tenant(said.id))

            await change(door, call, said.id, KIND, said.id, event_id, decide)
            made = public_tenant(_now(door, said.id))
            if said.admin is not None:
                made["admin"] = said.admin
                if password := await _admin(door, call, said.id, said.admin, derive(event_id, "admin")):
                    made["password"] = password
            return Done(made, status=200)

        return await door.call(request, NEEDED, work)

    @router.patch("/{tenant}", summary="Change a tenant", **contract(TenantChange, *USUAL))
    async def alter(request: Request, tenant: str) -> Response:
        """Suspends a tenant or lets it in again, and says whether its people need a second factor."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, TenantChange)
            different = {name: value for name, value in msgspec.structs.asdict(said).items() if value is not None}

            def decide() -> Tenant:
                changed = replace(_now(door, tenant), **different)
                return turned_tenant(changed, said.status) if said.status is not None else changed

            await change(door, call, tenant, KIND, tenant, identity(door, call, principal, tenant, said), decide)
            return Done(public_tenant(_now(door, tenant)), status=200)

        return await door.call(request, NEEDED, work)

    return router


async def _admin(door: Door, call: Call, tenant: str, name: str, event_id: str) -> str:
    """Returns the password of the tenant's first admin, empty when this very call had made him before."""
    password = one_time()
    sealed = await door.people.passwords.sealed_soon(tenant, name, password)

    def decide() -> User:
        made = new_user(tenant, name, [Role.ADMIN], "", door.definitions.user(tenant, name))
        return with_password(made, sealed)

    return password if await change(door, call, tenant, "user", name, event_id, decide) else ""


def _now(door: Door, name: str) -> Tenant:
    with refusing():
        return found_tenant(name, door.definitions.tenant(name))
