"""ai-calls (requested, admitted, downgraded) -> ai-calls (routed, started, outcomes), budget-entries, alerts.

The one stage here that has an effect: it asks models. `started` is on the log before a model is asked, the outcome
after; an attempt that was begun and has no outcome after a crash is closed as in doubt, and made again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import faust
import msgspec

from agents.answers import GivenAgain
from agents.asking import Asker, Ready
from agents.attempts import Ended, Live, answers_turn, broken, ended, failed, starts
from agents.conversations import Conversations
from agents.health import Health
from agents.requests import Requests
from agents.turns import Turns
from domain.asking import routed
from domain.caches import Answers
from domain.call_ends import doubtful
from domain.calls import (
    OVER,
    SAVED,
    Call,
    Next,
    Phase,
    Said,
    admitted,
    aligned,
    asked_again,
    begun,
    onward,
    pause_s,
    refused,
    started,
    timeout_s,
    unspent,
    waits_for,
)
from domain.concealment import Concealer
from domain.conversations import BrokenConversation
from domain.dead_letters import dead_letter
from domain.given_again import saved, unasked
from domain.ports import ModelProvider, ModelUnavailable
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.events import AiCall, CallStatus, Event
from schemas.record import Record, said_by
from streams.app import stage_app
from streams.lanes import Lanes
from streams.stage import Tools, decoded, state_table
from streams.table import Claim

log = logging.getLogger(__name__)

RUNS_AT_ONCE_MAX = 64
"""Runs of records taken side by side."""
READ = (CallStatus.REQUESTED, CallStatus.ADMITTED, CallStatus.DOWNGRADED)


class RelayCore:
    """Routes calls, asks for their holds, and makes the attempts that are admitted.

    Runs of records are taken side by side, so that a slow model holds up nobody else's call; what is known of a call
    is kept under its id, and a record of a call that is in hand waits for it.
    """

    name = "ai-calls"
    topics: Sequence[str] = ("ai-calls",)

    def __init__(
        self,
        provider: ModelProvider,
        concealer: Concealer,
        tools: Tools,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        answers: Answers | None = None,
    ) -> None:
        self.place = tools.place
        self.app: faust.App = stage_app(tools.place, self.name, unpack=tools.codec.records)
        self._asker = Asker(provider, concealer, tools.definitions)
        self._given = GivenAgain(answers, provider, self._asker, tools.definitions)
        self._tools = tools
        self._clock = clock
        self._source = "auterity/relaycore"
        self._own = self._source.encode()
        self._table = state_table(self.app, self.name, Call, tools)
        self._turns = Turns()
        self._in_hand: dict[str, asyncio.Event] = {}
        self._requests = Requests(tools)
        self._conversations = Conversations(tools)
        self._health = Health(tools, self._source)
        self.progress = Lanes(self.app, self.name, self.topics, self._run, at_once=RUNS_AT_ONCE_MAX).progress

    async def _run(self, records: Sequence[Record]) -> None:
        read: dict[str, list[tuple[AiCall, int]]] = {}
        letters: list[Event] = []
        for record in records:
            if said_by(record, self._own):
                continue
            try:
                event = await decoded(record, self._tools)
            except Undecodable as error:
                letters.append(dead_letter(self.name, record, None, error))
                continue
            if isinstance(event, AiCall) and event.status in READ:
                read.setdefault(event.call_id, []).append((event, record.offset))
        await self._publish(letters)
        while read:  # one record of a call at a time
            turn = {call_id: waiting.pop(0) for call_id, waiting in read.items()}
            read = {call_id: waiting for call_id, waiting in read.items() if waiting}
            await self._in_turn(records[0].partition, turn)

    async def _in_turn(self, partition: int, read: dict[str, tuple[AiCall, int]]) -> None:
        while others := [self._in_hand[call_id] for call_id in read if call_id in self._in_hand]:
            await others[0].wait()
        done = asyncio.Event()
        self._in_hand.update(dict.fromkeys(read, done))
        try:
            await self._take(partition, list(read.values()))
        finally:
            for call_id in read:
                del self._in_hand[call_id]
            done.set()

    async def _take(self, partition: int, read: Sequence[tuple[AiCall, int]]) -> None:
        """Says what follows from the records, makes the attempts that may begin, and says what follows from these."""
        with self.progress.wait():
            claim = await self._table.claim(partition)
            await self._health.seeded()
        said: Said = []
        lives, sound = list[Live](), list[Live]()
        for event, offset in read:
            _, call = self._table.get(claim, event.call_id.encode())
            requested = await self._requests.of(event, call, partition)
            live = Live(requested, call, event, offset=offset if call is None else call.offset)
            lives.append(live)
            try:
                if call is None or not call.over:
                    live.requested = await self._whole(live, partition, claim)
                sound.append(live)
            except BrokenConversation as error:
                said += broken(live, error, self._tools.definitions, self._clock())
        with self.progress.wait():
            await self._asker.ahead([live.requested for live in sound if live.call is None])
        for live in sound:
            said += self._follow(live)
        said += await self._saved(lives)
        attempts = await self._go_on(claim, lives, said)
        while attempts:
            done, attempts = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
            over = [task.result() for task in done]
            said = [each for live, end in over for each in ended(live, end, self._tools.definitions, self._clock())]
            attempts |= await self._go_on(claim, [live for live, _ in over], said)
            await self._given.keep([live.kept for live, _ in over if live.kept is not None])

    async def _whole(self, live: Live, partition: int, claim: Claim) -> AiCall:
        """Returns what the call asks, with all that was said before in its conversation."""
        return await self._conversations.whole(
            live.requested, live.offset, partition, lambda name: self._table.get(claim, name.encode())[1]
        )

    def _follow(self, live: Live) -> Said:
        """Returns what follows from the record at hand before any attempt; the call is changed with it."""
        told, now, definitions = live.told, self._clock(), self._tools.definitions
        assert told is not None
        if told.status is CallStatus.REQUESTED:
            if live.call is None:
                return self._routed(live, now)
            follows = asked_again(live.call)
        elif live.call is None:
            return [unspent(live.requested, told, definitions, now)]
        elif told.status is CallStatus.DOWNGRADED and waits_for(live.call, told):
            said, live.call = refused(live.call, told, live.requested, now)
            return said
        else:
            follows = admitted(live.call, told, now)
        return self._followed(live, follows, now)

    def _followed(self, live: Live, follows: Next, now: datetime) -> Said:
        requested, told, definitions = live.requested, live.told, self._tools.definitions
        assert told is not None
        if follows is Next.START:
            live.call = msgspec.structs.replace(aligned(live.now, told), phase=Phase.OPEN)
            live.started = started(requested, live.call, now)
        elif follows is Next.DOUBTFUL:
            said, live.call = doubtful(live.now, requested, definitions, now)
            return said
        elif follows is Next.UNSPENT:
            said = [unspent(requested, told, definitions, now)]
            if not live.now.over:
                live.call = msgspec.structs.replace(live.now, phase=Phase.PAUSED)
            return said
        return []

    def _routed(self, live: Live, now: datetime) -> Said:
        assert live.told is not None
        self._requests.hold(live.told)  # without what was said before
        known, leaving = self._health, self._asker.leaving(live.requested.call_id)
        decision = routed(live.requested, self._tools.definitions, known.evidence(), known.open(now), now, leaving)
        live.call = begun(decision, live.offset) if decision.status is CallStatus.ROUTED else OVER
        return [decision]

    async def _saved(self, lives: Sequence[Live]) -> Said:
        """Ends the calls that no model need be asked for: their answer was given before."""
        routed = [live for live in lives if live.call is not None and unasked(live.call)]
        found = await asyncio.gather(*(self._given.found(each.requested, each.now, self._clock()) for each in routed))
        said: Said = []
        for live, given in zip(routed, found, strict=True):
            if given is not None:
                said.append(saved(live.now, live.requested, given, self._clock()))
                live.call = SAVED
        return said

    async def _go_on(self, claim: Claim, lives: Sequence[Live], said: Said) -> set[asyncio.Task[tuple[Live, Ended]]]:
        """Puts on the log what was decided and what begins, and begins it.

        A question that cannot be made ready to leave is a failed attempt: it goes on with the next model until one
        may be asked, or a hold has to be waited for.
        """
        opening: list[Live] = []
        waiting = [live for live in lives if live.call is not None]
        while waiting:
            moved: list[Live] = []
            for live in waiting:
                if live.call is not None and live.call.phase is Phase.PAUSED and live.started is None:
                    more, live.call = onward(live.call, live.requested, self._tools.definitions, self._clock())
                    live.started = next((each for each in more if starts(each)), None)  # type: ignore[assignment]
                    said += [each for each in more if each is not live.started]
                if live.started is not None:
                    moved.append(live)
            made = await asyncio.gather(*(self._ready(live) for live in moved), return_exceptions=True)
            waiting = []
            for live, found in zip(moved, made, strict=True):
                assert live.started is not None
                if isinstance(found, Unavailable | Rejected):
                    now = self._clock()
                    more, live.call = failed(live, found, self._tools.definitions, now, billed=False, again=False)
                    said += [live.started, *more]
                    live.started = None
                    waiting.append(live)
                elif isinstance(found, BaseException):
                    raise found
                else:
                    live.ready = found
                    live.started = msgspec.structs.replace(live.started, concealed=found.concealed)
                    said.append(live.started)
                    opening.append(live)
        await self._say(claim.partition, lives, said)
        await self._table.write(
            claim, {live.requested.call_id.encode(): ({}, live.call) for live in lives if live.call is not None}
        )
        for live in lives:
            if live.call is not None and live.call.over:
                self._requests.drop(live.requested.call_id)
                self._asker.forget(live.requested.call_id)
        return {asyncio.create_task(self._attempt(live)) for live in opening}

    async def _ready(self, live: Live) -> Ready:
        choice = live.now.choice
        assert choice is not None
        with self.progress.wait():  # for the library to be loaded, or the detector
            return await self._asker.ready(live.requested, choice.model, live.now.tokens_max if choice.hold else 0)

    async def _attempt(self, live: Live) -> tuple[Live, Ended]:
        """Asks once, and returns how it ended."""
        lease = live.told.lease_until if live.told is not None and live.now.choice and live.now.choice.hold else None
        assert live.ready is not None
        with self.progress.wait():
            await asyncio.sleep(pause_s(live.now, self._clock()))
        async with self._turns.one():
            left = timeout_s(live.now, lease, self._clock())
            try:
                if left <= 0 and lease is not None:
                    raise ModelUnavailable("its time is over before it began", billed=False, again=False)
                with self.progress.wait():
                    return live, await self._asker.ask(live.requested, live.now, live.ready, max(left, 1.0))
            except (Unavailable, Rejected) as error:
                return live, error

    async def _say(self, partition: int, lives: Sequence[Live], said: Said) -> None:
        """Puts it on the log, answers of conversations one by one: where they lie is what their calls are kept with."""
        answers = {each.call_id: each for each in said if isinstance(each, AiCall) and answers_turn(each)}
        await self._publish(each for each in said if not answers_turn(each))
        for live in lives:
            if live.call is not None and live.call.over and live.requested.conversation:
                live.call = msgspec.structs.replace(live.call, offset=live.offset)
                if (done := answers.get(live.requested.call_id)) is not None:
                    at = (await self._publish([done]))["ai-calls", partition] - 1
                    live.call = msgspec.structs.replace(live.call, answered=at)
                    self._conversations.keep(done)

    async def _publish(self, events: Iterable[Event]) -> Mapping[tuple[str, int], int]:
        said = [*events]
        said += self._health.take(said)
        return await self._tools.publisher.publish([self._tools.codec.encode(each, self._source) for each in said])
