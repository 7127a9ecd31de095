"""Lists, a page at a time: each page says where the next one begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from msgspec import Struct

from gateway.answers import Refusal

LIMIT, LIMIT_MAX = 50, 200
"""Items of a page when nobody says, and at most."""
PARAMETERS = [
    {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT},
    },
    {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string", "maxLength": 400}},
]
"""Of a list, as OpenAPI says it."""


class Page(Struct, frozen=True):
    """Some of the names, and the cursor of the next page; None when this is the last one."""

    names: Sequence[str]
    next: str | None


def page(request: Request, names: Sequence[str]) -> Page:
    """Returns the page of these sorted names that a call asks for; refuses a limit or a cursor that is none.

    What is made or removed meanwhile moves no other item to a page that was seen, or past one that was not.
    """
    limit = _limit(request.query_params.get("limit", str(LIMIT)))
    after = _after(request.query_params.get("cursor", ""))
    rest = [name for name in names if name > after]
    more = len(rest) > limit
    return Page(rest[:limit], urlsafe_b64encode(rest[limit - 1].encode()).decode() if more else None)


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise Refusal(400, f"a limit is a number from 1 to {LIMIT_MAX}")


def _after(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        raise Refusal(400, "no cursor of ours") from None


def listed(contract: dict[str, Any]) -> dict[str, Any]:
    """Returns the contract of a route that gives a list."""
    return {**contract, "openapi_extra": {"parameters": PARAMETERS}}
