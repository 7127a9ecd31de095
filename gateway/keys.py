"""/keys: what a tenant's programs come in with, for who manages it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from domain.administration import DAYS, check_narrower, new_key, public_key, revoked, scopes_of
from domain.doors import Call
from domain.identity import ADMINISTERS, ApiKey, Permission, Principal
from gateway.administration import USUAL, Empty, Text, Title, change, check_logged_in, check_own, identity
from gateway.answers import Done
from gateway.bodies import Share
from gateway.contracts import body, contract
from gateway.door import Door
from gateway.ids import fresh_key, id_of
from gateway.pages import listed, page

KIND = "api-key"
NEEDED = Permission.MANAGE_KEYS


class NewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A key; the one of the answer is shown once."""

    scopes: list[Text]
    days: int = DAYS
    title: Title = ""
    networks: list[Text] = []
    """It opens nothing from elsewhere; empty: from anywhere."""
    team: Text = ""
    """Whose budget it spends, beside its own; empty for none."""
    tenant_id: Text | None = None


def routes(door: Door) -> APIRouter:
    """Returns the routes of a tenant's keys."""
    router = APIRouter(prefix="/keys", tags=["administration"])

    @router.get("", summary="List keys", **listed(contract(None, 400, 401, 403)))
    async def keys(request: Request) -> Response:
        """Lists the keys of the caller's tenant by id, revoked and expired ones too; none shows its secret."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            tenant = principal.tenant_id
            found = page(request, door.definitions.ids(tenant, KIND))
            known = (door.definitions.key(tenant, name) for name in found.names)
            shown = [public_key(each) for each in known if each is not None]
            return Done({"keys": shown, "next": found.next}, status=200)

        return await door.call(request, NEEDED, work)

    @router.post("", summary="Make a key", **contract(NewKey, *USUAL))
    async def create(request: Request) -> Response:
        """Makes a key, with scopes that the caller holds himself; the log holds its SHA-256."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, NewKey)
            check_own(principal, said.tenant_id)
            tenant, event_id = principal.tenant_id, identity(door, call, principal, said)
            named = id_of(event_id) if call.idempotency_key is not None else ""
            key = fresh_key(tenant, named)

            def decide() -> ApiKey:
                scopes = scopes_of(said.scopes, principal)
                if not ADMINISTERS.isdisjoint(scopes):
                    check_logged_in(door, call, principal)
                made = new_key(key, scopes, said.days, said.title, call.at, said.networks, said.team)
                if (maker := door.definitions.key(tenant, principal.id.removeprefix("key/"))) is not None:
                    check_narrower(maker, made)
                return made

            fresh = await change(door, call, tenant, KIND, key.key_id, event_id, decide)
            shown = _shown(door, tenant, key.key_id)
            return Done({"key": key.text, **shown} if fresh else shown, status=200)

        return await door.call(request, NEEDED, work)

    @router.delete("/{key_id}", summary="Revoke a key", **contract(Empty, *USUAL, required=False))
    async def revoke(request: Request, key_id: str) -> Response:
        """Makes a key worth nothing, for good."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, Empty)
            check_own(principal, said.tenant_id)
            tenant = principal.tenant_id

            def decide() -> ApiKey:
                return revoked(tenant, key_id, door.definitions.key(tenant, key_id))

            await change(door, call, tenant, KIND, key_id, identity(door, call, principal, key_id), decide)
            return Done(_shown(door, tenant, key_id), status=200)

        return await door.call(request, NEEDED, work)

    return router


def _shown(door: Door, tenant: str, key_id: str) -> dict[str, Any]:
    known = door.definitions.key(tenant, key_id)
    assert known is not None  # it was put there, or changed, by this call
    return public_key(known)
