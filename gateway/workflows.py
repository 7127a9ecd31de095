"""POST /workflows/execute and POST /agents/{type}/trigger: runs that callers ask for."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from domain.definitions import UnknownDefinition
from domain.doors import BadEvent, Call
from domain.executions import AGENTS, Begun, Execution, Task, asked, begun, tasked
from domain.identity import Permission, Principal
from gateway.answers import Done, Refusal
from gateway.bodies import Share, read
from gateway.contracts import contract
from gateway.door import SOURCE, Door
from schemas.catalogue import DOOR_BYTES_MAX
from schemas.errors import Rejected

PROBLEMS = (400, 401, 403, 408, 413, 422)


def routes(door: Door) -> APIRouter:
    """Returns the routes of what callers ask for."""
    router = APIRouter()

    @router.post(
        "/workflows/execute", tags=["workflows"], summary="Run a workflow", **contract(Execution, *PROBLEMS, status=202)
    )
    async def execute(request: Request) -> Response:
        """Asks for a run of its own; its id is told at once, and its status under it a moment later."""
        return await _asked(door, request, asked)

    @router.post(
        "/agents/{type}/trigger", tags=["agents"], summary="Ask one agent", **contract(Task, *PROBLEMS, 404, status=202)
    )
    async def trigger(type: str, request: Request) -> Response:  # noqa: A002  the path's name of it
        """Asks an agent by itself: a run of the workflow `agent-<type>`, of which a tenant may have its own."""

        def of_agent(content: bytes) -> Execution:
            if type not in AGENTS:
                raise Refusal(404, f"no such agent; there are {', '.join(AGENTS)}")
            return tasked(type, content)

        return await _asked(door, request, of_agent)

    return router


async def _asked(door: Door, request: Request, wanted: Callable[[bytes], Execution]) -> Response:
    async def work(call: Call, principal: Principal, share: Share) -> Done:
        content = await read(request, share, DOOR_BYTES_MAX)
        try:
            found = await _begun(door, wanted(content), call, principal)
            record = door.codec.encode(found.event, SOURCE)
        except Rejected as error:
            field = error.field if isinstance(error, BadEvent) else ""
            raise Refusal(422, f"{field}: {error}" if field else str(error), field=field) from error
        await door.usage.take(principal.tenant_id, door.quota(principal.tenant_id), 1, call.at)
        return Done({"event_id": found.event.event_id, "run_id": found.run_id}, [record])

    return await door.call(request, Permission.EXECUTE_WORKFLOWS, work)


async def _begun(door: Door, execution: Execution, call: Call, principal: Principal) -> Begun:
    """Decides by the definitions that are known, and once more by the newest when the workflow is not among them."""
    fresh = door.new_id()
    try:
        return begun(execution, call, principal, door.definitions, fresh)
    except UnknownDefinition:
        await door.latest()
        return begun(execution, call, principal, door.definitions, fresh)
