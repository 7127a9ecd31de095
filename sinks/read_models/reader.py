"""Reads the read models for one tenant at a time, on threads of its own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, func, or_, select, tuple_
from sqlalchemy.exc import ProgrammingError

from domain.identity import PLATFORM
from domain.ledger_sums import Sum
from domain.pulse import Figures
from domain.read_models import LIMIT_MAX, SHARED, Applied, Call, Decision, Entry, Row, Step, Tally, moment_of
from domain.reading import AgentCount, Query
from sinks.read_models.figures import figures
from sinks.read_models.store import READERS, StoreUnavailable, answering
from sinks.read_models.tables import APPLIED, table

DAY = 86_400_000_000
"""In microseconds."""
COLUMNS = {name: name for name in ("model", "workflow", "principal", "team")} | {"tenant": "tenant_id"}
"""What domain.ledger.BY is in these tables, but for days."""
TEXTS = ("run_id", "subject", "source", "correlation_id", "workflow")
"""Of a run, where a text is looked for."""
R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Reader:
    """A domain.read_models.ReadModels over a connection that cannot write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="read-models")

    async def rows(self, tenant_id: str, query: Query[R]) -> list[R]:
        """See ReadModels."""
        asked = table(query.of)
        columns = [asked.c[name] for name in query.order]
        statement = _own(asked, tenant_id, shared=query.of in SHARED)
        for name, value in query.where.items():
            column = asked.c[name]
            statement = statement.where(column == value if isinstance(value, str) else column.in_(list(value)))
        statement = _within(statement, asked, query)
        if query.after:
            behind = tuple_(*columns), tuple_(*query.after)
            statement = statement.where(behind[0] < behind[1] if query.newest_first else behind[0] > behind[1])
        order = [column.desc() if query.newest_first else column for column in columns]
        statement = statement.order_by(*order).limit(min(query.limit, LIMIT_MAX))

        def read(connection: Connection) -> list[R]:
            return [query.of(**row._mapping) for row in connection.execute(statement)]

        return await self._asked(read)

    async def agents(self, tenant_id: str) -> list[AgentCount]:
        """See ReadModels."""
        steps = table(Step)
        by = (steps.c.agent, steps.c.uses, steps.c.status)
        counted = func.count().label("steps"), func.max(steps.c.recorded_ms).label("recorded_ms")
        statement = _own(steps, tenant_id).with_only_columns(*by, *counted).group_by(*by).order_by(*by).limit(LIMIT_MAX)

        def read(connection: Connection) -> list[AgentCount]:
            return [AgentCount(**row._mapping) for row in connection.execute(statement)]

        return await self._asked(read)

    async def tallies(self, tenant_id: str, run_ids: Sequence[str]) -> dict[str, Tally]:
        """See ReadModels."""
        steps, calls = table(Step), table(Call)
        by = (steps.c.run_id, steps.c.status)
        counted = _own(steps, tenant_id).where(steps.c.run_id.in_(list(run_ids)))
        counts = counted.with_only_columns(*by, func.count().label("steps")).group_by(*by)
        priced = _own(calls, tenant_id).where(calls.c.run_id.in_(list(run_ids)))
        costs = priced.with_only_columns(calls.c.run_id, func.sum(calls.c.cost_usd_micros).label("cost"))

        def read(connection: Connection) -> dict[str, Tally]:
            found: dict[str, dict[str, int]] = {run_id: {} for run_id in run_ids}
            for row in connection.execute(counts):
                found[row.run_id][row.status] = row.steps
            cost = {row.run_id: int(row.cost) for row in connection.execute(costs.group_by(calls.c.run_id))}
            return {run_id: Tally(by_status, cost.get(run_id, 0)) for run_id, by_status in found.items()}

        return await self._asked(read)

    async def applied(self) -> Applied:
        """See ReadModels."""

        def read(connection: Connection) -> Applied:
            rows = connection.execute(select(APPLIED)).all()
            offsets = {(row.topic, row.partition): row.offset for row in rows}
            return Applied(offsets, max((row.recorded_ms for row in rows), default=0))

        return await self._asked(read)

    async def sums(self, tenant_id: str, by: str, begin: int | None, end: int | None) -> list[Sum]:
        """See Ledgers."""
        entries = table(Entry)
        day = (entries.c.occurred_at // DAY).label("key")  # a moment before 1970 rounds as its database does
        key = day if by == "day" else entries.c[COLUMNS[by]].label("key")
        amounts = (func.sum(entries.c[name]).label(name) for name in ("billed_usd_micros", "held_usd_micros"))
        statement = _own(entries, tenant_id).with_only_columns(key, *amounts, func.count().label("entries"))
        if begin is not None:
            statement = statement.where(entries.c.occurred_at >= begin)
        if end is not None:
            statement = statement.where(entries.c.occurred_at < end)
        statement = statement.group_by(key).order_by(key).limit(LIMIT_MAX)

        def read(connection: Connection) -> list[Sum]:
            rows = connection.execute(statement).all()
            found = [
                Sum(
                    moment_of(int(row.key) * DAY).date().isoformat() if by == "day" else row.key,
                    int(row.billed_usd_micros),
                    int(row.held_usd_micros),
                    row.entries,
                )
                for row in rows
            ]
            return sorted(found, key=lambda each: each.key)  # a database has an order of its own

        return await self._asked(read)

    async def figures(self, tenant_id: str, now_ms: int) -> Figures:
        """See domain.pulse.Pulses."""

        def read(connection: Connection) -> Figures:
            return figures(connection, lambda kind: _own(table(kind), tenant_id), now_ms)

        return await self._asked(read)

    def close(self) -> None:
        """Ends its threads and connections."""
        self._threads.shutdown()
        self._engine.dispose()

    async def _asked(self, read: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    def _read(self, read: Callable[[Connection], T]) -> T:
        with answering():
            try:
                with self._engine.connect() as connection:
                    return read(connection)
            except ProgrammingError as error:  # a server on which nothing has been made yet
                raise StoreUnavailable("the read models are not there yet") from error


def _within(statement: Select[Any], asked: Table, query: Query[R]) -> Select[Any]:
    """Returns the statement for the ranges of a query, and of runs for what else it asks of them."""
    for name, value in query.least.items():
        statement = statement.where(asked.c[name] >= value)
    for name, value in query.below.items():
        statement = statement.where(asked.c[name] < value)
    narrowed = query.narrowed
    if narrowed.outcome is not None:
        statement = statement.where(_of_run(asked, table(Decision)).where(_outcome(narrowed.outcome)).exists())
    if narrowed.cost_usd_micros_min > 0:
        cost = func.sum(table(Call).c.cost_usd_micros)
        costs = _of_run(asked, table(Call)).with_only_columns(func.coalesce(cost, 0)).scalar_subquery()
        statement = statement.where(costs >= narrowed.cost_usd_micros_min)
    if narrowed.text:
        texts = (asked.c[name].icontains(narrowed.text, autoescape=True) for name in TEXTS)
        statement = statement.where(or_(*texts))
    return statement


def _of_run(runs: Table, others: Table) -> Select[Any]:
    same = others.c.tenant_id == runs.c.tenant_id, others.c.run_id == runs.c.run_id
    return select(others).where(*same).correlate(runs)


def _outcome(said: str) -> ColumnElement[bool]:
    return table(Decision).c.outcome == said


def _own(asked: Table, tenant_id: str, *, shared: bool = False) -> Select[Any]:
    """Returns what every question begins with: the rows of this tenant; of no tenant there are none."""
    if not tenant_id:
        raise ValueError("nobody's rows are asked for")
    owners = [tenant_id, PLATFORM] if shared else [tenant_id]
    return select(asked).where(asked.c.tenant_id.in_(owners))
