"""GET /workflows, /agents/status, /definitions: what the read models know of the caller's tenant."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Meta, Struct

from domain.doors import Call
from domain.identity import PLATFORM, Permission, Principal
from domain.read_models import Definition, Life, Moment, Query, Run, Step, Tally, moment_of
from gateway.answers import Done, Refusal
from gateway.bodies import Share
from gateway.cursors import TEXT, behind
from gateway.door import Door
from gateway.problems import declared
from gateway.reads import NEWEST, Reads, log_topics

LIMIT_MAX = 200
"""Rows of a page."""
STEPS_MAX = 1000
"""Attempts at steps that the state of a run names."""
LOG_ORDER = ("recorded_ms", "topic", "offset")
PROBLEMS = {
    400: "A parameter is not what it should be.",
    401: "Nobody is known by these credentials.",
    403: "The caller may not do this.",
    503: "The read models or the log do not answer now, or are not as far as `after` says.",
}
Status = Literal["accepted", "requested", "started", "completed", "failed", "refused", "cancelled", "unknown"]
Text = Annotated[str, Meta(max_length=200, pattern=TEXT)]


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What every reading call may say."""

    after: str | None = None
    """A position that a writing call was answered with: what it wrote is in the answer, or there is none."""


class Paged(Asked, frozen=True):
    """What a list's call may say."""

    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] = 50
    cursor: str | None = None
    """`next` of the page before."""


class RunsAsked(Paged, frozen=True):
    """Which runs."""

    status: Status | None = None
    workflow: Text | None = None


class DefinitionsAsked(Paged, frozen=True):
    """Which definitions."""

    kind: Literal["workflow", "rules", "models"] | None = None


A = TypeVar("A", bound=Asked)
Reading = Callable[[Principal, A, Request], Awaitable[dict[str, Any]]]


def routes(door: Door, reads: Reads) -> APIRouter:
    """Returns the routes that read."""
    router = APIRouter(tags=["read models"])
    reading = _Readings(reads)

    async def answer(request: Request, kind: type[A], read: Reading[A]) -> Response:
        async def work(_: Call, principal: Principal, __: Share) -> Done:
            asked = _asked(request, kind)
            as_of = await reads.as_of(request)  # before the rows: they are at least so far
            found = await read(principal, asked, request)
            return Done({**found, "as_of": as_of}, status=200)

        return await door.call(request, Permission.READ_RUNS, work)

    @router.get("/workflows", summary="The runs, newest first", **_contract(RunsAsked))
    async def runs(request: Request) -> Response:
        """Returns the tenant's runs, by when Kafka took the first event of each."""
        return await answer(request, RunsAsked, reading.runs)

    @router.get("/workflows/{id}/status", summary="How far a run is", **_contract(Asked, 404))
    async def status(request: Request) -> Response:
        """Returns a run with the attempts at its steps."""
        return await answer(request, Asked, reading.status)

    @router.get("/workflows/{id}/logs", summary="What happened in a run", **_contract(Paged, 404))
    async def logs(request: Request) -> Response:
        """Returns the events of a run, in the order in which Kafka took them."""
        return await answer(request, Paged, reading.logs)

    @router.get("/agents/status", summary="What the agents are at", **_contract(Asked))
    async def agents(request: Request) -> Response:
        """Returns for each agent and use how many attempts at steps are in which state."""
        return await answer(request, Asked, reading.agents)

    @router.get("/definitions", summary="Workflows, rules and models", **_contract(DefinitionsAsked))
    async def definitions(request: Request) -> Response:
        """Returns the newest version of each definition that the tenant can use: its own, and the platform's."""
        return await answer(request, DefinitionsAsked, reading.definitions)

    return router


