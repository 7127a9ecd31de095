"""Decides whether an answer is given again in place of asking a model, and which answers may be."""

from datetime import datetime

import msgspec

from domain.caches import CacheRules, Entry, Hit, comparable, exact_key, keepable, scope
from domain.call_events import outcome
from domain.calls import Call
from domain.concealment import restore, restore_json, tokens
from domain.conversations import with_answer
from domain.definitions import Definitions
from domain.fitting import misfit
from domain.models import LOCAL
from domain.ports import Answer, Question
from schemas.events import AiCall, CallStatus


class GivenAnswer(msgspec.Struct, frozen=True):
    """An answer from the cache, with this call's own values in it."""

    hit: Hit
    text: str


def unasked(call: Call) -> bool:
    """Returns whether the call is routed, and nothing was done for it yet."""
    return call.attempt == 0 and not call.over


def rules(requested: AiCall, call: Call, definitions: Definitions) -> CacheRules | None:
    """Returns by which rules the call's answers are given again, None when they never are.

    Never, unless the pinned models say so: what is not asked at temperature 0, what is asked of the local model (it
    costs nothing) or has to stay here, and what holds untrusted text (its marks are the call's own, and whoever writes
    it could have its answer given to others).
    """
    choice = call.choice
    if choice is None or LOCAL in (choice.model, requested.model) or requested.temperature_thousandths != 0:
        return None
    if requested.models_digest is None or _untrusted(requested, definitions):
        return None
    policy = definitions.models(requested.models_digest).cache
    near = policy.similarity_thousandths_min
    if not policy.exact and near is None:
        return None
    return CacheRules(
        exact=policy.exact,
        semantic=near is not None,
        similarity_min=near / 1000 if near is not None else 1.0,
        age_max_s=policy.age_s_max,
    )


def purpose(requested: AiCall, definitions: Definitions) -> str:
    """Returns what a question is for: only within this it is answered as another one that is nearly the same."""
    digest = requested.workflow_digest
    workflow = definitions.workflow(digest).id if digest is not None else ""
    assert requested.models_digest is not None
    whose = definitions.models(requested.models_digest).cache.vectors  # those of two models are not compared
    return "\x1f".join((workflow, requested.step, requested.task, whose))


def revealed(hit: Hit | None, values: dict[str, str], answer_schema: str | None = None) -> GivenAnswer | None:
    """Returns the answer with the call's own values.

    None for one to a question that is only nearly the same, when it holds a token whose value the call does not have;
    and for one that with these values does not fit the schema.
    """
    if hit is None or (hit.kind == "semantic" and not tokens(hit.entry.answer.text) <= values.keys()):
        return None
    if answer_schema is None:
        return GivenAnswer(hit, restore(hit.entry.answer.text, values))
    text = restore_json(hit.entry.answer.text, values)
    return GivenAnswer(hit, text) if not misfit(text, answer_schema) else None


def saved(call: Call, requested: AiCall, given: GivenAnswer, now: datetime) -> AiCall:
    """Returns the end of a call that was answered as another one before: no attempt, no tokens, no cost."""
    choice, entry = call.choice, given.hit.entry
    assert choice is not None
    end = msgspec.structs.replace(
        outcome(requested, CallStatus.COMPLETED, 0, now),
        model=choice.model,
        provider=choice.provider,
        answer=given.text,
        finish=entry.answer.finish,
        cached=given.hit.kind,
        cached_from=entry.call_id,
        saved_usd_micros=given.hit.saved_usd_micros,
    )
    return with_answer(requested, end)


def kept(done: AiCall, question: Question, said: Answer, within: str) -> Entry | None:
    """Returns what is kept of a completed call, None when its answer may not be given again.

    `said` is the answer as it came: with tokens, not with values.
    """
    if not keepable(question, said):
        return None
    return Entry(
        tenant_id=done.tenant_id,
        key=exact_key(done.tenant_id, question),
        scope=scope(done.tenant_id, question, within) if comparable(question) else "",
        call_id=done.call_id,
        at=done.occurred_at,
        answer=said,
        cost_usd_micros=done.cost_usd_micros,
    )


def _untrusted(requested: AiCall, definitions: Definitions) -> bool:
    digest = requested.workflow_digest
    if digest is None:
        return False
    return any(each.untrusted for each in definitions.workflow(digest).conversation(requested.step))
