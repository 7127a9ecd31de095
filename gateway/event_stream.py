"""Server-sent events: what a viewer is told, as the body of an HTTP answer."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

from gateway.viewer import Viewer

CONTENT: dict[str, Any] = {
    "description": "What happens, for as long as the connection lasts.",
    "content": {"text/event-stream": {"schema": {"type": "object", "properties": {"data": {"type": "string"}}}}},
}


class EventStream(Response):
    """A message each, with its position as id; ends after `seconds`, when they are said."""

    def __init__(self, viewer: Viewer, leave: Callable[[Viewer], None], seconds: float | None) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(b"", 200, headers, "text/event-stream")
        del self.headers["content-length"]
        self._leave = leave
        self._viewer = viewer
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        viewer = self._viewer
        listening = asyncio.create_task(_left(receive, viewer))
        loop = asyncio.get_running_loop()
        stopping = None if self._seconds is None else loop.call_later(self._seconds, viewer.stop)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(viewer.texts()) as told:
                async for texts in told:
                    body = "".join(map(_event, texts)).encode()
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            if viewer.ending is None:
                raise
        except OSError:  # it is gone already
            pass
        finally:
            listening.cancel()
            if stopping is not None:
                stopping.cancel()
            self._leave(viewer)


async def _left(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end(1000, "")


def _event(text: str) -> str:
    """Returns a message as a server-sent event; its position stands at its end, between quotes."""
    return f"id: {text[text.rindex(chr(34), 0, -2) + 1 : -2]}\ndata: {text}\n\n"
