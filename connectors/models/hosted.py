"""Hosted models through LiteLLM, and the local ones: the only way to a model."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from connectors.models.answers import embedding, streamed, whole
from connectors.models.failures import failure
from connectors.models.local import extract
from connectors.models.local_hash import LOCAL_HASH, embedded
from connectors.models.questions import arguments, place, texts_checked
from connectors.models.sdk import TIMEOUT_MAX_S, litellm, raised, timeout, unrecorded
from domain.fitting import BadSchema, checked
from domain.models import LOCAL
from domain.ports import Answer, Embedding, ModelRefused, ModelUnavailable, Question

TEXTS_MAX = 256
"""Texts that get vectors in one call."""
_Got = TypeVar("_Got", Answer, Embedding)


class Models:
    """Asks the local model here, and every other one by its LiteLLM name, such as `openai/gpt-4o-mini`.

    `api_base` points LiteLLM at an OpenAI-compatible server. `keys` are by endpoint, model or provider, such as
    `openai`; without one LiteLLM takes the environment's. LiteLLM is loaded at the first hosted call, in a thread.
    Clients and their connections are LiteLLM's own, one for each server and key, and used again.
    """

    def __init__(self, api_base: str | None = None, keys: Mapping[str, str] | None = None) -> None:
        self._api_base = api_base
        self._keys = keys or {}
        self._loading = asyncio.Lock()
        self._loaded = False

    async def ready(self, model: str) -> None:
        """See domain.ports.ModelProvider."""
        if model != LOCAL:
            await self._load()

    async def ask(self, question: Question) -> Answer:
        """See domain.ports.ModelProvider."""
        if question.model == LOCAL:
            return _local(question)
        await self._load()
        _check(question)
        said = arguments(question) | place(question.model, question.endpoint, self._api_base, self._keys)
        call = litellm().acompletion(**said, **_options(question.idempotency_key))
        with unrecorded():
            return await _within(question.model, question.timeout_s, _asked(question, call))

    async def embed(
        self,
        texts: Sequence[str],
        model: str,
        *,
        idempotency_key: str = "",
        endpoint: str | None = None,
        timeout_s: float = 10.0,
    ) -> Embedding:
        """See domain.ports.ModelProvider; `local-hash` is the one that needs no key."""
        texts_checked(model, texts, TEXTS_MAX)
        if model == LOCAL_HASH:
            return embedded(list(texts))
        await self._load()
        where = place(model, endpoint, self._api_base, self._keys)
        call = litellm().aembedding(input=list(texts), **where, **_options(idempotency_key))
        with unrecorded():
            return await _within(model, timeout_s, _embedded(model, list(texts), call))

    async def _load(self) -> None:
        """Loads LiteLLM without stopping the loop; what waits for it does so outside its own time."""
        if self._loaded:
            return
        async with self._loading:
            if not self._loaded:
                await asyncio.to_thread(litellm)
                self._loaded = True


def prices(model: str) -> tuple[int, int]:
    """Returns LiteLLM's price of the model: micro-dollars for a million input and output tokens, zeros when unknown."""
    known = litellm().model_cost.get(model) or litellm().model_cost.get(model.partition("/")[2]) or {}
    million = 1_000_000 * 1_000_000
    return round(known.get("input_cost_per_token", 0) * million), round(known.get("output_cost_per_token", 0) * million)


async def _asked(question: Question, call: Any) -> Answer:
    try:
        answer = await call
    except raised() as error:
        raise failure(question.model, error) from None  # its text may hold the question
    if question.on_text is None and not question.tools and question.answer_schema is None:
        return whole(question, answer)
    if question.on_text is None:  # looking at an answer by a schema may take long: nobody else waits for it
        return await asyncio.to_thread(whole, question, answer)
    return await streamed(question, answer)


async def _embedded(model: str, texts: list[str], call: Any) -> Embedding:
    try:
        answer = await call
    except raised() as error:
        raise failure(model, error) from None
    return embedding(model, texts, answer)


async def _within(model: str, timeout_s: float, work: Awaitable[_Got]) -> _Got:
    try:
        async with asyncio.timeout(min(timeout_s, TIMEOUT_MAX_S)) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise ModelUnavailable(f"{model}: timed out after {timeout_s:g} s", billed=True) from error


def _options(idempotency_key: str) -> dict[str, Any]:
    options: dict[str, Any] = {"timeout": timeout(), "num_retries": 0, "max_retries": 0}
    if idempotency_key:
        options["extra_headers"] = {"Idempotency-Key": idempotency_key}
    return options


def _check(question: Question) -> None:
    try:
        for each in (question.answer_schema, *(tool.parameters for tool in question.tools)):
            if each is not None:
                checked(each)
    except BadSchema as error:
        raise ModelRefused(f"{question.model}: {error}") from error


def _local(question: Question) -> Answer:
    """The local model says sentences of the question: neither JSON nor calls of tools."""
    if question.answer_schema is not None:
        raise ModelRefused(f"{LOCAL}: it gives sentences of the question, no JSON by a schema")
    answer = extract(question.messages, question.max_tokens)
    if question.on_text is not None and answer.text:
        question.on_text(answer.text)
    return answer
