"""What the test server says, deterministically: texts, tool calls, values that fit a schema, vectors, token counts."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

TOKEN_BYTES = 4
MESSAGE_TOKENS = 3
DIMENSIONS = 64

Json = dict[str, Any]


def tokens(text: str) -> int:
    """Returns how many tokens a text has here: one for every four bytes begun."""
    return -(-len(text.encode()) // TOKEN_BYTES)


def input_tokens(body: Json) -> int:
    """Returns the tokens of a chat's question: its messages' texts, images (85 each), tools and schema."""
    count = 0
    for message in body["messages"]:
        content = message.get("content") or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        count += MESSAGE_TOKENS
        count += sum(tokens(part["text"]) if part["type"] == "text" else 85 for part in parts)
        count += sum(tokens(call["function"]["arguments"]) for call in message.get("tool_calls") or ())
    for extra in ("tools", "response_format"):
        if body.get(extra):
            count += tokens(msgspec.json.encode(body[extra]).decode())
    return count


def text(body: Json, scripted: str | None) -> str:
    """Returns the text of an answer: what was scripted, a value that fits the schema, or words about the question."""
    if scripted is not None:
        return scripted
    asked = body.get("response_format") or {}
    if asked.get("type") == "json_schema":
        return msgspec.json.encode(fitting(asked["json_schema"]["schema"])).decode()
    last = body["messages"][-1].get("content") or ""
    digest = sha256(msgspec.json.encode(last)).hexdigest()[:8]
    return f"This is the answer to question {digest}, in a few words that any model could have said."


def cut(answer: str, max_tokens: int | None) -> tuple[str, str]:
    """Returns the answer as far as the tokens reach, and how it ended: stop or length."""
    if max_tokens is None or tokens(answer) <= max_tokens:
        return answer, "stop"
    return answer.encode()[: max_tokens * TOKEN_BYTES].decode(errors="ignore"), "length"


def tool_calls(body: Json) -> list[Json]:
    """Returns a call of the first tool when there are tools and a person spoke last; else none."""
    if not body.get("tools") or body["messages"][-1]["role"] != "user":
        return []
    function = body["tools"][0]["function"]
    arguments = msgspec.json.encode(fitting(function.get("parameters") or {})).decode()
    return [{"id": "call_1", "type": "function", "function": {"name": function["name"], "arguments": arguments}}]


def fitting(schema: Mapping[str, Any]) -> Any:
    """Returns the simplest value that fits a JSON schema of objects, arrays, enums and plain values."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: fitting(each) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [fitting(schema.get("items", {"type": "string"}))] * schema.get("minItems", 1)
    return {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]


def vector(words: str) -> Sequence[float]:
    """Returns a vector that follows from the text."""
    raw = b"".join(sha256(f"{part}{words}".encode()).digest() for part in range(DIMENSIONS // 32))
    return [byte / 255 - 0.5 for byte in raw]


def split(answer: str, pieces: int) -> list[str]:
    """Returns the answer in so many pieces, or fewer."""
    size = max(1, -(-len(answer) // pieces))
    return [answer[begin : begin + size] for begin in range(0, len(answer), size)]
