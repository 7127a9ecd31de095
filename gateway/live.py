"""/ws and /live: what happens in the caller's tenant, told as it happens, over a WebSocket or as server-sent events."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import aclosing, suppress
from time import monotonic
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response, WebSocket
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from domain.doors import Call
from domain.identity import Permission, Principal
from domain.live import Channel, Vector
from gateway.answers import AGE_MAX_S, Done, Refusal
from gateway.bodies import Share
from gateway.callers import Shown, credentials_of, shown_by
from gateway.door import Door
from gateway.event_stream import CONTENT, EventStream
from gateway.feed import Feed
from gateway.positions import BadPosition
from gateway.problems import declared
from gateway.standing import looked_at
from gateway.viewer import TRY_LATER, Viewer
from schemas.errors import Unavailable
from schemas.events import RequestKind

PROTOCOL = "auterity.v1"
PER_TENANT_MAX, VIEWERS_MAX = 1000, 3000
"""Connections of a tenant, unless the gateway is told otherwise, and of all: the rest of the server's is for calls."""
SAID_BYTES_MAX = 4 * 1024
SAID_MAX, SAID_S = 60, 60.0
"""A client says so much at once, and so often in this time."""
LOOK_S = 2.0
"""How often it is looked at whether who looks on may still do so."""
AT_ONCE = 100
"""Who looks on that are looked at before anything else has its turn."""
GOODBYE_S = 0.5
SECONDS_MAX = 3600
SESSION_ENDED, FORBIDDEN, NOT_UNDERSTOOD = 4401, 4403, 1008
"""Close codes of our own, besides those of WebSockets (1008, 1012 when the gateway ends, 1013: again later)."""
PROBLEMS = {
    400: "The position is none of this tenant's, no channel has this name, or the Idempotency-Key is too long.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this, or not from this origin.",
    429: "The tenant has all the connections that it may have, or a limit is met.",
    500: "An error of the gateway's own.",
    503: "The log does not take it now, or the gateway has all the connections that it can have.",
}


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client may say: the channels that it wants from now on."""

    channels: list[Channel]


SAID = msgspec.json.Decoder(Said)


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

    def join(self, connection: HTTPConnection, call: Call, principal: Principal) -> Viewer:
        """Returns the viewer of a caller who may look on; raises Refusal."""
        origin = connection.headers.get("origin")
        if origin is not None and not self._ours(origin, connection.headers.get("host", "")):
            raise Refusal(403, "this origin may not connect")
        asked = connection.query_params
        after, channels = self._after(connection, principal), _channels(asked.get("channels"))
        if self._ending or len(self._viewers) >= VIEWERS_MAX:
            raise Refusal(503, "the gateway takes no more connections now")
        if self.feed.tenant(principal.tenant_id).readers >= self.per_tenant_max:
            raise Refusal(429, f"the tenant has {self.per_tenant_max} connections, as many as it may")
        shown = shown_by(self.door.people.tokens, credentials_of(connection))
        assert shown is not None  # the door has looked at it
        viewer = Viewer(self.feed, principal, call.id, channels, after)
        self._viewers[viewer] = shown, call
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Says that a viewer's connection has ended."""
        if self._viewers.pop(viewer, None) is not None:
            viewer.leave()

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
            verdict = await looked_at(self.door, shown, call, Permission.READ_RUNS, self.door.now())
        except Unavailable:
            viewer.end(TRY_LATER, "not now")
            return
        if verdict.principal is not None and verdict.allowed:
            viewer.permit(verdict.principal)
        elif verdict.principal is not None:
            viewer.end(FORBIDDEN, verdict.reasons[-1])
        else:
            viewer.end(SESSION_ENDED, "the session has ended")

    def _ours(self, origin: str, host: str) -> bool:
        return origin in self._origins or (host != "" and origin.partition("://")[2] == host)

    def _after(self, connection: HTTPConnection, principal: Principal) -> Vector | None:
        text = connection.query_params.get("after") or connection.headers.get("last-event-id")
        if not text:
            return None
        try:
            return self.feed.positions.read(principal.tenant_id, text)
        except BadPosition as error:
            raise Refusal(400, str(error)) from None


