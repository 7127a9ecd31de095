"""POST /workflows/{id}/replay: what was decided in a run, decided again from the log, and compared."""

from fastapi import APIRouter, Request, Response
from msgspec import Struct

from domain.doors import Call
from domain.identity import Permission, Principal
from domain.read_models import Entry, Moment, Run
from domain.reading import Query
from domain.run_replay import RunVerdict, Unlike, decided_again
from gateway.answers import Done, Refusal
from gateway.bodies import Share
from gateway.door import Door
from gateway.log_reading import LogReading, Place
from gateway.questions import builtins, reading
from gateway.reads import Reads

EVENTS_MAX = 2000
"""Of a run that is decided again within a call; a longer one `auterity replay` decides again."""
DIFFERENCES_MAX = 100
"""That are told."""


class Replayed(Struct, frozen=True, kw_only=True):
    """Decisions of a run that were compared, and the first 100 that are `different`, with both values."""

    run_id: str
    decisions: int
    same: int
    different: list[Unlike]
    differences: int
    other_version: int
    pending: int


def routes(door: Door, reads: Reads, log: LogReading) -> APIRouter:
    """Returns the route."""
    router = APIRouter(tags=["read models"])
    under_way: set[str] = set()

    @router.post("/workflows/{id}/replay", summary="Decide a run again", **reading(None, Replayed, 422, path=("id",)))
    async def replay(request: Request) -> Response:
        """Decides again, by the events and the definitions of then, what was decided in a run; performs nothing.

        One at a time of a tenant.
        """

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            tenant_id = principal.tenant_id
            run = await reads.run(tenant_id, request.path_params["id"])
            if run is None:
                raise Refusal(404, "no such run")
            if tenant_id in under_way:
                raise Refusal(429, "a run of the tenant is being decided again already")
            under_way.add(tenant_id)
            try:
                found = await _again(door, reads, log, tenant_id, run)
            finally:
                under_way.discard(tenant_id)
            return Done(builtins(_told(run.run_id, found)), status=200)

        return await door.call(request, Permission.READ_DECISIONS, work)

    return router


async def _again(door: Door, reads: Reads, log: LogReading, tenant_id: str, run: Run) -> RunVerdict:
    places = await _places(reads, tenant_id, run)
    if len(places) > EVENTS_MAX:
        raise Refusal(422, f"a run of more than {EVENTS_MAX} events: `auterity replay` decides it again")
    seen = await log.several(tenant_id, places)
    if len(seen) < len(places):
        raise Refusal(503, "not every event of the run could be read now")
    records = [each.record for each in seen]
    await door.latest()  # the run may have been decided by definitions that are new
    return await log.asked(lambda: decided_again(records, door.definitions, door.codec, run.ended_at is not None))


async def _places(reads: Reads, tenant_id: str, run: Run) -> list[Place]:
    """Returns where the run's events lie, and the entries of the accounts that it has."""
    where, most = {"run_id": run.run_id}, EVENTS_MAX + 1
    lines = Query(of=Moment, where=where, order=("recorded_ms", "topic", "offset"), limit=most)
    entries = Query(of=Entry, where=where, order=("sequence",), limit=most)
    found = [(each.topic, each.partition, each.offset) for each in await reads.rows(tenant_id, lines)]
    return found + [("budget-entries", each.partition, each.offset) for each in await reads.rows(tenant_id, entries)]


def _told(run_id: str, found: RunVerdict) -> Replayed:
    return Replayed(
        run_id=run_id,
        decisions=found.decisions,
        same=found.same,
        different=found.different[:DIFFERENCES_MAX],
        differences=len(found.different),
        other_version=found.other_version,
        pending=found.pending,
    )
