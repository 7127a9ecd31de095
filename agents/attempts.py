"""A call in hand, and what follows from the end of its attempt."""

from datetime import datetime, timedelta

import msgspec

from agents.answers import Kept
from agents.asking import Answered, Ready
from agents.pauses import pause_s
from domain import call_ends
from domain.call_ends import completed
from domain.call_events import outcome
from domain.calls import SAVED, Call, Phase, Said, unspent
from domain.definitions import Definitions
from domain.ports import ModelUnavailable
from domain.prices import Usage
from schemas.errors import AuterityError, Unavailable
from schemas.events import AiCall, CallStatus, Event

PAUSE_MAX_S = 20.0
"""Longer than this no model is waited for: the attempt is made all the same, within its lease."""


class Live(msgspec.Struct):
    """A call in hand: what it asks, where it stands, and what the record that was read says of it."""

    requested: AiCall
    call: Call | None
    told: AiCall | None = None
    started: AiCall | None = None
    ready: Ready | None = None
    offset: int = -1
    """Where it was requested."""
    kept: Kept | None = None
    """Once it is answered: what may be given again."""

    @property
    def now(self) -> Call:
        """Where it stands, once it is routed."""
        assert self.call is not None
        return self.call


Ended = Answered | AuterityError


def ended(live: Live, end: Ended, definitions: Definitions, now: datetime) -> Said:
    """Returns what follows from the end of an attempt; the call is changed with it."""
    assert live.started is not None
    if isinstance(end, Answered):
        before = live.now
        said, live.call = completed(before, live.started, live.requested, end.answer, definitions, now)
        done = msgspec.structs.replace(said[0], concealed=end.concealed)
        assert isinstance(done, AiCall) and live.ready is not None
        live.kept = Kept(live.requested, before, live.ready, end.said, done)
        said = [done, *said[1:]]
    elif isinstance(end, ModelUnavailable):
        tries = live.now.tries
        usage = _usage(end)
        said, live.call = failed(live, end, definitions, now, billed=end.billed, again=end.again, usage=usage)
        pause = timedelta(seconds=pause_s(tries, end, PAUSE_MAX_S) or 0.0)
        live.call = msgspec.structs.replace(live.call, not_before=now + pause)
    elif isinstance(end, Unavailable):  # the detector, when the answer had come
        said, live.call = failed(live, end, definitions, now, billed=True, again=False)
    else:
        said, live.call = failed(live, end, definitions, now, billed=False, again=False)
    live.started = live.ready = live.told = None
    return said


def failed(
    live: Live,
    error: AuterityError,
    definitions: Definitions,
    now: datetime,
    *,
    billed: bool,
    again: bool,
    usage: Usage | None = None,
) -> tuple[Said, Call]:
    """Returns what follows from an attempt without an answer, and the call after it."""
    assert live.started is not None
    return call_ends.failed(
        live.now,
        live.started,
        live.requested,
        definitions,
        now,
        reason=str(error),
        again=again,
        billed=billed,
        usage=usage,
    )


def broken(live: Live, error: AuterityError, definitions: Definitions, now: datetime) -> Said:
    """Returns the end of a call of which nobody knows what it asks: nothing leaves, and a hold is given back."""
    told, call = live.told, live.call
    said: Said = []
    if call is not None and call.phase is Phase.OPEN:
        said, _ = call_ends.doubtful(call, live.requested, definitions, now)
    elif told is not None and told.status is CallStatus.ADMITTED:
        said = [unspent(live.requested, told, definitions, now)]
    live.call = SAVED  # a hold that is still to come is given back
    return [*said, outcome(live.requested, CallStatus.FAILED, call.attempt if call is not None else 0, now, str(error))]


def starts(event: Event) -> bool:
    """Returns whether the event is the start of an attempt."""
    return isinstance(event, AiCall) and event.status is CallStatus.STARTED


def answers_turn(event: Event) -> bool:
    """Returns whether the event is an answer in a conversation over several calls."""
    return isinstance(event, AiCall) and event.status is CallStatus.COMPLETED and bool(event.conversation)


def _usage(error: ModelUnavailable) -> Usage | None:
    if error.input_tokens is None or error.output_tokens is None:
        return None
    return Usage(error.input_tokens, error.output_tokens)
