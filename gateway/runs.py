"""GET /workflows, /agents/status, /definitions: what the read models know of the caller's tenant."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Request, Response
from msgspec import Meta, field
from msgspec.structs import replace

from domain.doors import Call
from domain.identity import Permission, Principal
from domain.read_models import Definition, Moment, Run, Step, moment_of
from domain.reading import Narrowed, Query
from gateway.answers import Done, Refusal
from gateway.bodies import Share
from gateway.cursors import behind
from gateway.door import Door
from gateway.log_reading import LogReading
from gateway.questions import Asked, Paged, Text, asked, builtins, moment, reading
from gateway.reads import NEWEST, Reads, log_topics
from gateway.run_documents import (
    AgentDocument,
    AgentList,
    DefinitionList,
    RunDetail,
    RunList,
    RunLog,
    RunStatus,
    definition_document,
    line_document,
    run_document,
    step_document,
)
from gateway.run_story import RunStory

STEPS_MAX = 1000
"""Attempts at steps that the state of a run names."""
LOG_ORDER = ("recorded_ms", "topic", "offset")
Status = Literal["accepted", "requested", "started", "completed", "failed", "refused", "cancelled", "unknown"]
Outcome = Literal["allowed", "remediated", "escalated", "refused", "unknown"]


class RunsAsked(Paged, frozen=True):
    """Which runs."""

    status: Status | None = None
    workflow: Text | None = None
    begin: datetime | None = field(default=None, name="from")
    """Those whose first event Kafka took then or later."""
    end: datetime | None = field(default=None, name="to")
    """And before."""
    cost_min: Annotated[int, Meta(ge=0, le=10**15)] = 0
    """Those whose calls have cost so many micro-dollars, or more."""
    outcome: Outcome | None = None
    """Those with such a decision; needs decisions:read."""
    text: Text = ""
    """Those in whose id, subject, source, correlation id or workflow this stands."""


class DefinitionsAsked(Paged, frozen=True):
    """Which definitions."""

    kind: Literal["workflow", "rules", "models"] | None = None


A = TypeVar("A", bound=Asked)
D = TypeVar("D", RunList, RunStatus, RunLog, RunDetail, AgentList, DefinitionList)
Reading = Callable[[Principal, A, Request], Awaitable[D]]


def routes(door: Door, reads: Reads, log: LogReading) -> APIRouter:
    """Returns the routes that read."""
    router = APIRouter(tags=["read models"])
    rows = _Readings(reads)
    story = RunStory(reads, log)

    async def answer(request: Request, kind: type[A], read: Reading[A, D]) -> Response:
        async def work(_: Call, principal: Principal, __: Share) -> Done:
            said = asked(request, kind)
            as_of = await reads.as_of(request)  # before the rows: they are at least so far
            found = await read(principal, said, request)
            return Done(builtins(replace(found, as_of=as_of)), status=200)

        return await door.call(request, Permission.READ_RUNS, work)

    @router.get("/workflows", summary="The runs, newest first", **reading(RunsAsked, RunList))
    async def runs(request: Request) -> Response:
        """Returns the tenant's runs, by when Kafka took the first event of each."""
        return await answer(request, RunsAsked, rows.runs)

    @router.get("/workflows/{id}", summary="A run in one answer", **reading(Asked, RunDetail, path=("id",)))
    async def detail(request: Request) -> Response:
        """Returns a run with its events, steps, decisions, calls of models and entries of the accounts.

        Decisions need decisions:read, entries money:read; without it there are none.
        """

        async def read(principal: Principal, _: Asked, request: Request) -> RunDetail:
            run = await rows.run(principal.tenant_id, request)
            return await story.of(principal, run)

        return await answer(request, Asked, read)

    @router.get("/workflows/{id}/status", summary="How far a run is", **reading(Asked, RunStatus, path=("id",)))
    async def status(request: Request) -> Response:
        """Returns a run with the attempts at its steps."""
        return await answer(request, Asked, rows.status)

    @router.get("/workflows/{id}/logs", summary="What happened in a run", **reading(Paged, RunLog, path=("id",)))
    async def logs(request: Request) -> Response:
        """Returns the events of a run, in the order in which Kafka took them."""
        return await answer(request, Paged, rows.logs)

    @router.get("/agents/status", summary="What the agents are at", **reading(Asked, AgentList))
    async def agents(request: Request) -> Response:
        """Returns for each agent and use how many attempts at steps are in which state."""
        return await answer(request, Asked, rows.agents)

    @router.get("/definitions", summary="Workflows, rules and models", **reading(DefinitionsAsked, DefinitionList))
    async def definitions(request: Request) -> Response:
        """Returns the newest version of each definition that the tenant can use: its own, and the platform's."""
        return await answer(request, DefinitionsAsked, rows.definitions)

    return router


