"""/auth: people log in, stay logged in, and log out."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.definitions import define
from domain.doors import Call
from domain.identity import Principal, User, Verdict, person
from domain.sessions import ACCESS, LOGGED_OUT, RENEWAL, REUSED, Held, begun, claimed, ended, held_by, renewed
from gateway.bodies import BadBody, Share, read
from gateway.door import SOURCE, Done, Door, Known, Refusal, check_key, told
from gateway.passwords import LENGTH_MAX, LENGTH_MIN
from gateway.problems import declared
from gateway.tokens import BadToken
from schemas.events import Session

BODY_BYTES_MAX = 8 * 1024
PROBLEMS = {
    400: "The body is not what it should be.",
    401: "Nobody is known by these credentials.",
    403: "The tenant is not active, or the password has to be changed.",
    408: "The body did not come to its end.",
    409: "The user was changed at the same moment.",
    413: "The body is too large.",
    422: "The new password cannot be taken.",
    429: "Too many attempts have failed; Retry-After says when the next one is looked at.",
    500: "An error of the gateway's own.",
    503: "The log does not take it now.",
}


class LogIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants in. `new_password` changes the password; with a one-time password it has to be there."""

    tenant: Annotated[str, Meta(max_length=100)]
    name: Annotated[str, Meta(max_length=100)]
    password: Annotated[str, Meta(max_length=LENGTH_MAX)]
    new_password: str | None = None


class Refresh(Struct, frozen=True, forbid_unknown_fields=True):
    """The token that renews a session; it is worth nothing afterwards, and shown again it ends the session."""

    refresh_token: str


