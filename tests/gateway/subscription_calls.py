"""What is said to and heard from a gateway in graphql-transport-ws, in tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from live_calls import GIVE_UP_S, Gateway
from websockets.asyncio.client import ClientConnection

PROTOCOL = "graphql-transport-ws"
EVENTS = """subscription($channels: [Channel!], $after: String) { events(channels: $channels, after: $after) {
    __typename position
    ... on Ready { channels correlationId }
    ... on Event { channel id runId correlationId status at recordedAt alert
        workflow step attempt agent phase rules reason }
    ... on Counters { since counts { channel status count } }
    ... on Behind { dropped }
} }"""


@asynccontextmanager
async def spoken(gateway: Gateway, token: str = "", **more: Any) -> AsyncIterator[ClientConnection]:
    """Yields a connection on which there has been an answer to connection_init."""
    protocols = [PROTOCOL, *more.pop("protocols", ())]
    async with gateway.socket(token, path="/graphql", subprotocols=protocols, **more) as socket:
        await say(socket, type="connection_init")
        assert await heard(socket) == {"type": "connection_ack"}
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(msgspec.json.encode(message).decode())


async def heard(socket: ClientConnection) -> Any:
    """Returns the next message."""
    async with asyncio.timeout(GIVE_UP_S):
        return msgspec.json.decode(await socket.recv())


async def subscribe(socket: ClientConnection, query: str = EVENTS, name: str = "1", **variables: Any) -> None:
    await say(socket, type="subscribe", id=name, payload={"query": query, "variables": variables})


async def told(socket: ClientConnection, kind: str, count: int = 1, name: str = "1") -> list[Any]:
    """Returns the next so many messages of this type, told by the subscription of this id."""
    found: list[Any] = []
    while len(found) < count:
        message = await heard(socket)
        assert message["type"] == "next", message
        each = message["payload"]["data"]["events"]
        found += [each] if message["id"] == name and each["__typename"] == kind else []
    return found
