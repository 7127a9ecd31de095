"""/auth/totp: people enrol a second factor, confirm it with a code, and remove it."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.doors import Call
from domain.factors import STEP_S, uri
from domain.identity import User, enrolled
from gateway import proofs
from gateway.answers import Done, Known, Refusal
from gateway.auth import CODE_CHARACTERS_MAX, begin
from gateway.bodies import Share
from gateway.changes import put
from gateway.contracts import body, contract
from gateway.door import Door
from gateway.passwords import LENGTH_MAX
from gateway.session_cookies import kept

KIND = "user"
Password = Annotated[str, Meta(max_length=LENGTH_MAX)]
Code = Annotated[str, Meta(max_length=CODE_CHARACTERS_MAX)]


class Enrol(Struct, frozen=True, forbid_unknown_fields=True):
    """The password again: a session that was left open enrols nothing."""

    password: Password


class Confirm(Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the factor that was enrolled last."""

    code: Code


class Remove(Struct, frozen=True, forbid_unknown_fields=True):
    """The password again, and a code of the factor, or a recovery code."""

    password: Password
    code: Code


def routes(door: Door) -> APIRouter:
    """Returns the routes of second factors."""
    router = APIRouter(prefix="/auth/totp", tags=["auth"])
    usual = (400, 401, 403, 408, 409, 413)

    @router.post("", summary="Enrol a second factor", **contract(Enrol, *usual))
    async def enrol(request: Request) -> Response:
        """Shows the secret, once; the factor counts when a code of it was shown."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            tenant, name = await _caller(door, request, call, known)
            said = await body(request, share, Enrol)
            last = door.definitions.last(tenant, KIND, name)
            user = await proofs.password(door, call, tenant, name, said.password, known)
            door.people.went_well(tenant, name, call.address)
            if enrolled(user) is not None:
                raise Refusal(409, "a second factor is enrolled: remove it first")
            made = proofs.enrolment(door.people.passwords.sealing, tenant, name, door.new_id())
            await put(door, call, tenant, KIND, msgspec.structs.replace(user, factor=made.factor), last)
            return Done({"secret": made.secret, "uri": uri(made.secret, tenant, name), "period": STEP_S}, status=200)

        return await door.enter(request, entry)

    @router.post("/confirm", summary="Confirm a second factor", **contract(Confirm, *usual))
    async def confirm(request: Request) -> Response:
        """Makes the factor count, shows the recovery codes, once, and begins a new session; all others end."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            tenant, name = await _caller(door, request, call, known)
            said = await body(request, share, Confirm)
            last, user = door.definitions.last(tenant, KIND, name), _user(door, tenant, name)
            if user.factor is None or user.factor.status != "pending":
                raise Refusal(409, "no second factor waits to be confirmed")
            await proofs.code(door, call, tenant, user, user.factor, said.code, known)
            factor, codes = proofs.confirmed(door.people.passwords.sealing, tenant, name, user.factor)
            changed = msgspec.structs.replace(user, factor=factor, epoch=user.epoch + 1)
            await put(door, call, tenant, KIND, changed, last)
            return kept(request, begin(door, call, tenant, name, changed.epoch, recovery_codes=codes))

        return await door.enter(request, entry)

    @router.delete("", summary="Remove the second factor", **contract(Remove, *usual))
    async def remove(request: Request) -> Response:
        """Removes the factor; its recovery codes are worth nothing any more."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            tenant, name = await _caller(door, request, call, known)
            said = await body(request, share, Remove)
            last = door.definitions.last(tenant, KIND, name)
            user = await proofs.password(door, call, tenant, name, said.password, known)
            if (factor := enrolled(user)) is None:
                door.people.went_well(tenant, name, call.address)
                raise Refusal(409, "no second factor is enrolled")
            await proofs.code(door, call, tenant, user, factor, said.code, known)
            door.people.went_well(tenant, name, call.address)
            await put(door, call, tenant, KIND, msgspec.structs.replace(user, factor=None), last)
            return Done({}, status=200)

        return await door.enter(request, entry)

    return router


async def _caller(door: Door, request: Request, call: Call, known: Known) -> tuple[str, str]:
    """Returns tenant and name of the person who calls; refuses programs."""
    principal = await door.admitted(request, call, None, known)
    kind, _, name = principal.id.partition("/")
    if kind != "user":
        raise Refusal(403, "only people have a second factor")
    return principal.tenant_id, name


def _user(door: Door, tenant: str, name: str) -> User:
    user = door.definitions.user(tenant, name)
    assert user is not None  # or nobody would be known
    return user
