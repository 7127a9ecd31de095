"""The read models as one graph: runs with their steps, decisions and calls."""

from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from domain import read_models as models
from domain.reading import Query
from gateway.cursors import BadCursor, behind
from gateway.graph_live import TOLD, Subscription
from gateway.graph_rows import (
    Agent,
    Call,
    Decision,
    Definition,
    Info,
    Long,
    Moment,
    StepCount,
    calls_of,
    decisions_of,
    definition_row,
    life_of,
    moment_row,
)
from gateway.reads import NEWEST, log_topics

ROWS_MAX = 50
"""Of a page."""
LOG_MAX = 200


@strawberry.type(description="An attempt at a step of a run.")
class Step:
    run: "Run"
    step: str
    attempt: Long
    agent: str
    uses: str
    status: str
    reason: str
    began_at: datetime | None
    ended_at: datetime | None

    @strawberry.field
    async def decisions(self, info: Info) -> list[Decision] | None:
        return [each for each in await decisions_of(info, self.run.id) if (each.step, each.attempt) == self._key()]

    @strawberry.field
    async def calls(self, info: Info) -> list[Call]:
        return [each for each in await calls_of(info, self.run.id) if each.step == self.step]

    def _key(self) -> tuple[str, int]:
        return self.step, self.attempt


@strawberry.type(description="A run of a workflow.")
class Run:
    id: str
    workflow: str
    version: Long
    status: str
    reason: str
    source: str
    subject: str
    correlation_id: str
    began_at: datetime | None
    ended_at: datetime | None

    @strawberry.field
    async def cost_usd_micros(self, info: Info) -> Long:
        return Long((await info.context.tallies.load(self.id)).cost_usd_micros)

    @strawberry.field
    async def step_counts(self, info: Info) -> list[StepCount]:
        found = (await info.context.tallies.load(self.id)).steps
        return [StepCount(status=status, count=Long(count)) for status, count in sorted(found.items())]

    @strawberry.field
    async def steps(self, info: Info) -> list[Step]:
        return [_step(self, each) for each in info.context.counted(await info.context.steps.load(self.id))]

    @strawberry.field
    async def decisions(self, info: Info) -> list[Decision] | None:
        return await decisions_of(info, self.id)

    @strawberry.field
    async def calls(self, info: Info) -> list[Call]:
        return await calls_of(info, self.id)

    @strawberry.field
    async def log(self, info: Info, limit: int = 50) -> list[Moment]:
        """The first events of the run, as Kafka took them."""
        query = Query(
            of=models.Moment,
            where={"run_id": self.id, "topic": log_topics(info.context.principal)},
            order=("recorded_ms", "topic", "offset"),
            limit=_limit(limit, LOG_MAX),
        )
        rows = await info.context.reads.rows(info.context.principal.tenant_id, query)
        return [moment_row(each) for each in info.context.counted(rows)]


@strawberry.type
class RunPage:
    rows: list[Run]
    next: str | None


@strawberry.type
class DefinitionPage:
    rows: list[Definition]
    next: str | None


@strawberry.type
class Root:
    @strawberry.field
    def as_of(self, info: Info) -> str | None:
        """When Kafka took the newest record that is in."""
        return info.context.as_of

    @strawberry.field
    async def run(self, info: Info, id: str) -> Run | None:  # noqa: A002  GraphQL's name of it
        found = await info.context.reads.run(info.context.principal.tenant_id, id)
        return None if found is None else _run(found)

    @strawberry.field
    async def runs(
        self,
        info: Info,
        status: str | None = None,
        workflow: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> RunPage:
        """The runs, newest first."""
        where = {name: _text(each) for name, each in (("status", status), ("workflow", workflow)) if each is not None}
        after = _behind(cursor, (int, str))
        query = Query(
            of=models.Run, where=where, order=NEWEST, newest_first=True, after=after, limit=_limit(limit, ROWS_MAX)
        )
        page = await info.context.reads.page(info.context.principal.tenant_id, query)
        return RunPage(rows=[_run(each) for each in info.context.counted(page.rows)], next=page.next)

    @strawberry.field
    async def agents(self, info: Info) -> list[Agent]:
        found = await info.context.reads.agents(info.context.principal.tenant_id)
        return [Agent(agent=each.agent, uses=each.uses, status=each.status, steps=Long(each.steps)) for each in found]

    @strawberry.field
    async def definitions(
        self, info: Info, kind: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> DefinitionPage:
        """The tenant's own, and the platform's."""
        where = {} if kind is None else {"kind": _text(kind)}
        after = _behind(cursor, (str, str, str))
        query = Query(
            of=models.Definition,
            where=where,
            order=models.Definition.KEY,
            after=after,
            limit=_limit(limit, ROWS_MAX),
        )
        page = await info.context.reads.page(info.context.principal.tenant_id, query)
        return DefinitionPage(rows=[definition_row(each) for each in info.context.counted(page.rows)], next=page.next)


def schema() -> strawberry.Schema:
    """Returns the graph: queries of the read models, a subscription to what happens, and nothing that writes."""
    long = strawberry.scalar(name="Long", description="A whole number of up to 64 bits.", serialize=int)
    config = StrawberryConfig(scalar_map={Long: long}, disable_field_suggestions=True)
    return _Schema(Root, subscription=Subscription, types=TOLD, config=config)


class _Schema(strawberry.Schema):
    """Leaves it to who asked to say what went wrong."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """See Strawberry, which logs whatever a caller got wrong."""


def _run(run: models.Run) -> Run:
    names = ("workflow", "version", "source", "subject", "correlation_id")
    return Run(id=run.run_id, **life_of(run), **{name: getattr(run, name) for name in names})


def _step(run: Run, step: models.Step) -> Step:
    names = ("step", "attempt", "agent", "uses")
    return Step(run=run, **life_of(step), **{name: getattr(step, name) for name in names})


def _limit(limit: int, most: int) -> int:
    if not 1 <= limit <= most:
        raise GraphQLError(f"limit {limit} is not 1 to {most}")
    return limit


def _text(said: str) -> str:
    if len(said) > 200 or "\x00" in said:
        raise GraphQLError("a text of more than 200 characters, or with a zero byte")
    return said


def _behind(cursor: str | None, kinds: tuple[type, ...]) -> tuple[str | int, ...]:
    try:
        return behind(cursor, kinds)
    except BadCursor as error:
        raise GraphQLError(str(error)) from error
