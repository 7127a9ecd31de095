"""Decides what the end of an attempt means: what it cost, what is settled, and who is asked next."""

from datetime import datetime

import msgspec

from domain.book import hold_id
from domain.call_events import entry, moment, outcome
from domain.calls import OVER, TRIES_MAX, Call, Phase, Said
from domain.conversations import with_answer
from domain.definitions import Definitions
from domain.ports import Answer
from domain.price_book import named
from domain.prices import Usage, cost
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind, Message


def doubtful(call: Call, requested: AiCall, definitions: Definitions, now: datetime) -> tuple[Said, Call]:
    """Returns the end of an attempt of which nobody knows how it ended: all of its hold is billed."""
    choice = call.choice
    assert choice is not None
    end = moment(requested, CallStatus.IN_DOUBT, call.attempt, choice.model, choice.provider, now)
    said: Said = [msgspec.structs.replace(end, cost_usd_micros=choice.hold)]
    if choice.hold:
        said.append(_settled(call, requested, definitions, now, in_doubt=True))
    return said, _again(call, again=True)


def failed(
    call: Call,
    started: AiCall,
    requested: AiCall,
    definitions: Definitions,
    now: datetime,
    *,
    reason: str,
    again: bool,
    billed: bool,
    usage: Usage | None = None,
) -> tuple[Said, Call]:
    """Returns the end of an attempt without an answer.

    `billed`: the provider may have billed it; what it did is `usage`, and unknown with None: then all of the hold is
    billed until it is reconciled. `again`: the same model may answer another time.
    """
    choice, now = call.choice, max(now, started.occurred_at)
    assert choice is not None
    known = usage or Usage()
    doubt = billed and usage is None
    spent = _cost(call, requested, definitions, started, known)
    end = msgspec.structs.replace(
        moment(requested, CallStatus.ATTEMPT_FAILED, call.attempt, choice.model, choice.provider, now),
        causation_id=started.event_id,
        reason=reason,
        latency_ms=_took_ms(started, now),
        input_tokens=known.input_tokens,
        output_tokens=known.output_tokens,
        cost_usd_micros=choice.hold if doubt else spent,
    )
    said: Said = [end]
    if choice.hold:
        said.append(_settled(call, requested, definitions, now, in_doubt=doubt, amount=spent))
    return said, _again(call, again)


def completed(
    call: Call, started: AiCall, requested: AiCall, answer: Answer, definitions: Definitions, now: datetime
) -> tuple[Said, Call]:
    """Returns the end of a call that was answered, priced by the books of its routing at the moment it started."""
    choice, now = call.choice, max(now, started.occurred_at)
    assert choice is not None
    usage = Usage(answer.input_tokens, answer.output_tokens)
    spent = _cost(call, requested, definitions, started, usage)
    end = msgspec.structs.replace(
        outcome(requested, CallStatus.COMPLETED, call.attempt, now),
        causation_id=started.event_id,
        model=choice.model,
        provider=choice.provider,
        answer=answer.text,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd_micros=spent,
        latency_ms=_took_ms(started, now),
        degraded=answer.degraded,
        finish=answer.finish,
        messages=[_wanted(answer)] if answer.tool_calls else [],
    )
    said: Said = [with_answer(requested, end)]
    if choice.hold:
        said.append(_settled(call, requested, definitions, now, amount=spent))
    return said, OVER


def _again(call: Call, again: bool) -> Call:
    """Returns the call after an attempt without an answer: the same model may be asked again, or the next one."""
    if again and call.tries < TRIES_MAX:
        return msgspec.structs.replace(call, phase=Phase.PAUSED)
    return msgspec.structs.replace(call, phase=Phase.PAUSED, place=call.place + 1, tries=0)


def _settled(
    call: Call,
    requested: AiCall,
    definitions: Definitions,
    now: datetime,
    *,
    amount: int = 0,
    in_doubt: bool = False,
) -> BudgetEntry:
    choice = call.choice
    assert choice is not None
    return entry(
        requested,
        definitions,
        EntryKind.SETTLE_REQUESTED,
        hold_id(requested.call_id, call.attempt),
        now,
        attempt=call.attempt,
        model=choice.model,
        provider=choice.provider,
        amount=amount,
        prices=call.prices,
        in_doubt=in_doubt,
    )


def _cost(call: Call, requested: AiCall, definitions: Definitions, started: AiCall, usage: Usage) -> int:
    """Returns what an attempt costs by the books of the call's routing, as of when its hold was asked for."""
    choice = call.choice
    assert choice is not None and requested.models_digest is not None
    if not choice.hold:
        return 0
    model = definitions.models(requested.models_digest).model(choice.model)
    quote = named(definitions, call.prices or "").quote(model, call.held_at or started.occurred_at)
    images = sum(len(each.images) for each in requested.messages)
    return cost(quote.price, msgspec.structs.replace(usage, images=images if usage.input_tokens else 0))


def _took_ms(started: AiCall, now: datetime) -> int:
    return round((now - started.occurred_at).total_seconds() * 1000)


def _wanted(answer: Answer) -> Message:
    return Message(role="assistant", content=answer.text, tool_calls=list(answer.tool_calls))
