"""/auth: people log in, stay logged in, and log out."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.doors import Call
from domain.identity import Principal, User, Verdict, enrolled, person
from domain.sessions import ACCESS, LOGGED_OUT, RENEWAL, REUSED, Claims, Held, begun, claimed, ended, held_by, renewed
from gateway import proofs
from gateway.answers import Done, Known, Refusal, check_key, told
from gateway.bodies import Share
from gateway.changes import Overtaken, put
from gateway.contracts import body, contract
from gateway.door import SOURCE, Door
from gateway.passwords import LENGTH_MAX, LENGTH_MIN
from gateway.session_cookies import COOKIE, asked, forgotten, kept, renewal_of
from gateway.tokens import BadToken
from schemas.events import Session

CODE_CHARACTERS_MAX = 64


class LogIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants in. `new_password` changes the password; with a one-time password it has to be there.

    `code` is one of the second factor, or a recovery code, of who has enrolled one.
    """

    tenant: Annotated[str, Meta(max_length=100)]
    name: Annotated[str, Meta(max_length=100)]
    password: Annotated[str, Meta(max_length=LENGTH_MAX)]
    new_password: str | None = None
    code: Annotated[str, Meta(max_length=CODE_CHARACTERS_MAX)] | None = None


class Refresh(Struct, frozen=True, forbid_unknown_fields=True):
    """The token that renews a session; it is worth nothing afterwards, and shown again it ends the session.

    Who has it in the cookie (see `session_cookies`) does not say it.
    """

    refresh_token: str | None = None


class LogOut(Struct, frozen=True, forbid_unknown_fields=True):
    """The session to end, by its refresh token; without one it is that of the access token."""

    refresh_token: str | None = None


