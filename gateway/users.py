"""/users: a tenant's people, for who manages them."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from msgspec import Struct
from msgspec.structs import replace

from domain.administration import (
    LastAdmin,
    Status,
    check_another,
    check_held,
    check_managed,
    found_user,
    new_user,
    public_user,
    roles_of,
    team_of,
    turned,
    with_password,
    without_factor,
)
from domain.doors import Call
from domain.identity import ADMINISTERS, GRANTED, Permission, Principal, Role, User
from gateway.administration import USUAL, Empty, Text, Title, change, check_logged_in, check_own, identity, refusing
from gateway.answers import Done
from gateway.bodies import Share
from gateway.changes import Overtaken
from gateway.contracts import body, contract
from gateway.door import Door
from gateway.pages import listed, page
from gateway.passwords import one_time

KIND = "user"
NEEDED = Permission.MANAGE_USERS


class NewUser(Struct, frozen=True, forbid_unknown_fields=True):
    """A person; the password of the answer is good for one log-in."""

    name: Text
    roles: list[Text]
    title: Title = ""
    team: Text = ""
    """Whose budget the person's runs spend, beside the person's own; empty for none."""
    tenant_id: Text | None = None


class UserChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different."""

    roles: list[Text] | None = None
    status: Status | None = None
    title: Title | None = None
    team: Text | None = None
    """Empty for none."""
    tenant_id: Text | None = None


def routes(door: Door) -> APIRouter:
    """Returns the routes of a tenant's people."""
    router = APIRouter(prefix="/users", tags=["administration"])

    @router.get("", summary="List people", **listed(contract(None, 400, 401, 403)))
    async def users(request: Request) -> Response:
        """Lists the people of the caller's tenant, by name."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            tenant = principal.tenant_id
            found = page(request, door.definitions.ids(tenant, KIND))
            shown = [public_user(_now(door, tenant, name)) for name in found.names]
            return Done({"users": shown, "next": found.next}, status=200)

        return await door.call(request, NEEDED, work)

    @router.post("", summary="Make a person", **contract(NewUser, *USUAL))
    async def create(request: Request) -> Response:
        """Makes a person, with roles that the caller holds himself, and a password for one log-in, shown once."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, NewUser)
            check_own(principal, said.tenant_id)
            tenant, password = principal.tenant_id, one_time()
            sealed = await door.people.passwords.sealed_soon(tenant, said.name, password)

            def decide() -> User:
                known = door.definitions.user(tenant, said.name)
                made = new_user(tenant, said.name, said.roles, said.title, known, said.team)
                check_held(principal, made.roles)
                _check_login(door, call, principal, made.roles)
                return with_password(made, sealed)

            event_id = identity(door, call, principal, said)
            fresh = await change(door, call, tenant, KIND, said.name, event_id, decide)
            return _shown(door, tenant, said.name, password if fresh else None)

        return await door.call(request, NEEDED, work)

    @router.patch("/{name}", summary="Change a person", **contract(UserChange, *USUAL))
    async def alter(request: Request, name: str) -> Response:
        """Changes roles, status, title or team; nobody grants, or changes of others, what he does not hold himself."""

        async def work(call: Call, principal: Principal, share: Share) -> Done:
            said = await body(request, share, UserChange)
            check_own(principal, said.tenant_id)
            tenant = principal.tenant_id

            def decide() -> User:
                before = found_user(tenant, name, door.definitions.user(tenant, name))
                after = _changed(tenant, before, said, call)
                check_held(principal, {*before.roles, *after.roles})
                _check_login(door, call, principal, set(after.roles) - set(before.roles))
                people = door.definitions.users(tenant)
                check_managed(tenant, people, [after if each.id == name else each for each in people])
                return after

            managed = door.definitions.users(tenant)
            await change(door, call, tenant, KIND, name, identity(door, call, principal, name, said), decide)
            await _still_managed(door, call, principal, managed, name)
            return _shown(door, tenant, name)

        return await door.call(request, NEEDED, work)

    @router.post("/{name}/reset", summary="Reset a password", **contract(Empty, *USUAL, required=False))
    async def reset(request: Request, name: str) -> Response:
        """Gives a person a password for one log-in, shown once; the sessions end."""
        return await _proof(door, request, name, True)

    @router.delete("/{name}/totp", summary="Reset a second factor", **contract(Empty, *USUAL, required=False))
    async def reset_factor(request: Request, name: str) -> Response:
        """Takes a lost second factor from a person, and its recovery codes; the sessions end."""
        return await _proof(door, request, name, False)

    return router


async def _proof(door: Door, request: Request, name: str, of_password: bool) -> Response:
    """Answers a call that sets anew what somebody else proves himself with."""

    async def work(call: Call, principal: Principal, share: Share) -> Done:
        said = await body(request, share, Empty)
        check_own(principal, said.tenant_id)
        tenant, password = principal.tenant_id, one_time()
        sealed = await door.people.passwords.sealed_soon(tenant, name, password) if of_password else ""

        def decide() -> User:
            user = found_user(tenant, name, door.definitions.user(tenant, name))
            check_another(principal, user)
            check_held(principal, user.roles)
            check_logged_in(door, call, principal)
            return with_password(user, sealed) if of_password else without_factor(user)

        event_id = identity(door, call, principal, name, said)
        fresh = await change(door, call, tenant, KIND, name, event_id, decide)
        return _shown(door, tenant, name, password if fresh and of_password else None)

    return await door.call(request, NEEDED, work)


def _check_login(door: Door, call: Call, principal: Principal, granted: Iterable[Role]) -> None:
    """Refuses who has not logged in lately when a role that is granted lets others in."""
    if any(not ADMINISTERS.isdisjoint(GRANTED[role]) for role in granted):
        check_logged_in(door, call, principal)


def _changed(tenant: str, before: User, said: UserChange, call: Call) -> User:
    roles = roles_of(tenant, said.roles) if said.roles is not None else before.roles
    title = said.title if said.title is not None else before.title
    team = team_of(said.team) if said.team is not None else before.team
    after = replace(before, roles=roles, title=title, team=team)
    return turned(after, said.status) if said.status is not None else after


async def _still_managed(door: Door, call: Call, principal: Principal, before: list[User], name: str) -> None:
    """Gives back what was taken when another call took the other admin's role at the same moment, and refuses."""
    tenant = principal.tenant_id
    was = next((user for user in before if user.id == name), None)
    try:
        check_managed(tenant, before, door.definitions.users(tenant))
    except LastAdmin as error:
        assert was is not None  # or nothing was taken from him

        def decide() -> User:
            now = found_user(tenant, name, door.definitions.user(tenant, name))
            return replace(now, roles=was.roles, status=was.status)

        await change(door, call, tenant, KIND, name, door.new_id(), decide)
        raise Overtaken from error


def _shown(door: Door, tenant: str, name: str, password: str | None = None) -> Done:
    said: dict[str, Any] = public_user(_now(door, tenant, name))
    return Done({**said, "password": password} if password is not None else said, status=200)


def _now(door: Door, tenant: str, name: str) -> User:
    with refusing():
        return found_user(tenant, name, door.definitions.user(tenant, name))
