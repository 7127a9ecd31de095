"""What lies at the ends of the graph, and what is read for it: each kind of row at once for all runs of a call."""

from collections import defaultdict
from datetime import datetime
from typing import Any, NewType, TypeVar

import strawberry
from graphql import GraphQLError
from msgspec import Struct
from strawberry.dataloader import DataLoader

from domain import read_models as models
from domain.identity import PLATFORM, Permission, Principal
from domain.read_models import Life, Tally, moment_of
from domain.reading import Query
from gateway.answers import Refusal
from gateway.reads import Reads

Long = NewType("Long", int)
R = TypeVar("R", bound=models.Step | models.Decision | models.Call)
T = TypeVar("T")


ANSWERED_MAX = 3000
"""Rows of all lists of one answer together."""


class Asking(Struct):
    """Who asks, and what is read for this call: each kind of row at once for all runs that it names."""

    principal: Principal
    reads: Reads
    as_of: str | None
    tallies: DataLoader[str, Tally]
    steps: DataLoader[str, list[models.Step]]
    decisions: DataLoader[str, list[models.Decision]]
    calls: DataLoader[str, list[models.Call]]
    answered: int = 0

    def counted(self, rows: list[T]) -> list[T]:
        """Returns the rows of a list; raises Refusal when the answer's lists have too many together."""
        self.answered += len(rows)
        if self.answered > ANSWERED_MAX:
            raise Refusal(400, f"an answer of more than {ANSWERED_MAX} rows: ask for fewer at once")
        return rows


def asking(principal: Principal, reads: Reads, as_of: str | None) -> Asking:
    """Returns what the fields of one call are given."""
    tenant_id = principal.tenant_id

    def of_runs(kind: type[R]) -> DataLoader[str, list[R]]:
        async def load(run_ids: list[str]) -> list[list[R]]:
            order = ("run_id", "recorded_ms", *kind.KEY[2:])
            query = Query(of=kind, where={"run_id": run_ids}, order=order, limit=models.LIMIT_MAX)
            rows = await reads.rows(tenant_id, query)
            if len(rows) == models.LIMIT_MAX:
                raise GraphQLError(f"{kind.TABLE} of these runs are {models.LIMIT_MAX} or more: ask for fewer runs")
            by_run: dict[str, list[R]] = defaultdict(list)
            for row in rows:
                by_run[row.run_id].append(row)
            return [by_run[run_id] for run_id in run_ids]

        return DataLoader(load)

    async def tallies(run_ids: list[str]) -> list[Tally]:
        found = await reads.tallies(tenant_id, run_ids)
        return [found[run_id] for run_id in run_ids]

    return Asking(
        principal,
        reads,
        as_of,
        DataLoader(tallies),
        of_runs(models.Step),
        of_runs(models.Decision),
        of_runs(models.Call),
    )


Info = strawberry.Info[Asking, None]


@strawberry.type(description="A decision of compliance on a step; needs decisions:read.")
class Decision:
    id: str
    step: str
    attempt: int
    phase: str
    outcome: str
    rules: str
    rules_version: Long
    applied: list[str]
    at: datetime


@strawberry.type(description="A call of a model.")
class Call:
    id: str
    step: str
    status: str
    reason: str
    model: str
    provider: str
    attempts: Long
    input_tokens: Long
    output_tokens: Long
    cost_usd_micros: Long
    latency_ms: Long
    degraded: bool
    cached: str
    saved_usd_micros: Long
    began_at: datetime | None
    ended_at: datetime | None


@strawberry.type(description="A line of a run's log: one event, and its place.")
class Moment:
    id: str
    causation_id: str
    topic: str
    partition: Long
    offset: Long
    at: datetime
    recorded_at: datetime
    step: str
    attempt: Long
    what: str
    status: str
    reason: str


@strawberry.type
class StepCount:
    status: str
    count: Long


@strawberry.type(description="How many attempts at steps of an agent are in which state.")
class Agent:
    agent: str
    uses: str
    status: str
    steps: Long


@strawberry.type(description="The newest version of a workflow, rules or models.")
class Definition:
    kind: str
    id: str
    version: Long
    digest: str
    title: str
    owner: str


async def decisions_of(info: Info, run_id: str) -> list[Decision]:
    """Returns the decisions of a run; raises GraphQLError for a caller who may not read them."""
    if Permission.READ_DECISIONS not in info.context.principal.permissions:
        raise GraphQLError(f"lacks {Permission.READ_DECISIONS}")
    names = ("step", "attempt", "phase", "outcome", "rules", "rules_version", "applied")
    return [
        Decision(id=each.event_id, at=moment_of(each.occurred_at), **{name: getattr(each, name) for name in names})
        for each in info.context.counted(await info.context.decisions.load(run_id))
    ]


async def calls_of(info: Info, run_id: str) -> list[Call]:
    """Returns the calls of models in a run."""
    names = ("step", "model", "provider", "attempts", "input_tokens", "output_tokens", "cost_usd_micros")
    return [
        Call(
            id=each.call_id,
            latency_ms=Long(each.latency_ms),
            degraded=each.degraded,
            cached=each.cached,
            saved_usd_micros=Long(each.saved_usd_micros),
            **life_of(each),
            **{name: getattr(each, name) for name in names},
        )
        for each in info.context.counted(await info.context.calls.load(run_id))
    ]


def life_of(life: Life) -> dict[str, Any]:
    """Returns what a run, a step and a call have in common."""
    spans = {"began_at": life.began_at, "ended_at": life.ended_at}
    moments = {name: None if at is None else moment_of(at) for name, at in spans.items()}
    return {"status": life.status, "reason": life.reason, **moments}


def moment_row(moment: models.Moment) -> Moment:
    """Returns the line of this row."""
    names = ("causation_id", "topic", "partition", "offset", "step", "attempt", "what", "status", "reason")
    return Moment(
        id=moment.event_id,
        at=moment_of(moment.occurred_at),
        recorded_at=moment_of(moment.recorded_ms * 1000),
        **{name: getattr(moment, name) for name in names},
    )


def definition_row(each: models.Definition) -> Definition:
    """Returns the definition of this row."""
    owner = "platform" if each.tenant_id == PLATFORM else "tenant"
    names = ("kind", "id", "version", "digest", "title")
    return Definition(owner=owner, **{name: getattr(each, name) for name in names})