class _Readings:
    """What each route reads for a tenant."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def runs(self, principal: Principal, asked: RunsAsked, _: Request) -> RunList:
        tenant_id = principal.tenant_id
        if asked.outcome is not None and Permission.READ_DECISIONS not in principal.permissions:
            raise Refusal(403, f"outcome: lacks {Permission.READ_DECISIONS}")
        said = {"status": asked.status, "workflow": asked.workflow}
        query = Query(
            of=Run,
            where={name: value for name, value in said.items() if value is not None},
            least=_ms("from", asked.begin),
            below=_ms("to", asked.end),
            narrowed=Narrowed(outcome=asked.outcome, cost_usd_micros_min=asked.cost_min, text=asked.text),
            order=NEWEST,
            newest_first=True,
            after=behind(asked.cursor, (int, str)),
            limit=asked.limit,
        )
        page = await self._reads.page(tenant_id, query)
        tallies = await self._reads.tallies(tenant_id, [run.run_id for run in page.rows])
        return RunList([run_document(run, tallies[run.run_id]) for run in page.rows], page.next, None)

    async def status(self, principal: Principal, _: Asked, request: Request) -> RunStatus:
        tenant_id = principal.tenant_id
        run = await self.run(tenant_id, request)
        of_run = Query(of=Step, where={"run_id": run.run_id}, order=("recorded_ms", "step", "attempt"), limit=STEPS_MAX)
        steps = await self._reads.rows(tenant_id, of_run)
        tallies = await self._reads.tallies(tenant_id, [run.run_id])
        return RunStatus(run_document(run, tallies[run.run_id]), [step_document(step) for step in steps], None)

    async def logs(self, principal: Principal, asked: Paged, request: Request) -> RunLog:
        tenant_id = principal.tenant_id
        run = await self.run(tenant_id, request)
        after = behind(asked.cursor, (int, str, int))
        where = {"run_id": run.run_id, "topic": log_topics(principal)}
        query = Query(of=Moment, where=where, order=LOG_ORDER, after=after, limit=asked.limit)
        page = await self._reads.page(tenant_id, query)
        return RunLog(run.run_id, [line_document(each) for each in page.rows], page.next, None)

    async def agents(self, principal: Principal, _: Asked, __: Request) -> AgentList:
        tenant_id = principal.tenant_id
        found: dict[tuple[str, str], AgentDocument] = {}
        for each in await self._reads.agents(tenant_id):
            at = moment_of(each.recorded_ms * 1000)
            known = found.get((each.agent, each.uses))
            steps = {**(known.steps if known is not None else {}), each.status: each.steps}
            last_at = max(known.last_at, at) if known is not None else at
            found[each.agent, each.uses] = AgentDocument(agent=each.agent, uses=each.uses, steps=steps, last_at=last_at)
        return AgentList(list(found.values()), None)

    async def definitions(self, principal: Principal, asked: DefinitionsAsked, _: Request) -> DefinitionList:
        where = {"kind": asked.kind} if asked.kind is not None else {}
        order, after = Definition.KEY, behind(asked.cursor, (str, str, str))
        query = Query(of=Definition, where=where, order=order, after=after, limit=asked.limit)
        page = await self._reads.page(principal.tenant_id, query)
        return DefinitionList([definition_document(each) for each in page.rows], page.next, None)

    async def run(self, tenant_id: str, request: Request) -> Run:
        run = await self._reads.run(tenant_id, request.path_params["id"])
        if run is None:
            raise Refusal(404, "no such run")
        return run


def _ms(name: str, said: datetime | None) -> dict[str, int]:
    micros = moment(name, said)
    return {} if micros is None else {"recorded_ms": -(-micros // 1000)}
