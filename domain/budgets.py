"""What a tenant may spend on AI calls: its budgets, and which of them an entry counts against."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.names import Name
from schemas.events import BudgetEntry

KIND = "budgets"
DEFAULT = "default"
"""The one definition of a tenant that counts."""
BUDGETS_MAX = 50
"""Of a tenant."""
Percent = Annotated[int, Meta(ge=1, le=100)]


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent in a window of time, by the tenant or by each member of a kind."""

    id: Name
    limit_usd_micros: Annotated[int, Meta(ge=0, le=10**15)]
    scope: Literal["tenant", "team", "workflow", "run", "principal"] = "tenant"
    of: Annotated[str, Meta(max_length=200)] = ""
    """The one member it is for; empty: each has as much."""
    period: Literal["day", "month", "total"] = "month"
    """Days and months are those of UTC."""
    warn_percent: Percent = 80
    """Above it entries say so."""
    downgrade_percent: Percent = 95
    """Above it only calls that have already gone to a cheaper model are paid."""


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant's budgets; a call counts against each that it falls under, and needs room in all."""

    id: Name
    title: Annotated[str, Meta(max_length=200)] = ""
    budgets: Annotated[list[Budget], Meta(max_length=BUDGETS_MAX)] = []

    def doubt(self) -> str:
        """Returns what is wrong with them, empty when nothing is."""
        if self.id != DEFAULT:
            return f"the budgets that count are called {DEFAULT}, not {self.id}"
        names = [each.id for each in self.budgets]
        twice = sorted({each for each in names if names.count(each) > 1})
        return f"two budgets are called {', '.join(twice)}" if twice else ""


class Pot(Struct, frozen=True):
    """One member's share of one budget in one window."""

    budget: Budget
    member: str
    window: str

    @property
    def key(self) -> str:
        """Names it among the tenant's."""
        return "\x1f".join((self.budget.id, self.member, self.window))


def pots(budgets: Budgets, entry: BudgetEntry, team: str) -> Iterator[Pot]:
    """Yields what an entry counts against; a budget of teams, say, does not concern who is in none."""
    members = {
        "tenant": entry.tenant_id,
        "team": team,
        "workflow": entry.workflow,
        "run": entry.run_id,
        "principal": entry.principal,
    }
    for budget in budgets.budgets:
        member = members[budget.scope]
        if member and budget.of in ("", member):
            yield Pot(budget, member, window(budget, entry.occurred_at))


def window(budget: Budget, moment: datetime) -> str:
    """Returns the day, the month, or `total`."""
    form = {"day": "%Y-%m-%d", "month": "%Y-%m", "total": "total"}[budget.period]
    return moment.astimezone(UTC).strftime(form)
