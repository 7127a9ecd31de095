"""/health: whether the gateway lives, and whether what it needs answers. For everybody; such calls are not kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from fastapi import APIRouter, Response

from schemas.errors import Unavailable

KEPT_S = 1.0
CHECK_S = 2.0
"""Time that what it needs has to answer."""

Checks = Mapping[str, Callable[[], Awaitable[None]]]
"""By name of what is needed; each raises Unavailable when it does not answer."""


def routes(checks: Checks) -> APIRouter:
    """Returns the routes of health."""
    router = APIRouter(tags=["health"])
    looked = _Look(checks)

    @router.get("/health/live", summary="Is it alive")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready", summary="Can it take calls", responses={503: {"description": "Something is missing."}})
    @router.get("/health", include_in_schema=False)
    async def ready() -> Response:
        said = await looked.missing()
        document = {"status": "not ready" if said else "ready", "missing": said}
        return Response(msgspec.json.encode(document), 503 if said else 200, media_type="application/json")

    return router


class _Look:
    """Looks at most once a second, for all who ask."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._turn = asyncio.Lock()
        self._at = -KEPT_S
        self._found: dict[str, str] = {}

    async def missing(self) -> dict[str, str]:
        """Returns why what does not."""
        async with self._turn:
            if time.monotonic() >= self._at + KEPT_S:
                reasons = await asyncio.gather(*map(_missing, self._checks.values()))
                self._found = {name: why for name, why in zip(self._checks, reasons, strict=True) if why}
                self._at = time.monotonic()
            return self._found


async def _missing(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except Unavailable as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_S:.0f} s"
    return ""
