"""What routes say of themselves in the contract, and how their small bodies are read."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response
from msgspec import Struct

from gateway.bodies import BadBody, Share, read
from gateway.problems import AT_THE_DOOR, declared

BODY_BYTES_MAX = 8 * 1024
PROBLEMS = {
    400: "The body, or the query, is not what it should be.",
    401: "Nobody is known by these credentials.",
    403: "The caller, or its tenant, may not do this.",
    404: "There is no such thing in the caller's tenant.",
    408: "The body did not come to its end.",
    409: "It is not as it would have to be for this, or was changed at the same moment.",
    413: "The body is too large.",
    422: "What is said cannot be taken.",
}
TRIES = {429: "Too many attempts have failed, or a limit is met; Retry-After says when the next call is looked at."}
T = TypeVar("T", bound=Struct)


async def body(request: Request, share: Share, kind: type[T]) -> T:
    """Returns what the body says; what is wrong with it is not told, as it may be a secret in the wrong place."""
    content = await read(request, share, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadBody("the body is not what the contract says") from None


def contract(
    kind: type[Struct] | None,
    *problems: int,
    status: int = 200,
    required: bool = True,
    done: str = "Done.",
    media_type: str = "application/json",
    texts: Mapping[int, str] = PROBLEMS,
    answer: type[Struct] | None = None,
    also: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """Returns what OpenAPI says of a route that takes this body, and answers with this status and document, or one of
    these problems besides those that every call may meet; `texts` says them. `also` are answers without a document."""
    said: dict[str, Any] = {
        "response_class": Response,
        "status_code": status,
        "responses": {
            status: {"description": done, "content": {media_type: {"schema": answer_schema(answer)}}},
            **{each: {"description": text} for each, text in (also or {}).items()},
            **declared({**TRIES, **{each: texts[each] for each in texts if each in problems or each in AT_THE_DOOR}}),
        },
    }
    if kind is not None:
        schema = msgspec.json.schema(kind)
        content = {"application/json": {"schema": _inlined(schema, schema["$defs"])}}
        said["openapi_extra"] = {"requestBody": {"required": required, "content": content}}
    return said


def answer_schema(answer: type[Struct] | None) -> dict[str, Any]:
    """Returns the schema of a document, which says the id of its call besides; of any object when nothing is known."""
    if answer is None:
        return {"type": "object"}
    whole = msgspec.json.schema(answer)
    found: dict[str, Any] = _inlined(whole["$defs"][answer.__name__], whole["$defs"])
    said = {"correlation_id": {"type": "string", "description": "The id of the call's own event."}}
    required = [*found.get("required", []), "correlation_id"]
    return {**found, "properties": {**found["properties"], **said}, "required": required}


def _inlined(schema: Any, named: dict[str, Any]) -> Any:
    """Returns a schema with what it refers to in its place: the contract has no other place for it."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(named[schema["$ref"].rpartition("/")[2]], named)
        return {name: _inlined(each, named) for name, each in schema.items() if name != "$defs"}
    if isinstance(schema, list):
        return [_inlined(each, named) for each in schema]
    return schema
