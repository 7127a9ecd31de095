"""Decides the life of an AI call up to each attempt: who is asked, with which hold; `call_ends` decides on its end."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from domain.book import hold_id
from domain.call_events import entry, moment, outcome
from domain.definitions import Definitions
from domain.models import LOCAL
from domain.ranking import ASKED
from schemas.events import AiCall, BudgetEntry, BudgetLevel, CallStatus, EntryKind

TRIES_MAX = 3
"""Attempts at one model, when another one there makes sense."""
ATTEMPTS_MAX = 8
"""Attempts of a call; after them the last resort answers, if it may."""
DEADLINE = timedelta(seconds=120)
"""Of a call, from its routing: what begins later is the last resort."""
ATTEMPT_S = 60.0
"""Of one attempt."""
LEASE = timedelta(seconds=90)
"""Of a hold: an attempt, and what comes before it."""
SPARE = timedelta(seconds=5)
"""Before its lease ends an attempt has ended: what it cost is to be said yet."""

Said = list[AiCall | BudgetEntry]


class Phase(StrEnum):
    """Where a call stands."""

    WAITING = "waiting"
    """For its hold."""
    OPEN = "open"
    """An attempt has started, and nothing is known of its end."""
    PAUSED = "paused"
    """Between attempts."""
    OVER = "over"


class Choice(Struct, frozen=True, array_like=True):
    """One who may be asked, and the most that an attempt costs."""

    model: str
    provider: str
    hold: int


class Call(Struct, frozen=True):
    """What is known of a call, beside what it asks."""

    phase: Phase = Phase.PAUSED
    choices: list[Choice] = []
    """Who is asked, one after the other."""
    place: int = 0
    """Of the choice that is asked now."""
    tries: int = 0
    """Attempts at it."""
    attempt: int = 0
    offset: int = -1
    """Where it was requested, on its partition of `ai-calls`."""
    answered: int = -1
    """Of a conversation: where its answer lies."""
    prices: str | None = None
    """Digest of the price books it is priced by."""
    tokens_max: int = 0
    """Of what is asked: each hold reckons with so many."""
    deadline: datetime | None = None
    held_at: datetime | None = None
    """When the attempt's hold was asked for: it is priced as of then."""
    not_before: datetime | None = None
    """When the next attempt may begin, after one that failed."""
    cheaper: bool = False
    """True when the budgets asked for a cheaper model."""
    saved: bool = False
    """True when it is over without an attempt: its answer had been given before."""

    @property
    def choice(self) -> Choice | None:
        """Who is asked now; None when nobody is left."""
        return self.choices[self.place] if self.place < len(self.choices) else None

    @property
    def over(self) -> bool:
        """True when the outcome is on the log."""
        return self.phase is Phase.OVER


OVER = Call(Phase.OVER)
SAVED = Call(Phase.OVER, saved=True)


def begun(routed: AiCall, offset: int) -> Call:
    """Returns the call as it begins with its routing."""
    asked = [each for each in routed.ranking if each.standing in ASKED]
    choices = [Choice(each.model, each.provider, each.cost_usd_micros_max) for each in asked]
    return Call(
        choices=choices,
        offset=offset,
        prices=routed.prices_digest,
        tokens_max=routed.input_tokens_max,
        deadline=routed.occurred_at + DEADLINE,
    )


def onward(call: Call, requested: AiCall, definitions: Definitions, now: datetime) -> tuple[Said, Call]:
    """Returns what is said before the next attempt: that it starts, or, when it costs something, its hold is asked for.

    Past the deadline, or after too many attempts, only the last resort is left. With nobody left the call has failed.
    """
    if call.over:
        return [], call
    call = _late(call, now)
    choice, number = call.choice, call.attempt + 1
    if choice is None:
        return [outcome(requested, CallStatus.FAILED, call.attempt, now, "no model has answered")], OVER
    ahead = msgspec.structs.replace(call, attempt=number, tries=call.tries + 1)
    if choice.hold == 0:
        return [started(requested, ahead, now)], msgspec.structs.replace(ahead, phase=Phase.OPEN)
    asked = entry(
        requested,
        definitions,
        EntryKind.HOLD_REQUESTED,
        hold_id(requested.call_id, number),
        now,
        attempt=number,
        model=choice.model,
        provider=choice.provider,
        amount=choice.hold,
        prices=call.prices,
        lease_until=now + LEASE,
        level=BudgetLevel.DOWNGRADE if call.cheaper else BudgetLevel.UNKNOWN,
    )
    return [asked], msgspec.structs.replace(ahead, phase=Phase.WAITING, held_at=now)


def started(requested: AiCall, call: Call, now: datetime) -> AiCall:
    """Returns the start of the call's attempt."""
    choice = call.choice
    assert choice is not None
    return moment(requested, CallStatus.STARTED, call.attempt, choice.model, choice.provider, now)