def routes(live: Live) -> APIRouter:
    """Returns the routes of looking on."""
    router = APIRouter(tags=["live"])

    async def joined(connection: HTTPConnection, status: int) -> tuple[Response, Viewer | None]:
        found: list[Viewer] = []

        async def work(call: Call, principal: Principal, _: Share) -> Done:
            _seconds(connection)
            found.append(live.join(connection, call, principal))
            return Done({}, status=status)

        joined = False
        try:
            answer = await live.door.call(connection, Permission.READ_RUNS, work, RequestKind.CONNECTION)
            joined = answer.status_code == status
        finally:
            for viewer in found if not joined else ():  # it could not be put on the log
                live.leave(viewer)
        return answer, found[0] if joined else None

    @router.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        answer, viewer = await joined(websocket, 101)
        if viewer is None:
            await websocket.send_denial_response(answer)
            return
        try:
            await _socket(websocket, viewer)
        finally:
            live.leave(viewer)

    @router.get("/live", summary="Look on", response_class=Response, responses={200: CONTENT, **declared(PROBLEMS)})
    async def stream(
        request: Request,
        after: Annotated[str, Query(description="Tells what lies behind this position.")] = "",
        channels: Annotated[str, Query(description=f"Any of {', '.join(Channel)}; none said: all.")] = "",
        seconds: Annotated[str, Query(description=f"Ends after so many, at most {SECONDS_MAX}; 0: at once.")] = "",
    ) -> Response:
        """Tells what happens in the caller's tenant as server-sent events, each with its position as id."""
        answer, viewer = await joined(request, 200)
        return answer if viewer is None else EventStream(viewer, live.leave, _seconds(request))

    return router


async def _socket(websocket: WebSocket, viewer: Viewer) -> None:
    await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None)
    listening = asyncio.create_task(_listen(websocket, viewer))
    try:
        async with aclosing(viewer.texts()) as told:
            async for texts in told:
                await _hand(websocket, {"type": "websocket.send", "text": "\n".join(texts)})
        await _close(websocket, *(viewer.ending or (1000, "")))
    except WebSocketDisconnect:
        pass
    except asyncio.CancelledError:
        if viewer.ending is None:
            raise
        with suppress(WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):  # it may take that much
                await _close(websocket, *viewer.ending)
    finally:
        listening.cancel()


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    await _hand(websocket, {"type": "websocket.close", "code": code, "reason": reason})


async def _hand(websocket: WebSocket, message: dict[str, Any]) -> None:
    try:
        await websocket.send(message)
    except RuntimeError as error:  # what the server says of one that is being closed
        raise WebSocketDisconnect(1006) from error


async def _listen(websocket: WebSocket, viewer: Viewer) -> None:
    """Takes in what the client says, and ends the viewer when the client does or says what is not understood."""
    times: deque[float] = deque(maxlen=SAID_MAX)
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            viewer.end(1000, "")
            return
        now = monotonic()
        if len(times) == SAID_MAX and now < times[0] + SAID_S:
            viewer.end(NOT_UNDERSTOOD, f"more than {SAID_MAX} messages in {SAID_S:.0f} s")
            return
        times.append(now)
        try:
            viewer.choose(SAID.decode(message.get("text") or b"").channels)
        except (msgspec.DecodeError, RecursionError):
            viewer.end(NOT_UNDERSTOOD, 'a client says {"channels": [...]}')
            return


def _channels(text: str | None) -> Iterable[Channel]:
    try:
        return [Channel(each) for each in text.split(",")] if text else tuple(Channel)
    except ValueError:
        raise Refusal(400, f"no such channel; there are {', '.join(Channel)}") from None


def _seconds(connection: HTTPConnection) -> float | None:
    text = connection.query_params.get("seconds")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:9]) > SECONDS_MAX:
        raise Refusal(400, f"seconds are 0 to {SECONDS_MAX}")
    return float(text)
