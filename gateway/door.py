"""The door that every call comes through: who calls is made certain, what is asked is decided, the call is put on the
log, and only then it is answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
from fastapi import Response
from msgspec import Struct, field
from starlette.requests import HTTPConnection

from domain.definitions import Definitions
from domain.doors import Call, said_of
from domain.identity import Permission, Principal, Verdict, authorise, person
from domain.limits import headers, network, of_address, of_stranger
from domain.ports import Publisher
from domain.quotas import Quota
from domain.sessions import Held
from domain.trust import Access, admitted
from gateway.answers import (
    AGE_MAX_S,
    OUTCOMES,
    UNAVAILABLE,
    Done,
    Known,
    Refusal,
    Unfinished,
    answered,
    check_key,
    over,
    position,
    refusal_of,
    told,
)
from gateway.bodies import Room, Share, Unreadable
from gateway.callers import context_of, credentials_of, device_of, shown_by, verdict_on
from gateway.ids import uuid7
from gateway.limits import Limits, Met, TooMany
from gateway.people import People
from gateway.tokens import BadToken
from gateway.usage import Usage
from schemas.codec import Codec
from schemas.errors import LogUnavailable, Unavailable
from schemas.events import CallOutcome, Event, RequestKind

PREFIX = "/api/v1"
"""Every route stands under it, and at the path itself; a call is named by the latter."""
ANYWHERE = "/{path:path}"
"""The route of what no other takes."""
SOURCE = "auterity/gateway"
AGAIN_S = 0.25
"""Time to tell the log of a call that failed on it: a topic that takes nothing says so at once, a log that hangs has
cost the caller enough."""
CORRELATION = "Auterity-Correlation-Id"
"""The header of every answer that has an event of its own, as not every body can say its id."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
log = logging.getLogger(__name__)