def pause_s(call: Call, now: datetime) -> float:
    """Returns how long the attempt has to wait yet; at a model that was not asked before not at all."""
    if call.not_before is None or call.tries <= 1:
        return 0.0
    return max(0.0, (call.not_before - now).total_seconds())


def timeout_s(call: Call, lease_until: datetime | None, now: datetime) -> float:
    """Returns how long the attempt may take: 0 or less when it is too late for it."""
    assert call.deadline is not None
    left = [ATTEMPT_S, (call.deadline - now).total_seconds()]
    if lease_until is not None:
        left.append((lease_until - SPARE - now).total_seconds())
    return min(left)


class Next(StrEnum):
    """What follows for a call from a record that was read."""

    NOTHING = "nothing"
    START = "start"
    UNSPENT = "unspent"
    """The hold is not needed: it is given back."""
    DOUBTFUL = "doubtful"
    """An attempt was begun, and whoever made it is gone."""
    ONWARD = "onward"


def asked_again(call: Call) -> Next:
    """Returns what follows from a record that was taken before: whoever took it may have ended in between."""
    choice = call.choice
    if call.phase is Phase.PAUSED:
        return Next.ONWARD
    if call.phase is Phase.OPEN and choice is not None and choice.hold == 0:
        return Next.DOUBTFUL
    return Next.NOTHING  # over, or the record that admits the attempt is still to come, or to come again


def admitted(call: Call, told: AiCall, now: datetime) -> Next:
    """Returns what follows from an admission: its attempt is begun once, and in time, or the hold is given back.

    Of a call that was saved, a hold was asked for by one who ended before it kept so; it was decided again.
    """
    if call.saved:
        return Next.UNSPENT
    if told.attempt != call.attempt:
        return asked_again(call)
    if call.phase is Phase.WAITING:
        return Next.START if timeout_s(aligned(call, told), told.lease_until, now) > 0 else Next.UNSPENT
    return Next.DOUBTFUL if call.phase is Phase.OPEN else asked_again(call)


def aligned(call: Call, told: AiCall) -> Call:
    """Returns the call with the model that was admitted as its choice, before all who are still left.

    It is another one when who asked for the hold ended before it kept what it had decided, and it was decided again.
    One that the call's ranking does not know is asked once: nobody knows what another attempt would have to hold.
    """
    choice = call.choice
    if choice is not None and choice.model == told.model:
        return call
    left = call.choices[call.place :]
    known = next((each for each in left if each.model == told.model and each.hold), None)
    ahead = [known or Choice(told.model, told.provider, 1), *(each for each in left if each is not known)]
    tries = call.tries if known is not None else TRIES_MAX
    return msgspec.structs.replace(call, choices=[*call.choices[: call.place], *ahead], tries=tries)


def waits_for(call: Call, told: AiCall) -> bool:
    """Returns whether the call waits for what the record tells of its hold."""
    return call.phase is Phase.WAITING and told.attempt == call.attempt


def refused(call: Call, told: AiCall, requested: AiCall, now: datetime) -> tuple[Said, Call]:
    """Returns what follows from a hold that was not given: a cheaper model is asked, if any is left.

    Where the budgets have nothing left, the call is refused.
    """
    choice = call.choice
    assert choice is not None
    if told.level is BudgetLevel.STOP:
        return [outcome(requested, CallStatus.REFUSED, told.attempt, now, told.reason)], OVER
    cheaper = [each for each in call.choices[call.place + 1 :] if each.hold < choice.hold]
    if not cheaper:
        return [outcome(requested, CallStatus.REFUSED, told.attempt, now, told.reason)], OVER
    left = msgspec.structs.replace(
        call, phase=Phase.PAUSED, choices=[*call.choices[: call.place + 1], *cheaper], place=call.place + 1, tries=0
    )
    return [], msgspec.structs.replace(left, cheaper=True)


def unspent(requested: AiCall, told: AiCall, definitions: Definitions, now: datetime) -> BudgetEntry:
    """Returns the request to release a hold that nobody will spend; one that has ended stays as it is."""
    return entry(
        requested,
        definitions,
        EntryKind.RELEASE_REQUESTED,
        told.hold_id,
        now,
        attempt=told.attempt,
        model=told.model,
        provider=told.provider,
    )


def _late(call: Call, now: datetime) -> Call:
    """Returns the call with nobody left but the last resort, when its time or its attempts are used up."""
    assert call.deadline is not None
    if now < call.deadline and call.attempt < ATTEMPTS_MAX:
        return call
    left = [place for place, each in enumerate(call.choices) if each.model == LOCAL and place >= call.place]
    place = left[0] if left and call.attempt <= ATTEMPTS_MAX else len(call.choices)
    return call if place == call.place else msgspec.structs.replace(call, place=place, tries=0)
