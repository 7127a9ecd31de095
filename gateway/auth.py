"""/auth: people log in, stay logged in, and log out."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.definitions import define
from domain.doors import Call
from domain.identity import Principal, Verdict, person
from domain.sessions import ACCESS, LOGGED_OUT, RENEWAL, REUSED, begun, claimed, ended, renewed
from gateway.bodies import BadBody, Share, read
from gateway.door import SOURCE, Done, Door, Refusal, told
from gateway.passwords import LENGTH_MAX, LENGTH_MIN
from gateway.problems import MEDIA_TYPE
from gateway.tokens import BadToken
from schemas.events import Session

BODY_BYTES_MAX = 8 * 1024
NOT_GENUINE = "no valid credentials"
PROBLEMS = {
    400: "The body is not what it should be.",
    401: "Nobody is known by these credentials.",
    403: "The tenant is not active, or the password has to be changed.",
    408: "The body did not come to its end.",
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

    @router.post("/login", summary="Log in", **_contract(LogIn, 400, 401, 403, 408, 413, 422, 429, 500, 503))
    async def login(request: Request) -> Response:
        """Begins a session: an access token for an hour, and a refresh token that renews it for seven days."""

        async def entry(call: Call, share: Share) -> tuple[Verdict, Done]:
            return await _login(door, call, await _body(request, share, LogIn))

        return await door.enter(request, entry)

    @router.post("/refresh", summary="Renew a session", **_contract(Refresh, 400, 401, 403, 408, 413, 500, 503))
    async def refresh(request: Request) -> Response:
        """Gives two new tokens for the newest refresh token; an older one ends the session."""

        async def entry(call: Call, share: Share) -> tuple[Verdict, Done]:
            return await _refresh(door, call, (await _body(request, share, Refresh)).refresh_token)

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
            await _known(door, ended(call, principal.session, held, LOGGED_OUT, door.new_id))
            return Done({}, status=200)

        return await door.call(request, None, work)

    return router


async def _login(door: Door, call: Call, said: LogIn) -> tuple[Verdict, Done]:
    people = door.people
    tried = f"{said.tenant}/{said.name}"
    if wait_s := max(people.names.wait_s(tried, call.at), people.addresses.wait_s(call.address, call.at)):
        refusal = Refusal(429, "too many failed attempts")
        refusal.retry_after_s = wait_s
        raise refusal
    user = door.definitions.user(said.tenant, said.name)
    kept = user.password if user is not None else ""
    people.names.failed(tried, call.at)  # until it is known better: guesses at once count, too
    genuine = await people.passwords.genuine(said.tenant, said.name, kept, said.password)
    verdict = person(said.tenant, user, door.active(said.tenant), "" if genuine else "wrong password")
    if not verdict.allowed or user is None:
        people.addresses.failed(call.address, call.at)
        raise _refused(Refusal(verdict.status, told(verdict)), verdict)
    people.names.passed(tried)
    records = []
    if said.new_password is not None:
        _check(said.new_password, said.password, verdict)
        sealed = await people.passwords.sealed_soon(said.tenant, said.name, said.new_password)
        changed = msgspec.structs.replace(user, password=sealed, one_time=False)
        last = door.definitions.last(said.tenant, "user", said.name)
        event = define(said.tenant, "user", msgspec.to_builtins(changed), last, call.at)
        assert event is not None  # a hash is never the same twice
        records.append(door.codec.encode(event, SOURCE))
    elif user.one_time:
        raise _refused(Refusal(403, "the password has to be changed: say new_password, too"), verdict)
    session = begun(call, said.tenant, said.name, door.new_id(), door.new_id)
    records.append(door.codec.encode(session, SOURCE))
    return verdict, Done(_tokens(door, session), records, 200)


async def _refresh(door: Door, call: Call, token: str) -> tuple[Verdict, Done]:
    people = door.people
    try:
        claims = people.tokens.read(token)
    except BadToken as error:
        raise _refused(Refusal(401, NOT_GENUINE), Verdict(None, [str(error)], 401)) from error
    doubt = await people.doubt(claims, call.at) if claims.use == "refresh" else "an access token renews nothing"
    verdict = person(
        claims.tenant_id, door.definitions.user(claims.tenant_id, claims.user), door.active(claims.tenant_id), doubt
    )
    if verdict.allowed:
        event = renewed(call, claims, door.new_id)
        await _known(door, event)
        held = people.sessions.get(claims.session)
        if held is not None and held.event_id == event.event_id:
            return verdict, Done(_tokens(door, event), status=200)
        verdict = Verdict(None, [REUSED], 401)  # somebody else was faster with the same token
    held = people.sessions.get(claims.session)
    if REUSED in verdict.reasons and held is not None:
        await _known(door, ended(call, claims.session, held, REUSED, door.new_id))
    raise _refused(Refusal(verdict.status, told(verdict)), verdict)


async def _known(door: Door, event: Session) -> None:
    """Returns when what becomes of a session is on the log, and known here."""
    await door.publisher.publish([door.codec.encode(event, SOURCE)])
    await door.people.catch_up()


def _tokens(door: Door, session: Session) -> dict[str, Any]:
    access, renewal = (door.people.tokens.write(claimed(session, use)) for use in ("access", "refresh"))
    return {
        "token_type": "Bearer",
        "access_token": access,
        "expires_in": int(ACCESS.total_seconds()),
        "refresh_token": renewal,
        "refresh_expires_in": int(RENEWAL.total_seconds()),
    }


def _check(new: str, old: str, verdict: Verdict) -> None:
    if not LENGTH_MIN <= len(new) <= LENGTH_MAX:
        raise _refused(Refusal(422, f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters"), verdict)
    if new == old:
        raise _refused(Refusal(422, "the new password is the old one"), verdict)


def _refused(refusal: Refusal, verdict: Verdict) -> Refusal:
    refusal.verdict = verdict
    return refusal


async def _body(request: Request, share: Share, kind: type[Any]) -> Any:
    """Returns what the body says; what is wrong with it is told without its content, which is secret."""
    content = await read(request, share, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise BadBody(f"the body is none of {kind.__name__}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadBody("no JSON") from None


def _contract(body: type[Any] | None, *problems: int) -> dict[str, Any]:
    """Returns what OpenAPI says of a route."""
    said: dict[str, Any] = {
        "response_class": Response,
        "responses": {
            200: {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}},
            **{
                code: {"description": PROBLEMS[code], "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
                for code in problems
            },
        },
    }
    if body is not None:
        schema = msgspec.json.schema(body)
        inline = schema["$defs"][body.__name__]
        said["openapi_extra"] = {"requestBody": {"required": True, "content": {"application/json": {"schema": inline}}}}
    return said
