"""/health: whether the gateway lives, and whether what it needs answers. For everybody; such calls are not kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from fastapi import APIRouter, Response

from schemas.errors import Unavailable

CHECK_S = 2.0
"""Time that what it needs has to answer."""

Checks = Mapping[str, Callable[[], Awaitable[None]]]
"""By name of what is needed; each raises Unavailable when it does not answer."""


def routes(checks: Checks) -> APIRouter:
    """Returns the routes of health."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", summary="Is it alive")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready", summary="Can it take calls", responses={503: {"description": "Something is missing."}})
    @router.get("/health", include_in_schema=False)
    async def ready() -> Response:
        missing = dict(zip(checks, await asyncio.gather(*map(_missing, checks.values())), strict=True))
        said = {name: reason for name, reason in missing.items() if reason}
        document = {"status": "not ready" if said else "ready", "missing": said}
        return Response(msgspec.json.encode(document), 503 if said else 200, media_type="application/json")

    return router


async def _missing(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except Unavailable as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_S:.0f} s"
    return ""
