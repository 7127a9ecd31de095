"""The gateway: every route, each under /api/v1 and at the path itself."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from gateway import auth, events, factors, health, keys, tenants, users
from gateway.door import Door

PREFIX = "/api/v1"


def application(door: Door, checks: health.Checks) -> FastAPI:
    """Returns the application; it is as alive as its door's publisher, which it does not close."""
    app = FastAPI(
        title="Auterity",
        version="1",
        description="Every call is an event on the log before it is answered.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        redirect_slashes=False,
    )
    parts = [part.routes(door) for part in (auth, factors, users, keys, tenants, events)]
    for router in (*parts, health.routes(checks)):
        app.include_router(router, prefix=PREFIX)
        app.include_router(router, include_in_schema=False)

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = "no such route" if error.status_code == 404 else error.detail
        return await door.refuse(request, error.status_code, detail, error.headers or {})

    app.add_exception_handler(HTTPException, no_route)
    return app
