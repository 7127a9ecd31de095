"""Bodies of requests: read within bounds, and taken apart into what they offer."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import msgspec
from fastapi import Request
from msgspec import Struct
from starlette.requests import ClientDisconnect

from schemas.errors import Rejected

BODY_BYTES_MAX = 10 * 1024 * 1024
"""What is refused of it still fits into a dead letter."""
BODY_S = 30.0
"""Time a body has to come in."""
ROOM_BYTES = 256 * 1024 * 1024
"""Of bodies whose calls are not answered yet; a call takes three to four times its body meanwhile."""
EVENTS_MAX = 10_000
"""In one body."""
LINES_MAX = 2 * EVENTS_MAX
"""Of NDJSON, empty ones too."""
SHORT = 2 * EVENTS_MAX
"""Bytes of a list that cannot have more events."""
JSON, NDJSON, AVRO = "application/json", "application/x-ndjson", "application/vnd.confluent.avro"
LIST = msgspec.json.Decoder(list[msgspec.Raw])


class Unreadable(Rejected):
    """The body is not taken; `status` is what is answered."""

    status = 400


class BodyTooLarge(Unreadable):
    """The body, or the number of events in it, passes what the gateway takes."""

    status = 413


class BadBody(Unreadable):
    """The body is not what its media type says."""


class Interrupted(Unreadable):
    """The body has not come to its end."""

    status = 408


class Full(Unreadable):
    """The bodies under way take all the memory that there is for them."""

    status = 503


class UnknownMediaType(Unreadable):
    """The gateway reads no such bodies."""

    status = 415


class Body(Struct, frozen=True):
    """The events of a body, each as it was written."""

    kind: str
    """JSON, NDJSON or AVRO."""
    contents: Sequence[bytes]
    many: bool
    """True for a list, or lines."""


class Room:
    """Memory for bodies: what calls under way hold together stays below a limit."""

    def __init__(self, bytes_max: int = ROOM_BYTES) -> None:
        self._left = bytes_max

    @contextmanager
    def share(self) -> "Iterator[Share]":
        """Gives a call its share, and takes it back when the call has been answered."""
        share = Share(self)
        try:
            with share.closing:
                yield share
        finally:
            self._left += share.held

    def take(self, size: int) -> None:
        """Raises Full when so many bytes are not left."""
        if size > self._left:
            raise Full("too many bodies are under way")
        self._left -= size


class Share:
    """What one call holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.held = 0
        self.closing = ExitStack()
        """What the call holds besides; let go when the call has been answered."""

    def take(self, size: int) -> None:
        """Takes so many bytes more; raises Full."""
        self._room.take(size)
        self.held += size


async def read(request: Request, share: Share, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """Returns the whole body; raises BodyTooLarge before more than `bytes_max` of it are held, Full, Interrupted."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > bytes_max:
                    raise BodyTooLarge(f"a body of more than {bytes_max} bytes")
                share.take(len(part))
                parts.append(part)
    except TimeoutError as error:
        raise Interrupted(f"the body did not come within {BODY_S:.0f} s") from error
    except ClientDisconnect as error:
        raise Interrupted("the caller left in the middle of the body") from error
    return b"".join(parts)


def opened(media_type: str, content: bytes) -> Body:
    """Returns what is in a body.

    Raises BodyTooLarge at more than EVENTS_MAX, UnknownMediaType, and BadBody when a list is none to its end.
    """
    kind = media_type.partition(";")[0].strip().lower() or JSON
    if kind == AVRO:
        return Body(AVRO, [content], False)
    if kind == NDJSON:
        lines = content.split(b"\n", LINES_MAX)
        if len(lines) > LINES_MAX:
            raise BodyTooLarge(f"more than {LINES_MAX} lines")
        return Body(NDJSON, _counted([line for line in lines if line.strip()]), True)
    if kind != JSON:
        raise UnknownMediaType(f"no body is read as that; there are {JSON}, {NDJSON}, {AVRO}")
    if not content.lstrip().startswith(b"["):
        return Body(JSON, [content], False)
    try:
        if len(content) > SHORT:
            _few(content)
        return Body(JSON, _counted([bytes(each) for each in LIST.decode(content)]), True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody(f"no JSON: {error}") from error


def _few(content: bytes) -> None:
    """Raises BodyTooLarge when a list has too many elements, as soon as they are too many.

    To take five million apart costs all other calls a second, and hundreds of megabytes.
    """
    try:
        _places().decode(content)
    except msgspec.ValidationError:
        raise BodyTooLarge(f"more than {EVENTS_MAX} events; a body has {EVENTS_MAX} at most") from None


@cache
def _places() -> msgspec.json.Decoder[Any]:
    """Returns what reads a list of up to EVENTS_MAX elements, and stops at the next one."""
    fields = [(f"event_{number}", msgspec.Raw, msgspec.Raw()) for number in range(EVENTS_MAX)]
    return msgspec.json.Decoder(msgspec.defstruct("Places", fields, array_like=True, forbid_unknown_fields=True))


def _counted(found: Sequence[bytes]) -> Sequence[bytes]:
    if len(found) > EVENTS_MAX:
        raise BodyTooLarge(f"{len(found)} events; a body has {EVENTS_MAX} at most")
    return found
