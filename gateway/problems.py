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


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Returns the answer that says what is wrong; `more` are members of the problem's own."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(said), status, headers, MEDIA_TYPE)
