"""The messages of graphql-transport-ws, a protocol for GraphQL over WebSockets, and its close codes."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.graphql import Asked

PROTOCOL = "graphql-transport-ws"
BAD_MESSAGE, NOT_BEGUN, BEGUN_LATE, ID_TAKEN, BEGUN_TWICE = 4400, 4401, 4408, 4409, 4429
"""Close codes, besides 4403 for who may not do this any more."""
Id = Annotated[str, Meta(min_length=1, max_length=200)]
"""Of a subscription, as the client says."""


class ConnectionInit(Struct, frozen=True, tag_field="type", tag="connection_init"):
    """The client begins; nothing of its payload is read, as who calls is known by then."""


class ConnectionAck(Struct, frozen=True, tag_field="type", tag="connection_ack"):
    """The client may subscribe."""


class Ping(Struct, frozen=True, tag_field="type", tag="ping"):
    """Is answered."""


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer, or just a sign of life."""


class Subscribe(Struct, frozen=True, tag_field="type", tag="subscribe"):
    """The client wants this to be told under its id."""

    id: Id
    payload: Asked


class Next(Struct, frozen=True, tag_field="type", tag="next"):
    """What is told."""

    id: str
    payload: dict[str, Any]


class Error(Struct, frozen=True, tag_field="type", tag="error"):
    """Nothing (more) is told under this id."""

    id: str
    payload: list[Any]


class Complete(Struct, frozen=True, tag_field="type", tag="complete"):
    """The client wants no more of this."""

    id: Id


Said = ConnectionInit | Ping | Pong | Subscribe | Complete
SAID: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)
Answer = ConnectionAck | Pong | Next | Error
