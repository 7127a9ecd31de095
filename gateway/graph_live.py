"""The live feed in the graph: what happens in the caller's tenant, as messages with types."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec
import strawberry
from graphql import GraphQLError
from msgspec import Struct

from domain.live import USUAL, Channel
from gateway.answers import Refusal
from gateway.graph_rows import Long
from gateway.viewer import Viewer

strawberry.enum(Channel, description="What may be chosen of what happens.")


class Following(Struct):
    """Who subscribes, and whose turn it is."""

    follow: Callable[[Iterable[Channel], str | None], Viewer]
    """Returns a viewer of these channels from behind a position; raises Refusal."""
    turn: asyncio.Lock
    """Of all subscriptions: a message is made for one of them before everything else has its turn."""


@strawberry.interface(description="What is told; its position stands for all that was told before it.")
class Told:
    position: str


@strawberry.type(description="An event of a run, of a step, or a decision; of a decision, status is the outcome.")
class Event(Told):
    channel: Channel
    id: str
    run_id: str
    correlation_id: str
    status: str
    at: datetime
    recorded_at: datetime
    alert: bool = False
    workflow: str = ""
    step: str = ""
    attempt: int = 0
    agent: str = ""
    phase: str = ""
    rules: list[str] = strawberry.field(default_factory=list)
    reason: str = ""


@strawberry.type(description="How many events of a channel there were with a status.")
class EventCount:
    channel: Channel
    status: str
    count: Long


@strawberry.type(description="How many events there were since the gateway's start.")
class Counters(Told):
    since: datetime
    counts: list[EventCount]


@strawberry.type(description="These channels are followed now; the correlation id is the connection's.")
class Ready(Told):
    channels: list[Channel]
    correlation_id: str


@strawberry.type(description="So many messages were lost to a reader that took in too slowly.")
class Behind(Told):
    dropped: Long


@strawberry.type(description="What lies behind the position asked for cannot be told again.")
class Reset(Told):
    pass


@strawberry.type(description="There was nothing to tell for long.")
class Alive(Told):
    pass


TYPES: dict[str, type[Told]] = {"event": Event, "ready": Ready, "behind": Behind, "reset": Reset, "alive": Alive}
TOLD = [*TYPES.values(), Counters]
"""Every type of message."""


class _Kind(Struct):
    type: str


class _Counters(Struct):
    position: str
    since: datetime
    counts: dict[Channel, dict[str, int]]


KIND, COUNTERS = msgspec.json.Decoder(_Kind), msgspec.json.Decoder(_Counters)
DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(kind) for name, kind in TYPES.items()}


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def events(
        self, info: strawberry.Info[Following, None], channels: list[Channel] | None = None, after: str | None = None
    ) -> AsyncGenerator[Told, None]:
        """Tells what happens, from behind a position or from now on."""
        try:
            if Channel.PULSE in (channels or ()):
                raise Refusal(400, "the pulse is told at /ws and /live")
            viewer = info.context.follow(USUAL if channels is None else channels, after)
        except Refusal as error:
            raise GraphQLError(error.detail) from error
        async with aclosing(viewer.texts()) as told:
            async for texts in told:
                for text in texts:
                    async with info.context.turn:
                        await asyncio.sleep(0)
                    yield typed(text)


def typed(text: str) -> Told:
    """Returns a message of the feed as what it is in the graph."""
    kind = KIND.decode(text).type
    if kind != "counters":
        told: Told = DECODERS[kind].decode(text)
        return told
    found = COUNTERS.decode(text)
    counts = [
        EventCount(channel=channel, status=status, count=Long(count))
        for channel, of_status in found.counts.items()
        for status, count in of_status.items()
    ]
    return Counters(position=found.position, since=found.since, counts=counts)
