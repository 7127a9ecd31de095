"""The port through which the read models are read."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from domain.read_models import Applied, Query, R, Tally


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