Work = Callable[[Call, Principal, Share], Awaitable[Done]]
Entry = Callable[[Call, Share, "Known"], Awaitable[Done]]
"""Work that finds out by itself who calls, and says so."""


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
    limits: Limits = field(default_factory=Limits)
    usage: Usage = field(default_factory=Usage)
    age_s: Callable[[], float] = lambda: 0.0
    """Returns for how long it has not been certain that `definitions` and sessions know all that is on the log."""

    async def call(
        self,
        request: HTTPConnection,
        permission: Permission | None,
        work: Work,
        kind: RequestKind = RequestKind.CALL,
    ) -> Response:
        """Answers a call that needs the permission, or (None) a caller who is known.

        What is not on the log is never answered with 2xx.
        """

        async def entry(call: Call, share: Share, known: Known) -> Done:
            principal = await self.admitted(request, call, permission, known)
            tenant_id = principal.tenant_id
            share.closing.enter_context(self.usage.under_way(tenant_id, self.quota(tenant_id)))
            return await work(call, principal, share)

        return await self.enter(request, entry, kind)

    async def admitted(
        self, request: HTTPConnection, call: Call, permission: Permission | None, known: Known
    ) -> Principal:
        """Returns who calls, and says so; refuses a caller who is not known, or lacks the permission."""
        known.verdict = await self._identified(request, call)
        await self.counted(call, known)
        known.verdict = verdict = authorise(known.verdict, permission)
        if not verdict.allowed or verdict.principal is None:
            raise Refusal(verdict.status, told(verdict))
        check_key(call)
        return verdict.principal

    async def enter(self, request: HTTPConnection, entry: Entry, kind: RequestKind = RequestKind.CALL) -> Response:
        """Answers a call of somebody who is not known yet. What is not on the log is never answered with 2xx.

        A call beyond the limit of its address is no event of its own: it is counted, and the count is one.
        """
        call, known = self._call(request, kind), Known()
        try:
            await self.limits.count(of_address(call.address, self.limits.rates), call.at, known.standings)
            answer = await self._entered(call, known, entry)
            answer.headers.setdefault(CORRELATION, call.id)
        except Met as met:
            answer = self._turned_away(call, over(met))
        except Unavailable:
            answer = self._turned_away(call, Refusal(503, "calls cannot be counted now"))
        answer.headers.update(headers(known.standings))
        return answer

    async def _entered(self, call: Call, known: Known, entry: Entry) -> Response:
        """Answers a call; raises Met for a stranger who was refused too often, and Unavailable when that is unknown."""
        try:
            if self.age_s() > AGE_MAX_S:
                raise Refusal(503, f"what is decided by is older than {AGE_MAX_S:.0f} s: Kafka does not answer")
            with self.room.share() as share:
                done = await entry(call, share, known)
                return await self._accepted(call, known, done)
        except LogUnavailable:
            return await self._untaken(call, known)
        except (Refusal, TooMany, Unreadable, Unavailable) as error:
            return await self._refused(call, known, refusal_of(error))
        except Exception:
            log.exception("a call failed", extra={"call": call.id, "route": call.route})
            if known.accepted:  # the log has the call: what it has come to is an event of its own
                call = msgspec.structs.replace(call, id=self.new_id())
            return await self._refused(call, known, Refusal(500, "an error of the gateway's own"))

    async def counted(self, call: Call, known: Known) -> None:
        """Counts a call for who is known to make it; raises Met when it is one too many, and Unavailable."""
        if (principal := known.verdict.principal) is not None:
            await self.limits.count_known(principal, self.quota(principal.tenant_id), call.at, known.standings)

    def _turned_away(self, call: Call, refusal: Refusal) -> Response:
        """Answers a call that is counted with others; the id it is told is that of the event that will count it."""
        counted = self.limits.refusals.add(
            network(call.address), refusal.status, refusal.detail, call.at, self.new_id()
        )
        return answered(counted, refusal)

    async def _accepted(self, call: Call, known: Known, done: Done) -> Response:
        verdict, count = known.verdict, len(done.records)
        accepted = CallOutcome.ACCEPTED
        event = said_of(call, verdict.principal, accepted, done.status, verdict.reasons, count, done.fact)
        try:
            behind = await self.publisher.publish(done.records)
        except Unavailable:
            await _undone(done)
            return await self._untaken(call, known)
        try:
            await self._say([event])
        except Unavailable:
            await _undone(done)
            return answered(call.id, UNAVAILABLE)
        known.accepted = True
        if done.finish is not None:
            try:
                await done.finish()
            except (Refusal, Unavailable) as error:
                raise Unfinished(f"{call.id} is on the log, but was not done: {error}") from error
        if done.answer is not None:
            return done.answer
        return Response(
            msgspec.json.encode({"correlation_id": call.id, **position(behind, done), **done.document}),
            done.status,
            {"Cache-Control": "no-store", "Content-Type": "application/json", **done.headers},
        )

    async def refuse(
        self,
        request: HTTPConnection,
        status: int,
        detail: str,
        headers: Mapping[str, str],
        kind: RequestKind = RequestKind.CALL,
    ) -> Response:
        """Answers a call that no route takes."""

        async def entry(call: Call, _: Share, known: Known) -> Done:
            known.verdict = await self._identified(request, call)
            await self.counted(call, known)
            raise Refusal(status, detail)

        answer = await self.enter(request, entry, kind)
        answer.headers.update(headers)
        return answer

    def _call(self, request: HTTPConnection, kind: RequestKind) -> Call:
        route = request.scope.get("route")
        path = getattr(route, "path_format", "").removeprefix(PREFIX).removeprefix("/{path}") or "(none)"
        method = request.scope.get("method", "GET")  # a WebSocket has none
        address = request.client.host if request.client is not None else ""
        return Call(
            id=self.new_id(),
            at=self.now(),
            route=f"{method if method in METHODS else '(other)'} {path}",
            address=address,
            idempotency_key=request.headers.get("idempotency-key") or None,
            kind=kind,
            device=device_of(request),
        )

    def active(self, tenant_id: str) -> bool:
        """Returns whether anybody of this tenant is let in."""
        return self.definitions.active(tenant_id)

    def quota(self, tenant_id: str) -> Quota:
        """Returns what the tenant's definition says of its quotas."""
        tenant = self.definitions.tenant(tenant_id)
        return tenant.quota if tenant is not None else Quota()

    def second_factor(self, tenant_id: str) -> Literal["optional", "required"]:
        """Returns what this tenant asks of its people."""
        tenant = self.definitions.tenant(tenant_id)
        return tenant.second_factor if tenant is not None else "optional"

    async def _identified(self, request: HTTPConnection, call: Call) -> Verdict:
        try:
            shown = shown_by(self.people.tokens, credentials_of(request))
        except BadToken as error:
            return person("", None, False, str(error))
        return await verdict_on(self.definitions, self.people, shown, call)

    def let_in(self, call: Call, tenant_id: str, user: str, known: Known, held: Held | None = None) -> None:
        """Refuses a person whom the tenant does not let in from here; `held` is the session, if there is one."""
        tenant = self.definitions.tenant(tenant_id)
        access = tenant.access if tenant is not None else Access()
        known.verdict = admitted(known.verdict, access, context_of(self.people, call, tenant_id, user, held))
        if not known.verdict.allowed:
            raise Refusal(known.verdict.status, told(known.verdict))

    async def _untaken(self, call: Call, known: Known) -> Response:
        """Answers a call that failed on the log, of which nothing has been said there yet."""
        try:
            async with asyncio.timeout(AGAIN_S):
                return await self._refused(call, known, UNAVAILABLE)
        except TimeoutError:
            return answered(call.id, UNAVAILABLE)

    async def _refused(self, call: Call, known: Known, refusal: Refusal) -> Response:
        outcome = OUTCOMES.get(refusal.status, CallOutcome.REFUSED)
        verdict = known.verdict
        principal = verdict.principal
        if principal is None:
            await self.limits.count(of_stranger(call.address, self.limits.rates), call.at, known.standings)
        event = said_of(call, principal, outcome, refusal.status, [*verdict.reasons, refusal.detail])
        try:
            await self._say([*refusal.letters, event])
        except Unavailable:
            return answered(call.id, UNAVAILABLE)
        return answered(call.id, refusal)

    async def _say(self, events: Sequence[Event]) -> None:
        await self.publisher.publish([self.codec.encode(event, SOURCE) for event in events])


async def _undone(done: Done) -> None:
    if done.undo is not None:
        await done.undo()
