"""What reading calls ask, in their query, and what the contract says of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Request, Response
from msgspec import Meta, Struct

from domain.read_models import micros
from gateway.answers import Refusal
from gateway.contracts import answer_schema
from gateway.cursors import TEXT
from gateway.problems import declared

LIMIT_MAX = 200
"""Rows of a page."""
PROBLEMS = {
    400: "A parameter is not what it should be.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this.",
    503: "The read models or the log do not answer now, or are not as far as `after` says.",
}
MISSING = {404: "There is no such thing in the caller's tenant.", 422: "What is asked for is more than a call does."}
PATHS: Mapping[str, dict[str, Any]] = {
    "partition": {"type": "integer", "minimum": 0},
    "offset": {"type": "integer", "minimum": 0},
}
"""Schemas of what stands in paths; anything else is a text."""
Text = Annotated[str, Meta(max_length=200, pattern=TEXT)]
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What every call may say that reads the read models."""

    after: str | None = None
    """A position that a writing call was answered with: what it wrote is in the answer, or there is none."""


class Paged(Asked, frozen=True):
    """What a list's call may say."""

    limit: Limit = 50
    cursor: str | None = None
    """`next` of the page before."""


A = TypeVar("A", bound=Struct)


def asked(request: Request, kind: type[A]) -> A:
    """Returns what the query says; raises Refusal."""
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"in the query: {error}") from error


def moment(name: str, said: datetime | None) -> int | None:
    """Returns the microseconds since 1970 of a moment that was asked for; raises Refusal for one without a zone."""
    if said is None:
        return None
    if said.tzinfo is None:
        raise Refusal(400, f"in the query: {name} has no zone")
    try:
        return micros(said.astimezone(UTC))
    except OverflowError:
        raise Refusal(400, f"in the query: {name} is none of the years 1 to 9999 in UTC") from None


def reading(
    kind: type[Struct] | None, answer: type[Struct], *problems: int, path: tuple[str, ...] = (), done: str = "Done."
) -> dict[str, Any]:
    """Returns what OpenAPI says of a route that reads: what it may be asked, and what it answers."""
    parameters: list[dict[str, Any]] = []
    if kind is not None:
        properties = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
        if issubclass(kind, Asked):
            parameters.append({"name": "Auterity-After", "in": "header", "schema": {"type": "string"}})
    for name in path:
        schema = PATHS.get(name, {"type": "string"})
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    texts = {**PROBLEMS, **MISSING}
    ok = {"description": done, "content": {"application/json": {"schema": answer_schema(answer)}}}
    statuses = sorted({*PROBLEMS, *problems, *((404,) if path else ())})
    return {
        "response_class": Response,
        "responses": {200: ok, **declared({status: texts[status] for status in statuses})},
        "openapi_extra": {"parameters": parameters},
    }


def builtins(answer: Struct) -> dict[str, Any]:
    """Returns the answer as a document."""
    found: dict[str, Any] = msgspec.to_builtins(answer)
    return found
