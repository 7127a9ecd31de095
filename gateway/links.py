"""What caused an event, and what it caused, as the read models know the events of runs and of the accounts."""

from datetime import datetime

from msgspec import Struct

from domain.identity import Permission, Principal
from domain.read_models import Entry, Moment, moment_of
from domain.reading import Query
from gateway.reads import Reads, log_topics
from schemas.events import Event

LINKS_MAX = 200


class Link(Struct, frozen=True, kw_only=True):
    """Another event, and where it lies."""

    topic: str
    partition: int
    offset: int
    event_id: str
    at: datetime
    recorded_at: datetime
    run_id: str
    what: str
    status: str


class Links:
    """Looks for causes and consequences in what the caller may see."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def of(self, principal: Principal, event: Event) -> tuple[Link | None, list[Link], bool]:
        """Returns the cause, the consequences by when Kafka took them, and whether there are more than LINKS_MAX."""
        causes = await self._found(principal, "event_id", event.causation_id) if event.causation_id else []
        found = await self._found(principal, "causation_id", event.event_id)
        return (causes[0] if causes else None), found[:LINKS_MAX], len(found) > LINKS_MAX

    async def _found(self, principal: Principal, column: str, value: str) -> list[Link]:
        tenant_id, most = principal.tenant_id, LINKS_MAX + 1
        moments = Query(
            of=Moment,
            where={column: value, "topic": log_topics(principal)},
            order=("recorded_ms", "topic", "offset"),
            limit=most,
        )
        found = [_link(each, each.topic, each.what, each.status) for each in await self._reads.rows(tenant_id, moments)]
        if Permission.READ_MONEY in principal.permissions:
            entries = Query(of=Entry, where={column: value}, order=("sequence",), limit=most)
            found += [
                _link(each, "budget-entries", each.model, each.kind)
                for each in await self._reads.rows(tenant_id, entries)
            ]
        return sorted(found, key=lambda link: (link.recorded_at, link.topic, link.offset))[:most]


def _link(of: Moment | Entry, topic: str, what: str, status: str) -> Link:
    return Link(
        topic=topic,
        partition=of.partition,
        offset=of.offset,
        event_id=of.event_id,
        at=moment_of(of.occurred_at),
        recorded_at=moment_of(of.recorded_ms * 1000),
        run_id=of.run_id,
        what=what,
        status=status,
    )
