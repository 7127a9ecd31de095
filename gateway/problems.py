"""Refusals as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Response

MEDIA_TYPE = "application/problem+json"
HEADERS = {401: {"WWW-Authenticate": "Bearer"}}
"""Of a refusal, by its status."""
AT_THE_DOOR = {
    429: "A limit is met; Retry-After says when there is more.",
    500: "An error of the gateway's own.",
    503: "The log does not take it now.",
}
LATER = (429, 503)
"""What may be taken when it is sent again later."""


def declared(problems: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Returns what OpenAPI says of refusals, by status: of these, and of those that every call may meet at the door."""
    content = {MEDIA_TYPE: {"schema": {"type": "object"}}}
    return {
        status: {"description": text, "content": content}
        for status, text in sorted({**AT_THE_DOOR, **problems}.items())
    }


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """Returns the answer that says what is wrong; `more` are members of the problem's own."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(said), status, headers, MEDIA_TYPE)


def refused(status: int, detail: str, retry_after_s: int, **more: Any) -> Response:
    """Returns the problem of a refused call, with the headers that belong to its status."""
    headers = dict(HEADERS.get(status, {}))
    if status in LATER:
        headers["Retry-After"] = str(retry_after_s)
    return problem(status, detail, headers, **more)
