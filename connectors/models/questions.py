"""A question in OpenAI's words, as LiteLLM takes it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.models.sdk import litellm
from domain.ports import ModelRefused, Question, Tool
from schemas.events import Message

IMAGES_MAX = 16
TOOLS_MAX = 64
FETCHES_ITSELF = ("openai", "anthropic")
"""Providers that are given an image's https address; for others LiteLLM would fetch it from here."""


def arguments(question: Question) -> dict[str, Any]:
    """Returns the call of a question, without model, place and key; raises ModelRefused for what cannot be asked."""
    provider = provider_of(question.model, question.endpoint)
    if sum(len(message.images) for message in question.messages) > IMAGES_MAX:
        raise ModelRefused(f"{question.model}: more than {IMAGES_MAX} images")
    if len(question.tools) > TOOLS_MAX:
        raise ModelRefused(f"{question.model}: more than {TOOLS_MAX} tools")
    said: dict[str, Any] = {
        "messages": [_message(question.model, provider, each) for each in question.messages],
        "max_tokens": question.max_tokens,
    }
    if question.temperature is not None:
        said["temperature"] = question.temperature
    if question.tools:
        said["tools"] = [_tool(question.model, each) for each in question.tools]
        said["_skip_mcp_handler"] = True  # else LiteLLM imports a package that it does not bring
    if question.answer_schema is not None:
        schema = _decoded(question.model, "answer_schema", question.answer_schema)
        said["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    if question.on_text is not None:
        said |= {"stream": True, "stream_options": {"include_usage": True}}
    return said


def place(model: str, endpoint: str | None, settings: str | None, keys: Mapping[str, str]) -> dict[str, Any]:
    """Returns the model by LiteLLM's name, where it is and with which key.

    A key is looked up by endpoint, model and provider. An endpoint that a question names gets a key that is set for it
    or none: what the environment holds is for the provider itself, and for the server in the settings.
    """
    provider = provider_of(model, endpoint)
    base = endpoint or settings
    found: dict[str, Any] = {"model": model if provider == model.partition("/")[0] else f"{provider}/{model}"}
    if base is not None:
        found["api_base"] = base
    if endpoint is not None and endpoint != settings:
        _check(model, endpoint)
        found["api_key"] = keys.get(endpoint) or "none"
    elif key := keys.get(base or "") or keys.get(model) or keys.get(provider):
        found["api_key"] = key
    return found


def provider_of(model: str, endpoint: str | None) -> str:
    """Returns LiteLLM's name of the provider; at an endpoint a name without one is `openai`."""
    first = model.partition("/")[0]
    return "openai" if endpoint is not None and first not in litellm().provider_list else first


def _check(model: str, endpoint: str) -> None:
    scheme, _, rest = endpoint.partition("://")
    if scheme not in ("http", "https") or not rest or "@" in rest.partition("/")[0]:
        raise ModelRefused(f"{model}: the endpoint is no http or https address without a password")


def _message(model: str, provider: str, message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        for image in message.images:
            _check_image(model, provider, image)
        parts = [{"type": "image_url", "image_url": {"url": image}} for image in message.images]
        said["content"] = [{"type": "text", "text": message.content}, *parts]
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in message.tool_calls
        ]
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    if message.name:
        said["name"] = message.name
    return said


def _check_image(model: str, provider: str, image: str) -> None:
    if image.startswith("data:image/"):
        return
    if not image.startswith("https://"):
        raise ModelRefused(f"{model}: an image that is neither a data:image/ URL nor an https one")
    if provider not in FETCHES_ITSELF:
        raise ModelRefused(f"{model}: its provider takes images as data:image/ URLs only")


def _tool(model: str, tool: Tool) -> dict[str, Any]:
    parameters = _decoded(model, f"tool {tool.name}", tool.parameters)
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def _decoded(model: str, what: str, schema: str) -> Any:
    try:
        return msgspec.json.decode(schema, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ModelRefused(f"{model}: {what} is no JSON schema of an object") from None


def texts_checked(model: str, texts: Sequence[str], most: int) -> None:
    """Raises ModelRefused when there are too many texts, or none."""
    if not 0 < len(texts) <= most:
        raise ModelRefused(f"{model}: {len(texts)} texts, not 1 to {most}")
