"""Refusals as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Response

MEDIA_TYPE = "application/problem+json"


def declared(problems: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Returns what OpenAPI says of refusals, by status."""
    content = {MEDIA_TYPE: {"schema": {"type": "object"}}}
    return {status: {"description": text, "content": content} for status, text in problems.items()}


def contract(problems: Mapping[int, str], body: type[Any] | None, taken: int, *refused: int) -> dict[str, Any]:
    """Returns what OpenAPI says of a route: its body, the status that it answers with, and its refusals."""
    answer = {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}}
    said: dict[str, Any] = {
        "response_class": Response,
        "status_code": taken,
        "responses": {taken: answer, **declared({status: problems[status] for status in refused})},
    }
    if body is not None:
        schema = msgspec.json.schema(body)
        inline = schema["$defs"][body.__name__]
        said["openapi_extra"] = {"requestBody": {"required": True, "content": {"application/json": {"schema": inline}}}}
    return said


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Returns the answer that says what is wrong; `more` are members of the problem's own."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(said), status, headers, MEDIA_TYPE)
