"""Connections: who takes too long to say what is wanted is left."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""Time from the first byte, or from the connection, until the head of a request is there; and the time that the rest of
a body may take which nobody reads any more."""


class PromptProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, which waits for ever for a head; here the connection is closed after HEAD_S.

    What is left there is no call: there is no answer and no event. The time of a body that is read is the door's own.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See uvicorn."""
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """See uvicorn."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """See uvicorn."""
        self._in_time()
        super().connection_lost(exc)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
