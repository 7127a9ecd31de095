"""/ws and /live: what happens in the caller's tenant, told as it happens, over a WebSocket or as server-sent events."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response, WebSocket
from msgspec import Struct
from starlette.requests import HTTPConnection

from domain.doors import Call
from domain.identity import Permission, Principal, authorise
from domain.live import USUAL, Channel, Vector
from gateway.answers import AGE_MAX_S, Done, Refusal
from gateway.bodies import Share
from gateway.callers import Shown, credentials_of, shown_by, verdict_on
from gateway.door import CORRELATION, Door
from gateway.event_stream import CONTENT, EventStream
from gateway.feed import Feed
from gateway.positions import BadPosition
from gateway.problems import declared
from gateway.sockets import NOT_UNDERSTOOD, hand, said, serve
from gateway.viewer import TRY_LATER, Viewer
from schemas.errors import Unavailable
from schemas.events import RequestKind

PROTOCOL = "auterity.v1"
PER_TENANT_MAX, VIEWERS_MAX = 1000, 3000
"""Connections of a tenant, unless the gateway is told otherwise, and of all: the rest of the server's is for calls."""
SAID_BYTES_MAX = 4 * 1024
"""A client says so much at once."""
LOOK_S = 2.0
"""How often it is looked at whether who looks on may still do so."""
AT_ONCE = 100
"""Who looks on that are looked at before anything else has its turn."""
SECONDS_MAX = 3600
SESSION_ENDED, FORBIDDEN = 4401, 4403
"""Close codes of our own, besides those of WebSockets (1008, 1012 when the gateway ends, 1013: again later)."""
PROBLEMS = {
    400: "The position is none of this tenant's, no channel has this name, or the Idempotency-Key is too long.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this, or not from this origin.",
    429: "The tenant has all the connections that it may have, or a limit is met.",
    503: "The log does not take it now, or the gateway has all the connections that it can have.",
}


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may say: the channels that it wants from now on."""

    channels: list[Channel]


SAID = msgspec.json.Decoder(Said)


class Wanted(Struct, frozen=True):
    """What somebody wants to be told: these channels, from behind a position, else from now on."""

    channels: Iterable[Channel]
    after: Vector | None = None


class Live:
    """All who look on through this gateway."""

    def __init__(
        self, door: Door, feed: Feed, per_tenant_max: int = PER_TENANT_MAX, origins: Sequence[str] = ()
    ) -> None:
        """Lets in who comes from the gateway's own origin, or one of these; who comes from none is no browser."""
        self.door = door
        self.feed = feed
        self.per_tenant_max = per_tenant_max
        self._origins = frozenset(origins)
        self._viewers: dict[Viewer, tuple[Shown, Call]] = {}
        self._ending = False

    async def joined(
        self, connection: HTTPConnection, status: int, wanted: Callable[[HTTPConnection, Principal], Wanted]
    ) -> tuple[Response, Viewer | None]:
        """Answers who wants to look on, with the viewer if that is accepted: `leave` is its end."""
        found: list[Viewer] = []

        async def work(call: Call, principal: Principal, _: Share) -> Done:
            if not self._ours(connection):
                raise Refusal(403, "this origin may not connect")
            shown = shown_by(self.door.people.tokens, credentials_of(connection))
            assert shown is not None  # the door has looked at it
            found.append(self._viewer(principal, shown, call, wanted(connection, principal)))
            return Done({}, status=status)

        joined = False
        try:
            answer = await self.door.call(connection, Permission.READ_RUNS, work, RequestKind.CONNECTION)
            joined = answer.status_code == status
        finally:
            for viewer in found if not joined else ():  # it could not be put on the log
                self.leave(viewer)
        return answer, found[0] if joined else None

    def beside(self, viewer: Viewer, wanted: Wanted) -> Viewer:
        """Returns another viewer of the same connection, which counts as one more; raises Refusal."""
        shown, call = self._viewers[viewer]
        return self._viewer(viewer.principal, shown, call, wanted)

    def place(self, principal: Principal, after: str | None) -> Vector | None:
        """Returns the position of this text, None when there is none; raises Refusal."""
        try:
            return self.feed.positions.read(principal.tenant_id, after) if after else None
        except BadPosition as error:
            raise Refusal(400, str(error)) from None

    def leave(self, viewer: Viewer) -> None:
        """Says that a viewer's connection has ended."""
        if self._viewers.pop(viewer, None) is not None:
            viewer.leave()

    def pulsed(self) -> list[str]:
        """Returns the tenants of which somebody is told the figures of now."""
        return sorted({viewer.principal.tenant_id for viewer in self._viewers if viewer.pulsed})

    def end(self) -> None:
        """Ends all connections, and lets nobody in any more."""
        self._ending = True
        for viewer in self._viewers:
            viewer.end(1012, "the gateway ends")

    async def watch(self) -> None:
        """Ends the connections of those who may not look on any more; for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            for number, (viewer, (shown, call)) in enumerate(list(self._viewers.items())):
                await self._look(viewer, shown, call)
                viewer.remind(monotonic())
                if number % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)

    async def _look(self, viewer: Viewer, shown: Shown, call: Call) -> None:
        if self.door.age_s() > AGE_MAX_S:
            viewer.end(TRY_LATER, "not now")
            return
        try:
            again = msgspec.structs.replace(call, at=self.door.now())
            found = await verdict_on(self.door.definitions, self.door.people, shown, again)
        except Unavailable:
            viewer.end(TRY_LATER, "not now")
            return
        verdict = authorise(found, Permission.READ_RUNS)
        if verdict.principal is not None and verdict.allowed:
            viewer.permit(verdict.principal)
        elif verdict.principal is not None:
            viewer.end(FORBIDDEN, verdict.reasons[-1])
        else:
            viewer.end(SESSION_ENDED, "the session has ended")

    def _viewer(self, principal: Principal, shown: Shown, call: Call, wanted: Wanted) -> Viewer:
        if self._ending or len(self._viewers) >= VIEWERS_MAX:
            raise Refusal(503, "the gateway takes no more connections now")
        if self.feed.tenant(principal.tenant_id).readers >= self.per_tenant_max:
            raise Refusal(429, f"the tenant has {self.per_tenant_max} connections, as many as it may")
        viewer = Viewer(self.feed, principal, call.id, wanted.channels, wanted.after)
        self._viewers[viewer] = shown, call
        return viewer

    def _ours(self, connection: HTTPConnection) -> bool:
        origin, host = connection.headers.get("origin"), connection.headers.get("host", "")
        return origin is None or origin in self._origins or (host != "" and origin.partition("://")[2] == host)


def routes(live: Live) -> APIRouter:
    """Returns the routes of looking on."""
    router = APIRouter(tags=["live"])

    def wanted(connection: HTTPConnection, principal: Principal) -> Wanted:
        _seconds(connection)
        asked = connection.query_params
        after = asked.get("after") or connection.headers.get("last-event-id")
        return Wanted(_channels(asked.get("channels")), live.place(principal, after))

    @router.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        answer, viewer = await live.joined(websocket, 101, wanted)
        if viewer is None:
            await websocket.send_denial_response(answer)
            return

        async def tell(texts: Sequence[str]) -> None:
            await hand(websocket, "\n".join(texts))

        try:
            await serve(websocket, viewer, PROTOCOL, lambda: _listen(websocket, viewer), tell)
        finally:
            live.leave(viewer)

    @router.get("/live", summary="Look on", response_class=Response, responses={200: CONTENT, **declared(PROBLEMS)})
    async def stream(
        request: Request,
        after: Annotated[str, Query(description="Tells what lies behind this position.")] = "",
        channels: Annotated[str, Query(description=f"Any of {', '.join(Channel)}; none said: all but pulse.")] = "",
        seconds: Annotated[str, Query(description=f"Ends after so many, at most {SECONDS_MAX}; 0: at once.")] = "",
    ) -> Response:
        """Tells what happens in the caller's tenant as server-sent events, each with its position as id."""
        answer, viewer = await live.joined(request, 200, wanted)
        if viewer is None:
            return answer
        told = EventStream(viewer, live.leave, _seconds(request))
        told.headers[CORRELATION] = answer.headers[CORRELATION]
        return told

    return router


async def _listen(websocket: WebSocket, viewer: Viewer) -> None:
    """Takes in which channels the client wants, and ends the viewer when it says what is not understood."""
    async for text in said(websocket, viewer):
        try:
            viewer.choose(SAID.decode(text).channels)
        except (msgspec.DecodeError, RecursionError):
            viewer.end(NOT_UNDERSTOOD, 'a client says {"channels": [...]}')
            return


def _channels(text: str | None) -> Iterable[Channel]:
    try:
        return [Channel(each) for each in text.split(",")] if text else USUAL
    except ValueError:
        raise Refusal(400, f"no such channel; there are {', '.join(Channel)}") from None


def _seconds(connection: HTTPConnection) -> float | None:
    text = connection.query_params.get("seconds")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:9]) > SECONDS_MAX:
        raise Refusal(400, f"seconds are 0 to {SECONDS_MAX}")
    return float(text)
