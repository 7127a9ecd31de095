"""The door that every call comes through: who calls is made certain, what is asked is decided, the call is put on the
log, and only then it is answered."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import Request, Response
from msgspec import Struct, field

from domain.definitions import Definitions
from domain.doors import Call, said_of
from domain.identity import PLATFORM, Permission, Principal, User, Verdict, authorise, identify, person, presented
from domain.ports import Publisher
from gateway.bodies import Room, Share, Unreadable
from gateway.ids import uuid7
from gateway.people import People
from gateway.problems import problem
from gateway.tokens import BadToken
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome, Event
from schemas.record import Outgoing

SOURCE = "auterity/gateway"
RETRY_AFTER_S = 1
KEY_CHARACTERS_MAX = 200
"""Of an Idempotency-Key."""
OUTCOMES = {
    401: CallOutcome.UNAUTHENTICATED,
    403: CallOutcome.FORBIDDEN,
    429: CallOutcome.LIMITED,
    500: CallOutcome.FAILED,
    503: CallOutcome.FAILED,
}
"""Of a refusal, by its status; REFUSED for all others."""
HEADERS = {401: {"WWW-Authenticate": "Bearer"}}
"""Of a refusal, by its status."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
SCHEME = "bearer "
TOKEN_DOTS = 2
"""In a token; a key has three."""

log = logging.getLogger(__name__)


class Done(Struct, frozen=True):
    """What a call comes to: the records to write, and the answer to give once they are on the log."""

    document: dict[str, Any]
    records: Sequence[Outgoing] = ()
    status: int = 202
    headers: Mapping[str, str] = {}
    content: bytes = b""
    """Answered in place of the document, when it is no JSON."""


