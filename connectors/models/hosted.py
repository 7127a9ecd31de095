"""Hosted models through LiteLLM, and the local one: the only way to a model."""

import importlib
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from connectors.models.local import extract
from domain.definitions import LOCAL
from domain.ports import Answer
from schemas.errors import Rejected, Unavailable
from schemas.events import Message

DEADLINE_S = 60.0
REFUSALS = {400, 401, 403, 404, 405, 413, 422}
"""Statuses that the same call would get again."""


class ModelUnavailable(Unavailable):
    """The model did not answer, or too late."""


class ModelRefused(Rejected):
    """The model's provider refuses the call as it is: wrong key, wrong name, wrong content."""


class Models:
    """Asks the local model here, and every other one by its LiteLLM name, such as `openai/gpt-4o-mini`.

    `api_base` points LiteLLM at an OpenAI-compatible server. LiteLLM is loaded at the first hosted call: it takes
    seconds and 190 MB.
    """

    def __init__(self, api_base: str | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._api_base = api_base
        self._deadline_s = deadline_s

    async def complete(self, model: str, messages: Sequence[Message], max_tokens: int, call_id: str) -> Answer:
        """See domain.ports.ModelProvider."""
        if model == LOCAL:
            return extract(messages, max_tokens)
        return await self._hosted(model, messages, max_tokens, call_id)

    async def _hosted(self, model: str, messages: Sequence[Message], max_tokens: int, call_id: str) -> Answer:
        litellm = _litellm()
        said = [{"role": message.role, "content": message.content} for message in messages]
        options: dict[str, Any] = {"api_base": self._api_base} if self._api_base else {}
        try:
            answer = await litellm.acompletion(
                model=model,
                messages=said,
                max_tokens=max_tokens,
                timeout=self._deadline_s,
                num_retries=0,
                extra_headers={"Idempotency-Key": call_id},
                **options,
            )
        except _openai().OpenAIError as error:  # the root of all that LiteLLM raises
            if _code(error) in REFUSALS:
                raise ModelRefused(f"{model}: {_line(error)}") from error
            if missing := litellm.validate_environment(model=model)["missing_keys"]:
                raise ModelRefused(f"{model}: {', '.join(missing)} is not set") from error
            raise ModelUnavailable(f"{model}: {_line(error)}") from error
        try:
            return Answer(
                text=answer.choices[0].message.content or "",
                input_tokens=int(answer.usage.prompt_tokens),
                output_tokens=int(answer.usage.completion_tokens),
            )
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"{model}: an answer that is none: {type(error).__name__}") from error


def prices(model: str) -> tuple[int, int]:
    """Returns LiteLLM's price of the model: micro-dollars for a million input and output tokens, zeros when unknown."""
    known = _litellm().model_cost.get(model) or _litellm().model_cost.get(model.partition("/")[2]) or {}
    million = 1_000_000 * 1_000_000
    return round(known.get("input_cost_per_token", 0) * million), round(known.get("output_cost_per_token", 0) * million)


@cache
def _litellm() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import asks the network for prices
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm


@cache
def _openai() -> Any:
    return importlib.import_module("openai")


def _code(error: Exception) -> int | None:
    """Returns the HTTP status behind LiteLLM's error, None when there is none."""
    code = getattr(error, "status_code", None)
    return int(code) if code is not None else None


def _line(error: Exception) -> str:
    """Returns the first line of the error; a provider may repeat the key that it was given."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    for name, value in os.environ.items():
        if name.endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value) >= 8:
            text = text.replace(value, f"[{name}]")
    return text[:300]
