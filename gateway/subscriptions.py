"""WebSockets at /graphql: subscriptions to what happens in the caller's tenant, over the live feed."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing

import msgspec
import strawberry
from fastapi import APIRouter, WebSocket
from graphql import GraphQLError
from msgspec import Struct, field
from starlette.requests import HTTPConnection

from domain.identity import Principal
from domain.live import Channel
from gateway.answers import Refusal, refusal_of
from gateway.graph import schema
from gateway.graph_live import Following
from gateway.graphql import ERRORS_MAX, Asked
from gateway.graphql_limits import checked
from gateway.limits import Met
from gateway.live import Live, Wanted
from gateway.sockets import begun, hand, said, serve
from gateway.transport_ws import (
    BAD_MESSAGE,
    BEGUN_LATE,
    BEGUN_TWICE,
    ID_TAKEN,
    NOT_BEGUN,
    PROTOCOL,
    SAID,
    Answer,
    ConnectionAck,
    ConnectionInit,
    Error,
    Next,
    Ping,
    Pong,
    Said,
    Subscribe,
)
from gateway.viewer import Viewer
from schemas.errors import Unavailable

BEGIN_S = 3.0
"""Time a client has to begin."""
SUBSCRIPTIONS_MAX = 10
"""Of a connection, at once; each counts as one more connection of the tenant."""
GATEWAY_MAX = 500
"""Of all connections together: each takes some 100 KiB."""
TOKENS_MAX = 200
"""Of a document, which is held for as long as it is subscribed to."""


def routes(live: Live) -> APIRouter:
    """Returns the route."""
    router = APIRouter()
    common = _Common(live, schema())

    @router.websocket("/graphql")
    async def socket(websocket: WebSocket) -> None:
        answer, viewer = await live.joined(websocket, 101, _wanted)
        if viewer is None:
            await websocket.send_denial_response(answer)
            return
        conversation = _Conversation(websocket, viewer, common)
        try:
            await serve(websocket, viewer, PROTOCOL, conversation.listen, _nothing)
        finally:
            conversation.end()
            live.leave(viewer)

    return router


def _wanted(connection: HTTPConnection, _: Principal) -> Wanted:
    if PROTOCOL not in connection.scope["subprotocols"]:
        raise Refusal(400, f"subscriptions are spoken of in the subprotocol {PROTOCOL}")
    return Wanted(())  # the connection's own viewer is only looked after


async def _nothing(_: Sequence[str]) -> None:
    """What happens is told by subscriptions."""


class _Common(Struct):
    """What all connections share."""

    live: Live
    graph: strawberry.Schema
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: set[asyncio.Task[None]] = field(default_factory=set)


class _Conversation:
    """What one connection has said and is told; all of it ends with the connection's viewer."""

    def __init__(self, websocket: WebSocket, viewer: Viewer, common: _Common) -> None:
        self._websocket = websocket
        self._viewer = viewer
        self._common = common
        self._live = common.live
        self._begun = False
        self._late = asyncio.get_running_loop().call_later(
            BEGIN_S, viewer.end, BEGUN_LATE, "Connection initialisation timeout"
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def listen(self) -> None:
        """Takes in what the client says, and ends the connection when that is not the protocol."""
        async for text in said(self._websocket, self._viewer):
            try:
                await self._take(SAID.decode(text))
            except (msgspec.DecodeError, RecursionError):
                self._viewer.end(BAD_MESSAGE, f"Invalid message: none of {PROTOCOL}")
            if self._viewer.ending is not None:
                return

    def end(self) -> None:
        """Ends all subscriptions."""
        self._late.cancel()
        for task in self._tasks.values():
            task.cancel()

    async def _take(self, message: Said) -> None:
        if isinstance(message, ConnectionInit):
            if self._begun:
                self._viewer.end(BEGUN_TWICE, "Too many initialisation requests")
                return
            self._begun = True
            self._late.cancel()
            await self._say(ConnectionAck())
        elif isinstance(message, Ping):
            await self._say(Pong())
        elif isinstance(message, Subscribe):
            await self._subscribe(message)
        elif not isinstance(message, Pong) and (task := self._tasks.get(message.id)) is not None:
            task.cancel()
            await asyncio.wait([task])  # what comes next may have its place

    async def _subscribe(self, message: Subscribe) -> None:
        if not self._begun:
            self._viewer.end(NOT_BEGUN, "Unauthorized")
        elif message.id in self._tasks:
            self._viewer.end(ID_TAKEN, f"Subscriber for {message.id[:20]} already exists")
        elif len(self._tasks) >= SUBSCRIPTIONS_MAX:
            await self._refuse(message.id, [GraphQLError(f"a connection has at most {SUBSCRIPTIONS_MAX} at once")])
        elif len(self._common.told) >= GATEWAY_MAX:
            await self._refuse(message.id, [GraphQLError("the gateway takes no more subscriptions now")])
        else:
            self._tasks[message.id] = task = begun(self._told(message.id, message.payload), self._viewer)
            self._common.told.add(task)
            task.add_done_callback(lambda task: self._done(message.id, task))

    async def _told(self, name: str, asked: Asked) -> None:
        """Tells what a subscription asks for, until it is ended."""
        joined: list[Viewer] = []

        def follow(channels: Iterable[Channel], after: str | None) -> Viewer:
            place = self._live.place(self._viewer.principal, after)
            joined.append(self._live.beside(self._viewer, Wanted(channels, place)))
            return joined[-1]

        try:
            await self._counted()
            checked(asked.query, asked.variables or {}, asked.operation_name, TOKENS_MAX)
            results = await self._common.graph.subscribe(
                asked.query, asked.variables, Following(follow, self._common.turn), operation_name=asked.operation_name
            )
            async with aclosing(results):
                async for result in results:
                    if result.data is None:
                        await self._refuse(name, result.errors or [])
                        return
                    await self._say(Next(name, {"data": result.data}))
        except GraphQLError as error:
            await self._refuse(name, [error])
        finally:
            for viewer in joined:
                self._live.leave(viewer)
                if viewer.ending is not None:
                    self._viewer.end(*viewer.ending)

    async def _counted(self) -> None:
        """Counts a subscription as the limits of calls have it; raises GraphQLError when it is one too many."""
        door, principal = self._live.door, self._viewer.principal
        try:
            await door.limits.count_known(principal, door.quota(principal.tenant_id), door.now(), [])
        except (Met, Unavailable) as error:
            raise GraphQLError(refusal_of(error).detail) from error

    async def _refuse(self, name: str, errors: Sequence[GraphQLError]) -> None:
        self._tasks.pop(name, None)  # the client may use the id again at once
        await self._say(Error(name, [error.formatted for error in errors[:ERRORS_MAX]]))

    async def _say(self, answer: Answer) -> None:
        await hand(self._websocket, msgspec.json.encode(answer).decode())

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self._common.told.discard(task)
        if self._tasks.get(name) is task:
            del self._tasks[name]