class _Readings:
    """What each route reads for a tenant."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def runs(self, principal: Principal, asked: RunsAsked, _: Request) -> dict[str, Any]:
        tenant_id = principal.tenant_id
        said = {"status": asked.status, "workflow": asked.workflow}
        where = {name: value for name, value in said.items() if value is not None}
        after = behind(asked.cursor, (int, str))
        query = Query(of=Run, where=where, order=NEWEST, newest_first=True, after=after, limit=asked.limit)
        page = await self._reads.page(tenant_id, query)
        tallies = await self._reads.tallies(tenant_id, [run.run_id for run in page.rows])
        return {"runs": [run_document(run, tallies[run.run_id]) for run in page.rows], "next": page.next}

    async def status(self, principal: Principal, _: Asked, request: Request) -> dict[str, Any]:
        tenant_id = principal.tenant_id
        run = await self._run(tenant_id, request)
        of_run = Query(of=Step, where={"run_id": run.run_id}, order=("recorded_ms", "step", "attempt"), limit=STEPS_MAX)
        steps = await self._reads.rows(tenant_id, of_run)
        tallies = await self._reads.tallies(tenant_id, [run.run_id])
        return {"run": run_document(run, tallies[run.run_id]), "steps": [_step(step) for step in steps]}

    async def logs(self, principal: Principal, asked: Paged, request: Request) -> dict[str, Any]:
        tenant_id = principal.tenant_id
        run = await self._run(tenant_id, request)
        after = behind(asked.cursor, (int, str, int))
        where = {"run_id": run.run_id, "topic": log_topics(principal)}
        query = Query(of=Moment, where=where, order=LOG_ORDER, after=after, limit=asked.limit)
        page = await self._reads.page(tenant_id, query)
        return {"run_id": run.run_id, "events": [_line(moment) for moment in page.rows], "next": page.next}

    async def agents(self, principal: Principal, _: Asked, __: Request) -> dict[str, Any]:
        tenant_id = principal.tenant_id
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for each in await self._reads.agents(tenant_id):
            empty: dict[str, Any] = {"agent": each.agent, "uses": each.uses, "steps": {}, "last_at": ""}
            agent = found.setdefault((each.agent, each.uses), empty)
            agent["steps"][each.status] = each.steps
            agent["last_at"] = max(agent["last_at"], said(each.recorded_ms * 1000))
        return {"agents": list(found.values())}

    async def definitions(self, principal: Principal, asked: DefinitionsAsked, _: Request) -> dict[str, Any]:
        tenant_id = principal.tenant_id
        where = {"kind": asked.kind} if asked.kind is not None else {}
        order, after = Definition.KEY, behind(asked.cursor, (str, str, str))
        page = await self._reads.page(
            tenant_id, Query(of=Definition, where=where, order=order, after=after, limit=asked.limit)
        )
        return {"definitions": [_definition(each) for each in page.rows], "next": page.next}

    async def _run(self, tenant_id: str, request: Request) -> Run:
        run = await self._reads.run(tenant_id, request.path_params["id"])
        if run is None:
            raise Refusal(404, "no such run")
        return run


def run_document(run: Run, tally: Tally) -> dict[str, Any]:
    """Returns what is told of a run."""
    return {
        "run_id": run.run_id,
        "workflow": run.workflow,
        "version": run.version,
        **_life(run),
        "source": run.source,
        "subject": run.subject,
        "correlation_id": run.correlation_id,
        "steps": tally.steps,
        "cost_usd_micros": tally.cost_usd_micros,
    }


def said(at: int | None) -> str:
    """Returns the moment as ISO 8601, nothing for none."""
    return moment_of(at).isoformat() if at is not None else ""


def _life(life: Life) -> dict[str, Any]:
    spans = {name: said(at) or None for name, at in (("began_at", life.began_at), ("ended_at", life.ended_at))}
    return {"status": life.status, "reason": life.reason, **spans}


def _step(step: Step) -> dict[str, Any]:
    return {"step": step.step, "attempt": step.attempt, "agent": step.agent, "uses": step.uses, **_life(step)}


def _line(moment: Moment) -> dict[str, Any]:
    document = msgspec.structs.asdict(moment)
    for name in ("tenant_id", "run_id", "occurred_at", "recorded_ms"):
        del document[name]
    return {"at": said(moment.occurred_at), "recorded_at": said(moment.recorded_ms * 1000), **document}


def _definition(each: Definition) -> dict[str, Any]:
    owner = "platform" if each.tenant_id == PLATFORM else "tenant"
    document = {name: getattr(each, name) for name in ("kind", "id", "version", "digest", "title")}
    return {**document, "owner": owner, "defined_at": said(each.occurred_at)}


def _asked(request: Request, kind: type[A]) -> A:
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"in the query: {error}") from error


def _contract(asked: type[Asked], *problems: int) -> dict[str, Any]:
    """Returns what OpenAPI says of a route."""
    text = {**PROBLEMS, 404: "The tenant has no such run."}
    properties = msgspec.json.schema(asked)["$defs"][asked.__name__]["properties"]
    parameters = [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
    parameters.append({"name": "Auterity-After", "in": "header", "schema": {"type": "string"}})
    if 404 in problems:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    ok = {"description": "What there is.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "response_class": Response,
        "responses": {200: ok, **declared({status: text[status] for status in sorted({*PROBLEMS, *problems})})},
        "openapi_extra": {"parameters": parameters},
    }
