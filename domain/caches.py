"""Decides which answers may be given again: the same question's, or that of one that is nearly the same.

Keys and scopes are made of what is asked after personal data was concealed, and always of the tenant: an answer is
never found by another tenant, for another model, or under another system prompt.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from domain.ports import Answer, Question

KEY_VERSION = "2"
"""Counted up with every change of what a key or a scope is made of."""
ASKED_MAX = 32_768
"""Characters of a question that is compared by meaning; longer ones are found by their exact words only."""

_NUMBERED = re.compile(r"\S*\d\S*")
_WITHIN = re.compile(r"(?<!^)(?<![.!?:]\s)(?<!\n)\b[^\W\d_][\w'’-]*")
"""Words that begin no sentence."""
_NEGATION = re.compile(r"\b(?:not|no|never|none|without|except|unless|cannot)\b|n['’]t\b", re.IGNORECASE)


class CacheRules(Struct, frozen=True, kw_only=True):
    """What a tenant lets be given again."""

    exact: bool = True
    semantic: bool = False
    similarity_min: float = 0.95
    """The cosine from which on questions count as nearly the same."""
    age_max_s: float = 86_400.0


class Entry(Struct, frozen=True, kw_only=True):
    """An answer that may be given again, and what it cost when it was asked for."""

    tenant_id: str
    key: str
    scope: str
    call_id: str
    """The call whose answer it is: the evidence."""
    at: datetime
    """When it was answered."""
    answer: Answer
    cost_usd_micros: int
    vector: Sequence[float] = ()
    """The question's; empty when it is found by its exact words only."""


class Hit(Struct, frozen=True, kw_only=True):
    """An answer from the cache, and what it saved."""

    entry: Entry
    kind: Literal["exact", "semantic"]
    similarity: float
    saved_usd_micros: int


class Answers(Protocol):
    """Keeps answers, and finds those of one tenant. What is wrong with the store is as if it were empty."""

    async def exact(self, tenant_id: str, key: str, rules: CacheRules, at: datetime) -> Hit | None:
        """Returns the tenant's answer to the same question, None when there is none to be given."""

    async def nearest(
        self, tenant_id: str, scope: str, vector: Sequence[float], rules: CacheRules, at: datetime
    ) -> Hit | None:
        """Returns the tenant's answer to the nearest question of the scope, None when none is near enough."""

    async def put(self, entry: Entry) -> None:
        """Keeps an answer in place of an older one of its key."""


def exact_key(tenant_id: str, question: Question) -> str:
    """Returns the digest of the tenant and of all that makes an answer; not of time, attempt and who listens."""
    return _digest("exact", tenant_id, question, question.messages)


def scope(tenant_id: str, question: Question, task: str) -> str:
    """Returns the digest within which questions may be nearly the same: all but the words of the last message.

    `task` is what the question is for, such as workflow and step. What stands in the last message and changes an answer
    however near the words are (whatever has a digit in it, English negations, capitalised words within a sentence) is
    part of the scope.
    """
    said = asked(question)
    named = [each for each in _WITHIN.findall(said) if each[0].isupper()]
    marks = [_NUMBERED.findall(said), [each.casefold() for each in _NEGATION.findall(said)], named]
    return _digest("semantic", tenant_id, question, question.messages[:-1], task, marks)


def asked(question: Question) -> str:
    """Returns the words that are compared by meaning: those of the last message."""
    return question.messages[-1].content if question.messages else ""


def cacheable(question: Question) -> bool:
    """True when a question may be answered from the cache: no tools, and asked at temperature 0."""
    return question.temperature == 0 and not question.tools and bool(question.messages)


def comparable(question: Question) -> bool:
    """True when it may be answered by what was said to one that is nearly the same: text only, of its user."""
    last = question.messages[-1] if question.messages else None
    return (
        cacheable(question)
        and last is not None
        and last.role == "user"
        and not last.images
        and 0 < len(last.content) <= ASKED_MAX
    )


def keepable(question: Question, answer: Answer) -> bool:
    """True when the answer may be given again: complete, by the model that was asked, calling nothing."""
    return (
        cacheable(question)
        and not answer.degraded
        and not answer.tool_calls
        and answer.finish == "stop"
        and bool(answer.text)
    )


def fresh(entry: Entry, rules: CacheRules, at: datetime) -> bool:
    """True when the entry is not too old at this moment, nor from after it."""
    return timedelta() <= at - entry.at <= timedelta(seconds=rules.age_max_s)


def exact_hit(entry: Entry | None, tenant_id: str, key: str, rules: CacheRules, at: datetime) -> Hit | None:
    """Returns what the entry of this key saves; None when it may not be given."""
    if entry is None or not rules.exact or (entry.tenant_id, entry.key) != (tenant_id, key):
        return None
    if not fresh(entry, rules, at):
        return None
    return Hit(entry=entry, kind="exact", similarity=1.0, saved_usd_micros=entry.cost_usd_micros)


def semantic_hit(
    entry: Entry | None, similarity: float, tenant_id: str, within: str, rules: CacheRules, at: datetime
) -> Hit | None:
    """Returns what the nearest entry of this scope saves; None when it is not near enough or may not be given."""
    if entry is None or not rules.semantic or (entry.tenant_id, entry.scope) != (tenant_id, within):
        return None
    if not similarity >= rules.similarity_min or not fresh(entry, rules, at):  # a NaN is not near
        return None
    return Hit(entry=entry, kind="semantic", similarity=min(similarity, 1.0), saved_usd_micros=entry.cost_usd_micros)


def _digest(kind: str, tenant_id: str, question: Question, messages: Sequence[object], *more: object) -> str:
    parts = [
        KEY_VERSION,
        kind,
        tenant_id,
        question.model,
        question.endpoint,
        messages,
        question.max_tokens,
        question.temperature,
        question.tools,
        question.answer_schema,
        more,
    ]
    return sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()
