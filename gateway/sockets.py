"""WebSockets of those who look on: what the client says is taken in, and each ends for a reason that it is told."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from gateway.viewer import Viewer

SAID_MAX, SAID_S = 60, 60.0
"""A client says something so often in this time."""
GOODBYE_S = 0.5
NOT_UNDERSTOOD, FAILED = 1008, 1011
log = logging.getLogger(__name__)


async def serve(
    websocket: WebSocket,
    viewer: Viewer,
    protocol: str,
    listen: Callable[[], Coroutine[Any, Any, None]],
    tell: Callable[[Sequence[str]], Awaitable[None]],
) -> None:
    """Accepts the connection, listens to it, and tells what the viewer is told until the viewer is ended."""
    await websocket.accept(protocol if protocol in websocket.scope["subprotocols"] else None)
    listening = begun(listen(), viewer)
    try:
        async with aclosing(viewer.texts()) as told:
            async for texts in told:
                await tell(texts)
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


async def said(websocket: WebSocket, viewer: Viewer) -> AsyncGenerator[str, None]:
    """Yields what the client says, empty when it is no text; ends the viewer when the client goes or says too much."""
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
        yield message.get("text") or ""


async def hand(websocket: WebSocket, text: str) -> None:
    """Sends a text once the client has taken in enough of those before; raises WebSocketDisconnect."""
    await _hand(websocket, {"type": "websocket.send", "text": text})


def begun(work: Coroutine[Any, Any, None], viewer: Viewer) -> asyncio.Task[None]:
    """Returns the task of this work for a connection, which ends when the work fails."""

    def done(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, WebSocketDisconnect):
                log.error("a connection failed", exc_info=error)
            viewer.end(FAILED, "an error of the gateway's own")

    task = asyncio.create_task(work)
    task.add_done_callback(done)
    return task


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    await _hand(websocket, {"type": "websocket.close", "code": code, "reason": reason})


async def _hand(websocket: WebSocket, message: dict[str, Any]) -> None:
    try:
        await websocket.send(message)
    except RuntimeError as error:  # what the server says of one that is being closed
        raise WebSocketDisconnect(1006) from error
