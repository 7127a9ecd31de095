"""POST /graphql: the read models as one graph, within limits of what is asked for at once."""

from typing import Annotated, Any

import msgspec
import strawberry
from fastapi import APIRouter, Request, Response
from graphql import GraphQLError
from msgspec import Meta, Struct
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from domain.doors import Call
from domain.identity import Permission, Principal
from gateway.answers import Done, Refusal
from gateway.bodies import BadBody, Share, UnknownMediaType, read
from gateway.door import Door
from gateway.graph import schema
from gateway.graph_rows import asking
from gateway.graphql_limits import checked
from gateway.problems import declared
from gateway.reads import Reads

BODY_BYTES_MAX = 64 * 1024
JSON = "application/json"
ERRORS_MAX = 20
"""Errors that one answer names."""
PROBLEMS = {
    400: "The body is no GraphQL request, or its document is none of this schema or asks for more than a limit.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this.",
    408: "The body did not come to its end.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    503: "The read models or the log do not answer now, or are not as far as `after` says.",
}


class Asked(Struct, frozen=True, rename="camel"):
    """A GraphQL request."""

    query: Annotated[str, Meta(max_length=BODY_BYTES_MAX)]
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def routes(door: Door, reads: Reads) -> APIRouter:
    """Returns the route."""
    router = APIRouter(tags=["read models"])
    graph = schema()
    body = msgspec.json.schema(Asked)["$defs"]["Asked"]

    @router.post(
        "/graphql",
        summary="Ask in GraphQL",
        response_class=Response,
        responses={
            200: {"description": "What there is.", "content": {JSON: {"schema": {"type": "object"}}}},
            **declared(PROBLEMS),
        },
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": body}}}},
    )
    async def ask(request: Request) -> Response:
        """Answers a query, also one about the schema; nothing is written this way."""

        async def work(_: Call, principal: Principal, share: Share) -> Done:
            asked = await _body(request, share)
            as_of = await reads.as_of(request)
            return await _answered(graph, asked, principal, reads, as_of)

        return await door.call(request, Permission.READ_RUNS, work)

    return router


async def _answered(
    graph: strawberry.Schema, asked: Asked, principal: Principal, reads: Reads, as_of: str | None
) -> Done:
    try:
        checked(asked.query, asked.variables or {}, asked.operation_name)
        result = await graph.execute(
            asked.query,
            variable_values=asked.variables,
            context_value=asking(principal, reads, as_of),
            operation_name=asked.operation_name,
            allowed_operation_types=[OperationType.QUERY],
        )
    except GraphQLError as error:
        raise _refused([error]) from error
    except CannotGetOperationTypeError as error:
        raise Refusal(400, "the document has no operation of this name") from error
    except InvalidOperationTypeError as error:
        raise Refusal(400, "the gateway answers queries only") from error
    errors = result.errors or []
    for each in errors:
        if (cause := each.original_error) is not None and not isinstance(cause, GraphQLError):
            raise cause  # the read models do not answer, or a mistake of ours: not a part of the answer
    if result.data is None and not any(each.path for each in errors):
        raise _refused(errors)
    document: dict[str, Any] = {"data": result.data}
    if errors:
        document["errors"] = [each.formatted for each in errors[:ERRORS_MAX]]
    return Done(document, status=200)


def _refused(errors: list[GraphQLError]) -> Refusal:
    first = errors[0].message if errors else "this is no query"
    return Refusal(400, first, errors=[error.formatted for error in errors[:ERRORS_MAX]])


async def _body(request: Request, share: Share) -> Asked:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnknownMediaType("the gateway reads GraphQL as application/json, not compressed")
    content = await read(request, share, BODY_BYTES_MAX)
    try:
        return msgspec.json.decode(content, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadBody(f"the body is no GraphQL request: {error}") from error
