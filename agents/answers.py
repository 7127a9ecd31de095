"""Answers that are given again: looked for before a hold is asked for, kept when a model has answered."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from agents.asking import Asker, Ready
from domain.asking import wanted
from domain.caches import Answers, CacheRules, asked, comparable, exact_key, scope
from domain.calls import Call
from domain.definitions import Definitions
from domain.given_again import GivenAnswer, kept, purpose, revealed, rules
from domain.ports import Answer, ModelProvider, Question
from domain.vectors import vectors
from schemas.events import AiCall

log = logging.getLogger(__name__)

WAIT_S = 5.0
"""For the cache, concealment included; after it a model is asked, or the answer is not kept."""


class Kept(Struct, frozen=True):
    """A call that a model has answered, as it is on the log by now."""

    requested: AiCall
    call: Call
    """Before its end."""
    ready: Ready
    said: Answer
    done: AiCall


class GivenAgain:
    """Finds and keeps answers; whatever goes wrong with that is logged, and a model is asked."""

    def __init__(
        self, answers: Answers | None, provider: ModelProvider, asker: Asker, definitions: Definitions
    ) -> None:
        self._answers = answers
        self._provider = provider
        self._asker = asker
        self._definitions = definitions

    async def found(self, requested: AiCall, call: Call, now: datetime) -> GivenAnswer | None:
        """Returns the answer that the call gets, None when a model has to be asked. Never raises."""
        try:
            by = rules(requested, call, self._definitions)
            if self._answers is None or by is None:
                return None
            async with asyncio.timeout(WAIT_S):
                return await self._found(self._answers, by, requested, call, now)
        except Exception as error:  # noqa: BLE001  a cache that fails costs money, never a call
            log.warning("no answer looked for", extra={"call_id": requested.call_id, "reason": type(error).__name__})
            return None

    async def keep(self, calls: Sequence[Kept]) -> None:
        """Keeps the answers that may be given again. Never raises."""
        for each in calls:
            try:
                by = rules(each.requested, each.call, self._definitions)
                if self._answers is not None and by is not None:
                    async with asyncio.timeout(WAIT_S):
                        await self._keep(self._answers, by, each)
            except Exception as error:  # noqa: BLE001  as above
                reason = type(error).__name__
                log.warning("answer not kept", extra={"call_id": each.requested.call_id, "reason": reason})

    async def _found(
        self, answers: Answers, by: CacheRules, requested: AiCall, call: Call, now: datetime
    ) -> GivenAnswer | None:
        assert call.choice is not None
        ready = await self._asker.ready(requested, call.choice.model)  # nothing is looked for unconcealed
        question, tenant_id = self._asker.question(requested, call, ready), requested.tenant_id
        hit = await answers.exact(tenant_id, exact_key(tenant_id, question), by, now) if by.exact else None
        if hit is None and by.semantic and comparable(question):
            within = scope(tenant_id, question, purpose(requested, self._definitions))
            vector = await self._vector(requested, question, now)
            hit = await answers.nearest(tenant_id, within, vector, by, now) if vector else None
        schema = wanted(requested, self._definitions).answer_schema
        if schema is None:
            return revealed(hit, ready.values)
        return await asyncio.to_thread(revealed, hit, ready.values, schema)

    async def _keep(self, answers: Answers, by: CacheRules, each: Kept) -> None:
        question = self._asker.question(each.requested, each.call, each.ready)
        entry = kept(each.done, question, each.said, purpose(each.requested, self._definitions))
        if entry is None:
            return
        if by.semantic and entry.scope:
            vector = await self._vector(each.requested, question, each.done.occurred_at)
            entry = msgspec.structs.replace(entry, vector=vector)
        await answers.put(entry)

    async def _vector(self, requested: AiCall, question: Question, now: datetime) -> Sequence[float]:
        """Returns the vector of what is asked, personal data concealed; none when nobody may make one."""
        whose = vectors(requested, self._definitions, now)
        if whose is None:
            return ()
        key = f"{requested.call_id}:vector"
        words = [asked(question)]
        made = await self._provider.embed(
            words, whose.model, idempotency_key=key, endpoint=whose.endpoint, timeout_s=WAIT_S
        )
        return made.vectors[0]
