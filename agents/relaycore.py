"""ai-calls (requested) -> ai-calls (started and outcome of each attempt).

The one stage here that has an effect: it asks models. `started` is on the log before a model is asked, the outcome
after; an attempt that was begun and has no outcome after a crash is closed as in doubt, and made again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import faust
import msgspec

from domain.calls import ATTEMPTS_MAX, Calls, attempt, attempt_failed, completed, failed
from domain.definitions import LOCAL
from domain.ports import ModelProvider
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.events import AiCall, CallStatus, Event
from schemas.record import Record
from streams.app import stage_app
from streams.dead_letters import dead_letter
from streams.keys import Keys
from streams.stage import Tools, consume, read
from streams.table import StateTable

log = logging.getLogger(__name__)

CALLS_AT_ONCE_MAX = 32
"""Models asked at the same time by one worker."""
PAUSE_S = (0.2, 1.0)
"""Pauses before the second and the third attempt."""


class Asked(msgspec.Struct):
    """A call on its way: its request and the attempt that has started."""

    record: Record
    requested: AiCall
    started: AiCall


class RelayCore:
    """Asks the models that calls name, at most 32 at once; falls back to the local one when a model does not answer."""

    name = "ai-calls"

    def __init__(
        self, provider: ModelProvider, tools: Tools, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.app: faust.App = stage_app(tools.place, self.name)
        self._provider = provider
        self._tools = tools
        self._clock = clock
        self._source = "auterity/relaycore"
        self._table = StateTable(self.app, Calls, tools.publisher)
        self._free = asyncio.Semaphore(CALLS_AT_ONCE_MAX)
        consume(self.app, self.name, ("ai-calls",), self._run)

    async def _run(self, records: Sequence[Record]) -> None:
        keys = Keys(self._table, records[0].partition)
        requested = []
        letters = []
        for record, event in await read(records, self._tools):
            if isinstance(event, Undecodable):
                letters.append(dead_letter(self.name, record, None, event))
            elif isinstance(event, AiCall) and event.status is CallStatus.REQUESTED:
                requested.append((record, event))
        await self._publish(letters)
        await self._ask(keys, requested)

    async def _ask(self, keys: Keys, requested: Sequence[tuple[Record, AiCall]]) -> None:
        """Starts every call, and takes each outcome as it comes; a call without an answer is tried again."""
        waiting = {asyncio.ensure_future(self._attempt(asked)) for asked in await self._start(keys, requested)}
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answers = [task.result() for task in done]
            await self._keep(keys, [(asked.record, outcome) for asked, outcome in answers])
            again = [(each.record, each.requested) for each, end in answers if end.status is CallStatus.ATTEMPT_FAILED]
            waiting |= {asyncio.ensure_future(self._attempt(asked)) for asked in await self._start(keys, again)}

    async def _start(self, keys: Keys, requested: Sequence[tuple[Record, AiCall]]) -> list[Asked]:
        """Puts the start of each call's next attempt on the log; calls that are over are left out."""
        asked, moments = [], []
        for record, event in requested:
            begun = attempt(event, keys.state(record) or Calls(), self._tools.definitions, self._clock())
            for moment in begun:
                keys.put(record, (keys.state(record) or Calls()).after(moment))
                moments.append(moment)
            if begun:
                asked.append(Asked(record, event, begun[-1]))
        await self._publish(moments)
        await keys.write()
        return asked

    async def _attempt(self, asked: Asked) -> tuple[Asked, AiCall]:
        """Asks once, and returns how it ended."""
        requested, started = asked.requested, asked.started
        async with self._free:
            if 1 < started.attempt <= ATTEMPTS_MAX:
                await asyncio.sleep(PAUSE_S[started.attempt - 2])
            try:
                answer = await self._provider.complete(
                    started.model, requested.messages, requested.max_tokens, requested.call_id
                )
            except Unavailable as error:
                return asked, self._unanswered(asked, error)
            except Rejected as error:
                return asked, failed(requested, started, str(error), self._clock())
        return asked, completed(requested, started, answer, self._tools.definitions, self._clock())

    def _unanswered(self, asked: Asked, error: Unavailable) -> AiCall:
        if asked.started.model == LOCAL:
            return failed(asked.requested, asked.started, str(error), self._clock())
        return attempt_failed(asked.started, str(error), self._clock())

    async def _keep(self, keys: Keys, outcomes: Sequence[tuple[Record, AiCall]]) -> None:
        await self._publish([outcome for _, outcome in outcomes])
        for record, outcome in outcomes:
            keys.put(record, (keys.state(record) or Calls()).after(outcome))
        await keys.write()

    async def _publish(self, events: Sequence[Event]) -> None:
        await self._tools.publisher.publish([self._tools.codec.encode(each, self._source) for each in events])
