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
from domain.dead_letters import dead_letter
from domain.models import LOCAL
from domain.ports import ModelProvider, Question
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.events import AiCall, CallStatus, Event
from schemas.record import Record, said_by
from streams.app import stage_app
from streams.lanes import Lanes
from streams.stage import Tools, decoded, state_table
from streams.table import Claim

log = logging.getLogger(__name__)

CALLS_AT_ONCE_MAX = 32
"""Models asked at the same time by one worker."""
RUNS_AT_ONCE_MAX = 64
"""Runs of records taken side by side."""
PAUSE_S = (0.2, 1.0)
"""Pauses before the second and the third attempt."""


class Asked(msgspec.Struct):
    """A call on its way: its request and the attempt that has started."""

    requested: AiCall
    started: AiCall


class RelayCore:
    """Asks the models that calls name, at most 32 at once; falls back to the local one when a model does not answer.

    Runs of records are taken side by side, so that a slow model holds up nobody else's call; what is known of a call
    is kept under its id, and a request delivered twice waits for the first.
    """

    name = "ai-calls"
    topics: Sequence[str] = ("ai-calls",)

    def __init__(
        self, provider: ModelProvider, tools: Tools, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.place = tools.place
        self.app: faust.App = stage_app(tools.place, self.name, unpack=tools.codec.records)
        self._provider = provider
        self._tools = tools
        self._clock = clock
        self._source = "auterity/relaycore"
        self._own = self._source.encode()
        self._table = state_table(self.app, self.name, Calls, tools)
        self._free = asyncio.Semaphore(CALLS_AT_ONCE_MAX)
        self._under_way: dict[str, asyncio.Event] = {}
        self.progress = Lanes(self.app, self.name, self.topics, self._run, at_once=RUNS_AT_ONCE_MAX).progress

    async def _run(self, records: Sequence[Record]) -> None:
        requested: dict[str, AiCall] = {}
        letters = []
        for record in records:
            if said_by(record, self._own):
                continue
            try:
                event = await decoded(record, self._tools)
            except Undecodable as error:
                letters.append(dead_letter(self.name, record, None, error))
                continue
            if isinstance(event, AiCall) and event.status is CallStatus.REQUESTED:
                requested.setdefault(event.call_id, event)
        await self._publish(letters)
        if requested:
            await self._ask_each_once(records[0].partition, requested)

    async def _ask_each_once(self, partition: int, requested: dict[str, AiCall]) -> None:
        while others := [self._under_way[call_id] for call_id in requested if call_id in self._under_way]:
            await others[0].wait()
        done = asyncio.Event()
        self._under_way.update(dict.fromkeys(requested, done))
        try:
            await self._ask(partition, list(requested.values()))
        finally:
            for call_id in requested:
                del self._under_way[call_id]
            done.set()

    async def _ask(self, partition: int, requested: Sequence[AiCall]) -> None:
        """Starts every call, and takes each outcome as it comes; a call without an answer is tried again."""
        with self.progress.wait():
            claim = await self._table.claim(partition)
        states = {each.call_id: self._table.get(claim, each.call_id.encode())[1] or Calls() for each in requested}
        waiting = self._attempts(await self._start(claim, states, requested))
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            ends = [task.result() for task in done]
            await self._publish([outcome for _, outcome in ends])
            await self._keep(claim, states, [outcome for _, outcome in ends])
            again = [asked.requested for asked, outcome in ends if outcome.status is CallStatus.ATTEMPT_FAILED]
            waiting |= self._attempts(await self._start(claim, states, again))

    async def _start(self, claim: Claim, states: dict[str, Calls], requested: Sequence[AiCall]) -> list[Asked]:
        """Puts the start of each call's next attempt on the log; calls that are over are left out."""
        asked: list[Asked] = []
        moments: list[AiCall] = []
        for each in requested:
            begun = attempt(each, states[each.call_id], self._tools.definitions, self._clock())
            moments += begun
            if begun:
                asked.append(Asked(each, begun[-1]))
        await self._publish(moments)
        await self._keep(claim, states, moments)
        return asked

    def _attempts(self, asked: Sequence[Asked]) -> set[asyncio.Task[tuple[Asked, AiCall]]]:
        return {asyncio.create_task(self._attempt(each)) for each in asked}

    async def _attempt(self, asked: Asked) -> tuple[Asked, AiCall]:
        """Asks once, and returns how it ended."""
        requested, started = asked.requested, asked.started
        if 1 < started.attempt <= ATTEMPTS_MAX:
            await asyncio.sleep(PAUSE_S[started.attempt - 2])
        async with self._free:
            try:
                with self.progress.wait():
                    answer = await self._provider.ask(
                        Question(
                            model=started.model,
                            messages=requested.messages,
                            max_tokens=requested.max_tokens,
                            idempotency_key=requested.call_id,
                        )
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

    async def _keep(self, claim: Claim, states: dict[str, Calls], moments: Sequence[AiCall]) -> None:
        """Takes the moments into the calls' states, and writes these."""
        for each in moments:
            states[each.call_id] = states[each.call_id].after(each)
        changed = {each.call_id for each in moments}
        await self._table.write(claim, {call.encode(): ({}, states[call]) for call in changed})

    async def _publish(self, events: Sequence[Event]) -> None:
        await self._tools.publisher.publish([self._tools.codec.encode(each, self._source) for each in events])
