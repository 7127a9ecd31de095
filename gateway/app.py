"""The gateway: every route, each under /api/v1 and at the path itself."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from domain.read_models import ReadModels
from gateway import auth, events, graphql, health, runs
from gateway.door import Door
from gateway.reads import Reads

PREFIX = "/api/v1"


def application(door: Door, checks: health.Checks, models: ReadModels) -> FastAPI:
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
    reads = Reads(models)
    reading = (runs.routes(door, reads), graphql.routes(door, reads))
    for router in (auth.routes(door), events.routes(door), *reading, health.routes(checks)):
        app.include_router(router, prefix=PREFIX)
        app.include_router(router, include_in_schema=False)

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = "no such route" if error.status_code == 404 else error.detail
        return await door.refuse(request, error.status_code, detail, error.headers or {})

    app.add_exception_handler(HTTPException, no_route)
    return app