class Refusal(Exception):
    """The call is refused; `letters` are written all the same, `more` are members of the problem that is answered."""

    def __init__(self, status: int, detail: str, letters: Sequence[Event] = (), **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.letters = letters
        self.more = more
        self.retry_after_s = RETRY_AFTER_S


UNAVAILABLE = Refusal(503, "not now; sent again with the same Idempotency-Key it is taken once")
Work = Callable[[Call, Principal, Share], Awaitable[Done]]
Entry = Callable[[Call, Share, "Known"], Awaitable[Done]]
"""Work that finds out by itself who calls, and says so."""


class Known:
    """Who is known to call, as far as a call has come."""

    def __init__(self) -> None:
        self.verdict = Verdict(None)


class Door(Struct, frozen=True):
    """What the routes share."""

    publisher: Publisher
    codec: Codec
    definitions: Definitions
    latest: Callable[[], Awaitable[None]]
    """Returns when `definitions` knows all that is on the log; raises Unavailable."""
    people: People
    refresh: Callable[[str], Awaitable[None]]
    """Has the codec learn what was registered for a topic since."""
    new_id: Callable[[], str] = uuid7
    room: Room = field(default_factory=Room)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    async def call(self, request: Request, permission: Permission | None, work: Work) -> Response:
        """Answers a call that needs the permission, or (None) a caller who is known.

        What is not on the log is never answered with 2xx.
        """

        async def entry(call: Call, share: Share, known: Known) -> Done:
            known.verdict = verdict = authorise(await self._identified(request, call), permission)
            if not verdict.allowed or verdict.principal is None:
                raise Refusal(verdict.status, told(verdict))
            check_key(call)
            return await work(call, verdict.principal, share)

        return await self.enter(request, entry)

    async def enter(self, request: Request, entry: Entry) -> Response:
        """Answers a call of somebody who is not known yet. What is not on the log is never answered with 2xx."""
        call, known = self._call(request), Known()
        try:
            with self.room.share() as share:
                done = await entry(call, share, known)
                return await self._accepted(call, known.verdict, done)
        except Refusal as refusal:
            return await self._refused(call, known.verdict, refusal)
        except Unreadable as error:
            return await self._refused(call, known.verdict, Refusal(error.status, str(error)))
        except Unavailable:
            return await self._refused(call, known.verdict, UNAVAILABLE)
        except Exception:
            log.exception("a call failed", extra={"call": call.id, "route": call.route})
            return await self._refused(call, known.verdict, Refusal(500, "an error of the gateway's own"))

    async def _accepted(self, call: Call, verdict: Verdict, done: Done) -> Response:
        accepted = CallOutcome.ACCEPTED
        event = said_of(call, verdict.principal, accepted, done.status, verdict.reasons, len(done.records))
        try:
            await self.publisher.publish(done.records)
            await self._say([event])
        except Unavailable:
            return _answer(call, UNAVAILABLE)
        return Response(
            done.content or msgspec.json.encode({"correlation_id": call.id, **done.document}),
            done.status,
            {"Cache-Control": "no-store", "Content-Type": "application/json", **done.headers},
        )

    async def refuse(self, request: Request, status: int, detail: str, headers: Mapping[str, str]) -> Response:
        """Answers a call that no route takes."""

        async def entry(call: Call, _: Share, known: Known) -> Done:
            known.verdict = await self._identified(request, call)
            raise Refusal(status, detail)

        answer = await self.enter(request, entry)
        answer.headers.update(headers)
        return answer

    def _call(self, request: Request) -> Call:
        route = request.scope.get("route")
        path = getattr(route, "path", "") or "(none)"
        address = request.client.host if request.client is not None else ""
        return Call(
            id=self.new_id(),
            at=self.now(),
            route=f"{request.method if request.method in METHODS else '(other)'} {path}",
            address=address,
            idempotency_key=request.headers.get("idempotency-key") or None,
        )

    def active(self, tenant_id: str) -> bool:
        """Returns whether anybody of this tenant is let in."""
        tenant = self.definitions.tenant(tenant_id)
        return tenant_id == PLATFORM or (tenant is not None and tenant.status == "active")

    def user(self, tenant_id: str, name: str) -> User | None:
        """Returns the user of this name; None, too, when the identity provider that it comes through is removed."""
        user = self.definitions.user(tenant_id, name)
        elsewhere = user is not None and user.issuer and user.issuer not in self.definitions.issuers(tenant_id)
        return None if elsewhere else user

    async def _identified(self, request: Request, call: Call) -> Verdict:
        credentials = _credentials(request)
        if credentials.count(".") == TOKEN_DOTS:
            return await self._person(credentials, call)
        shown = presented(credentials)
        if shown is None:
            return identify(None, None, False, call.at)
        known = self.definitions.key(shown.tenant_id, shown.key_id)
        return identify(shown, known, self.active(shown.tenant_id), call.at)

    async def _person(self, token: str, call: Call) -> Verdict:
        try:
            claims = self.people.tokens.read(token)
        except BadToken as error:
            return person("", None, False, str(error))
        user = self.user(claims.tenant_id, claims.user)
        doubt = await self.people.doubt(claims, user, call.at)
        if claims.use != "access":
            doubt = "a refresh token opens no door"
        return person(claims.tenant_id, user, self.active(claims.tenant_id), doubt, claims.session)

    async def _refused(self, call: Call, verdict: Verdict, refusal: Refusal) -> Response:
        outcome = OUTCOMES.get(refusal.status, CallOutcome.REFUSED)
        principal = verdict.principal
        event = said_of(call, principal, outcome, refusal.status, [*verdict.reasons, refusal.detail])
        try:
            await self._say([*refusal.letters, event])
        except Unavailable:
            return _answer(call, UNAVAILABLE)
        return _answer(call, refusal)

    async def _say(self, events: Sequence[Event]) -> None:
        await self.publisher.publish([self.codec.encode(event, SOURCE) for event in events])


def _credentials(request: Request) -> str:
    said = request.headers.get("authorization", "")
    if said[: len(SCHEME)].lower() == SCHEME:
        return said[len(SCHEME) :].strip()
    return request.headers.get("x-api-key", "")


def check_key(call: Call) -> None:
    """Refuses a call whose Idempotency-Key is too long."""
    if len(call.idempotency_key or "") > KEY_CHARACTERS_MAX:
        raise Refusal(400, f"an Idempotency-Key of more than {KEY_CHARACTERS_MAX} characters")


def told(verdict: Verdict) -> str:
    """Returns what a caller is told of a refusal: not why its credentials are none."""
    return "no valid credentials" if verdict.status == 401 else verdict.reasons[-1]


def _answer(call: Call, refusal: Refusal) -> Response:
    headers = dict(HEADERS.get(refusal.status, {}))
    if refusal.status in (429, 503):
        headers["Retry-After"] = str(refusal.retry_after_s)
    return problem(refusal.status, refusal.detail, headers, correlation_id=call.id, **refusal.more)