def routes(door: Door) -> APIRouter:
    """Returns the routes of logging in."""
    router = APIRouter(prefix="/auth", tags=["auth"])

    @router.post("/login", summary="Log in", **_contract(LogIn, 400, 401, 403, 408, 409, 413, 422, 429, 500, 503))
    async def login(request: Request) -> Response:
        """Begins a session: an access token for an hour, and a refresh token that renews it for seven days."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            return await _login(door, call, await _body(request, share, LogIn), known)

        return await door.enter(request, entry)

    @router.post("/refresh", summary="Renew a session", **_contract(Refresh, 400, 401, 403, 408, 413, 500, 503))
    async def refresh(request: Request) -> Response:
        """Gives two new tokens for the newest refresh token; an older one ends the session."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            return await _refresh(door, call, (await _body(request, share, Refresh)).refresh_token, known)

        return await door.enter(request, entry)

    @router.get("/verify", summary="Who am I", **_contract(None, 400, 401, 403, 500, 503))
    async def verify(request: Request) -> Response:
        """Says who calls, and what this caller may do."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            said = {"tenant": principal.tenant_id, "principal": principal.id}
            return Done({**said, "permissions": sorted(principal.permissions)}, status=200)

        return await door.call(request, None, work)

    @router.post("/logout", summary="Log out", **_contract(None, 400, 401, 403, 500, 503))
    async def logout(request: Request) -> Response:
        """Ends the session of the token: none of its tokens opens anything any more."""

        async def work(call: Call, principal: Principal, _: Share) -> Done:
            held = door.people.sessions.get(principal.session)
            if held is None:
                raise Refusal(403, "the caller has no session")
            await settled(door, ended(call, principal.session, held, LOGGED_OUT, door.new_id))
            return Done({}, status=200)

        return await door.call(request, None, work)

    return router


async def _login(door: Door, call: Call, said: LogIn, known: Known) -> Done:
    people = door.people
    if wait_s := people.try_now(said.tenant, said.name, call.address, call.at):
        refusal = Refusal(429, "too many failed attempts")
        refusal.retry_after_s = wait_s
        raise refusal
    user = door.definitions.user(said.tenant, said.name)
    kept = user.password if user is not None else ""
    genuine = await people.passwords.genuine(said.tenant, said.name, kept, said.password)
    if door.definitions.user(said.tenant, said.name) != user:
        genuine = False  # changed meanwhile: what was looked at is worth nothing any more
    known.verdict = person(said.tenant, user, door.active(said.tenant), "" if genuine else "wrong password")
    if not known.verdict.allowed or user is None:
        raise Refusal(known.verdict.status, told(known.verdict))
    people.went_well(said.tenant, said.name, call.address)
    if said.new_password is not None:
        await _change(door, call, user, said, said.new_password)
    elif user.one_time:
        raise Refusal(403, "the password has to be changed: say new_password, too")
    name = door.new_id()
    session = begun(call, said.tenant, said.name, name, door.new_id)
    return Done(tokens(door, name, held_by(session)), [door.codec.encode(session, SOURCE)], 200)


async def _change(door: Door, call: Call, user: User, said: LogIn, new: str) -> None:
    """Puts the new password on the log; refuses when the user was changed since the old one was looked at.

    Sessions begun before are worth nothing then.
    """
    if not LENGTH_MIN <= len(new) <= LENGTH_MAX:
        raise Refusal(422, f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    if new == said.password:
        raise Refusal(422, "the new password is the old one")
    sealed = await door.people.passwords.sealed_soon(said.tenant, said.name, new)
    await door.latest()
    last = door.definitions.last(said.tenant, "user", said.name)
    changed = msgspec.structs.replace(user, password=sealed, one_time=False, sessions_since=call.at)
    event = define(said.tenant, "user", msgspec.to_builtins(changed), last, call.at)
    assert event is not None  # a hash is never the same twice
    if door.definitions.user(said.tenant, said.name) == user:
        await door.publisher.publish([door.codec.encode(event, SOURCE)])
        await door.latest()
    if not door.definitions.counts(event):
        raise Refusal(409, "the user was changed by somebody else at the same moment")


async def _refresh(door: Door, call: Call, token: str, known: Known) -> Done:
    people = door.people
    check_key(call)
    try:
        claims = people.tokens.read(token)
    except BadToken as error:
        known.verdict = Verdict(None, [str(error)], 401)
        raise Refusal(401, told(known.verdict)) from error
    user = door.user(claims.tenant_id, claims.user)
    doubt = await people.doubt(claims, user, call.at) if claims.use == "refresh" else "an access token renews nothing"
    event = renewed(call, claims, door.new_id)
    if doubt == REUSED and _is(door, claims.session, event):
        doubt = ""  # the same call again, by its Idempotency-Key
    known.verdict = person(claims.tenant_id, user, door.active(claims.tenant_id), doubt)
    if known.verdict.allowed:
        if not _is(door, claims.session, event):
            await settled(door, event)
        if _is(door, claims.session, event) and (held := people.sessions.get(claims.session)) is not None:
            return Done(tokens(door, claims.session, held), status=200)
        known.verdict = Verdict(None, [REUSED], 401)  # somebody else was faster with the same token
    held = people.sessions.get(claims.session)
    if REUSED in known.verdict.reasons and held is not None:
        await settled(door, ended(call, claims.session, held, REUSED, door.new_id))
    raise Refusal(known.verdict.status, told(known.verdict))


def _is(door: Door, session: str, event: Session) -> bool:
    """Returns whether this event is what the session has come to."""
    held = door.people.sessions.get(session)
    return held is not None and held.open and held.event_id == event.event_id


async def settled(door: Door, event: Session) -> None:
    """Returns when what becomes of a session is on the log, and known here."""
    await door.publisher.publish([door.codec.encode(event, SOURCE)])
    await door.people.catch_up()


def tokens(door: Door, session: str, held: Held) -> dict[str, Any]:
    access, renewal = (door.people.tokens.write(claimed(session, held, use)) for use in ("access", "refresh"))
    return {
        "token_type": "Bearer",
        "access_token": access,
        "expires_in": int(ACCESS.total_seconds()),
        "refresh_token": renewal,
        "refresh_expires_in": int(RENEWAL.total_seconds()),
    }


async def _body(request: Request, share: Share, kind: type[Any]) -> Any:
    """Returns what the body says; what is wrong with it is not told, as it may be a secret in the wrong place."""
    content = await read(request, share, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadBody("the body is not what the contract says") from None


def _contract(body: type[Any] | None, *problems: int) -> dict[str, Any]:
    """Returns what OpenAPI says of a route."""
    said: dict[str, Any] = {
        "response_class": Response,
        "responses": {
            200: {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}},
            **declared({status: PROBLEMS[status] for status in problems}),
        },
    }
    if body is not None:
        schema = msgspec.json.schema(body)
        inline = schema["$defs"][body.__name__]
        said["openapi_extra"] = {"requestBody": {"required": True, "content": {"application/json": {"schema": inline}}}}
    return said