def routes(door: Door) -> APIRouter:
    """Returns the routes of logging in."""
    router = APIRouter(prefix="/auth", tags=["auth"])

    @router.post("/login", summary="Log in", **contract(LogIn, 400, 401, 403, 408, 409, 413, 422))
    async def login(request: Request) -> Response:
        """Begins a session: an access token for an hour, and a refresh token that renews it for seven days."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            return kept(request, await _login(door, call, await body(request, share, LogIn), known))

        return await door.enter(request, entry)

    @router.post("/refresh", summary="Renew a session", **contract(Refresh, 400, 401, 403, 408, 413, required=False))
    async def refresh(request: Request) -> Response:
        """Gives two new tokens for the newest refresh token; an older one ends the session."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            said = renewal_of(request, (await body(request, share, Refresh)).refresh_token)
            return kept(request, await _refresh(door, call, said, known))

        return await door.enter(request, entry)

    @router.get("/verify", summary="Who am I", **contract(None, 400, 401, 403))
    async def verify(request: Request) -> Response:
        """Says who calls, and what this caller may do."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            said = {"tenant": principal.tenant_id, "principal": principal.id}
            return Done({**said, "permissions": sorted(principal.permissions)}, status=200)

        return await door.call(request, None, work)

    @router.post("/logout", summary="Log out", **contract(LogOut, 400, 401, 403, 408, 413, required=False))
    async def logout(request: Request) -> Response:
        """Ends the session of the token: none of its tokens opens anything any more."""

        async def entry(call: Call, share: Share, known: Known) -> Done:
            said = await body(request, share, LogOut)
            if said.refresh_token is not None or (asked(request) and COOKIE in request.cookies):
                done = await _logout(door, call, renewal_of(request, said.refresh_token), known)
                return msgspec.structs.replace(done, headers=forgotten(request))
            principal = await door.admitted(request, call, None, known)
            held = door.people.sessions.get(principal.session)
            if held is None:
                raise Refusal(403, "the caller has no session")
            await settled(door, ended(call, principal.session, held, LOGGED_OUT, door.new_id))
            return Done({}, status=200)

        return await door.enter(request, entry)

    return router


async def _login(door: Door, call: Call, said: LogIn, known: Known) -> Done:
    people = door.people
    user = await proofs.password(door, call, said.tenant, said.name, said.password, known)
    factor = enrolled(user)
    if factor is None:
        people.went_well(said.tenant, said.name, call.address)
    elif said.code is None:
        known.verdict = proofs.doubtful(said.tenant, user, "no code")
        raise Refusal(401, "a code of the second factor is needed, too", needs="code")
    if call.device:
        await people.catch_up()  # with which devices there were sessions
    door.let_in(call, said.tenant, said.name, known)
    _check_new(user, said)
    if factor is not None and said.code is not None:
        await proofs.code(door, call, said.tenant, user, factor, said.code, known)
        people.went_well(said.tenant, said.name, call.address)
    if said.new_password is not None:
        await _change(door, call, user, said, said.new_password)
    return begin(door, call, said.tenant, said.name, user.epoch + (said.new_password is not None))


def begin(door: Door, call: Call, tenant_id: str, user: str, epoch: int, **more: Any) -> Done:
    """Returns the tokens of a new session, and with them whatever else is told; `epoch` is that of what was shown."""
    name = door.new_id()
    session = begun(call, tenant_id, user, name, door.new_id, epoch)
    return Done({**more, **tokens(door, name, held_by(session))}, [door.codec.encode(session, SOURCE)], 200)


def _check_new(user: User, said: LogIn) -> None:
    """Refuses what cannot become the password, before a code is used up for it."""
    if said.new_password is None:
        if user.one_time:
            raise Refusal(403, "the password has to be changed: say new_password, too")
    elif not LENGTH_MIN <= len(said.new_password) <= LENGTH_MAX:
        raise Refusal(422, f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    elif said.new_password == said.password:
        raise Refusal(422, "the new password is the old one")


async def _change(door: Door, call: Call, user: User, said: LogIn, new: str) -> None:
    """Puts the new password on the log; refuses when the user was changed since the old one was looked at.

    Sessions begun before are worth nothing then.
    """
    last = door.definitions.last(said.tenant, "user", said.name)
    if door.definitions.user(said.tenant, said.name) != user:
        raise Overtaken
    sealed = await door.people.passwords.sealed_soon(said.tenant, said.name, new)
    changed = msgspec.structs.replace(user, password=sealed, one_time=False, epoch=user.epoch + 1)
    await put(door, call, said.tenant, "user", changed, last)


async def _logout(door: Door, call: Call, token: str, known: Known) -> Done:
    """Ends the session of a refresh token, be it the newest one or not."""
    claims = _read(door, token, known)
    user = door.definitions.user(claims.tenant_id, claims.user)
    doubt = await door.people.doubt(claims, user, call.at) if claims.use == "refresh" else "no refresh token"
    known.verdict = person(claims.tenant_id, user, door.active(claims.tenant_id), "" if doubt == REUSED else doubt)
    held = door.people.sessions.get(claims.session)
    if not known.verdict.allowed or held is None:
        raise Refusal(known.verdict.status, told(known.verdict))
    await settled(door, ended(call, claims.session, held, LOGGED_OUT, door.new_id))
    return Done({}, status=200)


async def _refresh(door: Door, call: Call, token: str, known: Known) -> Done:
    people = door.people
    check_key(call)
    claims = _read(door, token, known)
    user = door.definitions.present(claims.tenant_id, claims.user)
    doubt = await people.doubt(claims, user, call.at) if claims.use == "refresh" else "an access token renews nothing"
    event = renewed(call, claims, door.new_id)
    if doubt == REUSED and _is(door, claims.session, event):
        doubt = ""  # the same call again, by its Idempotency-Key
    known.verdict = person(claims.tenant_id, user, door.active(claims.tenant_id), doubt)
    if known.verdict.allowed:
        door.let_in(call, claims.tenant_id, claims.user, known, people.sessions.get(claims.session))
        if not _is(door, claims.session, event):
            await settled(door, event)
        if _is(door, claims.session, event) and (held := people.sessions.get(claims.session)) is not None:
            return Done(tokens(door, claims.session, held), status=200)
        known.verdict = Verdict(None, [REUSED], 401)  # somebody else was faster with the same token
    held = people.sessions.get(claims.session)
    if REUSED in known.verdict.reasons and held is not None:
        await settled(door, ended(call, claims.session, held, REUSED, door.new_id))
    raise Refusal(known.verdict.status, told(known.verdict))


def _read(door: Door, token: str, known: Known) -> Claims:
    try:
        return door.people.tokens.read(token)
    except BadToken as error:
        known.verdict = Verdict(None, [str(error)], 401)
        raise Refusal(401, told(known.verdict)) from error


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
