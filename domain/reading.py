"""The port through which the read models are read, and what is asked of them."""

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, field

from domain.read_models import Applied, Row, Tally

R = TypeVar("R", bound=Row)


class Narrowed(Struct, frozen=True, kw_only=True):
    """Which of a list of runs: those of which this holds, too."""

    outcome: str | None = None
    """Of one of their decisions."""
    cost_usd_micros_min: int = 0
    """Of all their calls together."""
    text: str = ""
    """Part of id, subject, source, correlation id or workflow; small and capital letters (of ASCII) are the same."""


class Query(Struct, Generic[R], frozen=True, kw_only=True):
    """Which rows of a table, in which order; `after` are the values of `order` in the last row that is known."""

    of: type[R]
    where: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """By column the value, or one of the values."""
    least: Mapping[str, int] = field(default_factory=dict)
    """By column the value from which on."""
    below: Mapping[str, int] = field(default_factory=dict)
    """By column the value that is not reached."""
    narrowed: Narrowed = Narrowed()
    """Of runs alone."""
    order: tuple[str, ...]
    newest_first: bool = False
    after: Sequence[str | int] = ()
    limit: int


class AgentCount(Struct, frozen=True, kw_only=True):
    """How many steps of an agent are in a state, and when the first event of the latest of them came."""

    agent: str
    uses: str
    status: str
    steps: int
    recorded_ms: int


class ReadModels(Protocol):
    """Reads the read models: what is asked is asked for one tenant, and answered with rows of that tenant only.

    Every method raises Unavailable when they do not answer.
    """

    async def rows(self, tenant_id: str, query: Query[R]) -> list[R]:
        """Returns at most LIMIT_MAX rows of the tenant (of what is SHARED, the platform's too)."""

    async def agents(self, tenant_id: str) -> list[AgentCount]:
        """Returns the counts of the tenant's steps by agent, use and status."""

    async def tallies(self, tenant_id: str, run_ids: Sequence[str]) -> dict[str, Tally]:
        """Returns what these runs of the tenant have come to."""

    async def applied(self) -> Applied:
        """Returns how far they are: rows that are read afterwards are at least so far."""
