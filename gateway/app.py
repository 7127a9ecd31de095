"""The gateway: every route, each under /api/v1 and at the path itself."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from gateway import auth, events, health, oidc, saml
from gateway.door import Door
from gateway.sign_on import SignOn

PREFIX = "/api/v1"


def application(door: Door, checks: health.Checks, sign_on: SignOn | None = None) -> FastAPI:
    """Returns the application; it is as alive as its door's publisher, which it does not close.

    Without `sign_on` there are no routes for logging in at an identity provider.
    """
    app = FastAPI(
        title="Auterity",
        version="1",
        description="Every call is an event on the log before it is answered.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        redirect_slashes=False,
    )
    elsewhere = [oidc.routes(door, sign_on), saml.routes(door, sign_on)] if sign_on is not None else []
    for router in (auth.routes(door), *elsewhere, events.routes(door), health.routes(checks)):
        app.include_router(router, prefix=PREFIX)
        app.include_router(router, include_in_schema=False)

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = "no such route" if error.status_code == 404 else error.detail
        return await door.refuse(request, error.status_code, detail, error.headers or {})

    app.add_exception_handler(HTTPException, no_route)
    return app
