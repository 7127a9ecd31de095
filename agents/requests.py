"""What calls ask: kept in memory until their hold is given, or read again from where it lies on the log."""

import asyncio
from collections import OrderedDict

from domain.calls import Call
from schemas.events import AiCall, CallStatus
from streams.stage import Tools, decoded

REQUESTS_MAX = 5000
"""Requests kept in memory until their hold is given; others are read from the log again."""


class Requests:
    """The requests of calls that are not over, as they are on the log."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._held: OrderedDict[str, AiCall] = OrderedDict()

    def hold(self, requested: AiCall) -> None:
        """Remembers what a call asks."""
        self._held[requested.call_id] = requested
        while len(self._held) > REQUESTS_MAX:
            self._held.popitem(last=False)

    def drop(self, call_id: str) -> None:
        """Forgets what a call asked that is over."""
        self._held.pop(call_id, None)

    async def of(self, event: AiCall, call: Call | None, partition: int) -> AiCall:
        """Returns what the call asks: from memory, or from where it lies on the log."""
        if event.status is CallStatus.REQUESTED:
            return event
        known = self._held.get(event.call_id)
        if known is not None or call is None or call.offset < 0:
            return known or event
        records = await asyncio.to_thread(
            lambda: [
                each
                for batch in self._tools.reader.read("ai-calls", partition, call.offset, call.offset + 1)
                for each in batch
            ]
        )
        found = await decoded(records[0], self._tools)
        assert isinstance(found, AiCall) and found.call_id == event.call_id
        return found
