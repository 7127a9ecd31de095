"""Connections of the gateway's server: what it holds for each is bounded, and who takes nothing any more is cut off."""

import asyncio
import logging
import resource
from asyncio.transports import BaseTransport
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

UNSENT_BYTES = 32 * 1024
"""That wait for a client before its connection is told to wait, too."""
OTHER_FILES = 1024
GONE_S = 10.0
"""Time for the last bytes, and for the client's goodbye."""


def allow(connections: int) -> None:
    """Lets this process have so many connections, as far as the machine lets it: often it begins with 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class Sockets(WebSocketsSansIOProtocol):
    """See uvicorn: it would wait for ever until a client has taken what was written before the end."""

    _cutting: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = self.conn.logger = logging.getLogger(__name__)
        self.logger.setLevel(logging.WARNING)  # whoever connects, and from where, is on the log of requests

    def connection_made(self, transport: BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        if self._cutting is not None:
            self._cutting.cancel()

    async def send(self, message: Any) -> None:
        """See uvicorn: it would call an answer that refuses the handshake an error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        """See uvicorn."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """See uvicorn."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._cutting = self.loop.call_later(GONE_S, self.transport.abort)
