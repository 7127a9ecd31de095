"""The figures of a tenant, as the read models have them now."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func

from domain.pulse import MINUTE_S, SPAN_S, TROUBLES_MAX, Figures, Trouble
from domain.read_models import Decision, Entry, Letter, Moment, Row, Run, moment_of
from sinks.read_models.tables import table

DAY_MS = 86_400_000
OPEN = ("accepted", "requested", "started")
BADLY = ("failed", "refused")
Own = Callable[[type[Row]], Select[Any]]
"""Returns the rows of the one tenant that is asked for."""


def figures(connection: Connection, own: Own, now_ms: int) -> Figures:
    """Returns the figures of the tenant whose rows `own` gives, at this moment."""
    today_ms = now_ms - now_ms % DAY_MS
    runs = table(Run).c

    def counted(kind: type[Row], name: str, since_ms: int) -> dict[str, int]:
        column = table(kind).c[name]
        rows = _since(own, kind, since_ms).with_only_columns(column, func.count().label("count")).group_by(column)
        return {row[0]: int(row[1]) for row in connection.execute(rows)}

    def one(statement: Select[Any], value: ColumnElement[Any]) -> int:
        return int(connection.scalar(statement.with_only_columns(func.coalesce(value, 0))) or 0)

    def billed(since_ms: int) -> int:
        return one(_since(own, Entry, since_ms), func.sum(table(Entry).c.billed_usd_micros))

    begun = now_ms - SPAN_S * 1000
    events = counted(Moment, "topic", begun)
    if entries := one(_since(own, Entry, begun), func.count()):
        events["budget-entries"] = entries
    badly = own(Run).where(runs.status.in_(BADLY)).order_by(runs.recorded_ms.desc(), runs.run_id.desc())
    return Figures(
        events=events,
        runs_open=one(own(Run).where(runs.status.in_(OPEN)), func.count()),
        decisions=counted(Decision, "outcome", today_ms),
        cost_today_usd_micros=billed(today_ms),
        cost_minute_usd_micros=billed(now_ms - MINUTE_S * 1000),
        letters_today=one(_since(own, Letter, today_ms), func.count()),
        letters=one(own(Letter), func.count()),
        troubles=[
            Trouble(row.run_id, row.workflow, row.status, row.reason, moment_of(row.recorded_ms * 1000))
            for row in connection.execute(badly.limit(TROUBLES_MAX))
        ],
    )


def _since(own: Own, kind: type[Row], since_ms: int) -> Select[Any]:
    return own(kind).where(table(kind).c.recorded_ms >= since_ms)
