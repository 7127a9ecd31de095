"""The gateway: every route, each under /api/v1 and at the path itself; what no route takes may be of the page."""

from fastapi import FastAPI, Request, Response, WebSocket
from msgspec import Struct
from starlette.exceptions import HTTPException

from domain.ledger_sums import Ledgers
from domain.ports import LogBrowser
from domain.reading import ReadModels
from gateway import (
    auth,
    branding,
    dead_letters,
    events,
    factors,
    files,
    graphql,
    health,
    hooks,
    keys,
    live,
    log,
    me,
    money,
    oidc,
    providers,
    run_replay,
    runs,
    saml,
    static,
    subscriptions,
    tenants,
    users,
    webhooks,
    workflows,
)
from gateway.deliveries import Deliveries
from gateway.door import ANYWHERE, PREFIX, Door
from gateway.folders import Folders
from gateway.log_reading import LogReading
from gateway.reads import Reads
from gateway.sign_on import SignOn
from schemas.events import RequestKind


class Parts(Struct, frozen=True):
    """What routes need besides the door."""

    models: ReadModels
    ledgers: Ledgers
    browser: LogBrowser
    looking: live.Live
    folders: Folders
    sign_on: SignOn
    deliveries: Deliveries
    checks: health.Checks = {}
    page: static.Page = static.Page({})


def application(door: Door, parts: Parts) -> FastAPI:
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
    reads, reading = Reads(parts.models), LogReading(parts.browser, door.codec, door.age_s)
    plain = (auth, providers, me, factors, users, keys, webhooks, tenants, branding, events, workflows)
    routers = [part.routes(door) for part in plain]
    routers += [graphql.routes(door, reads), runs.routes(door, reads, reading), log.routes(door, reading, reads)]
    routers += [run_replay.routes(door, reads, reading)]
    routers += [dead_letters.routes(door, reading, reads)]
    routers += [money.routes(door, reading, reads, parts.ledgers)]
    routers += [part.routes(door, parts.sign_on) for part in (oidc, saml)]
    routers += [files.routes(door, parts.folders), live.routes(parts.looking), subscriptions.routes(parts.looking)]
    routers.append(hooks.routes(door, parts.deliveries))
    for router in (*routers, health.routes(parts.checks)):
        app.include_router(router, prefix=PREFIX)
        app.include_router(router, include_in_schema=False)

    async def no_route(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404 and (file := parts.page.answer(request)) is not None:
            return file
        detail = "no such route" if error.status_code == 404 else error.detail
        return await door.refuse(request, error.status_code, detail, error.headers or {})

    @app.websocket(ANYWHERE)
    async def nowhere(websocket: WebSocket) -> None:
        answer = await door.refuse(websocket, 404, "no such route", {}, RequestKind.CONNECTION)
        await websocket.send_denial_response(answer)

    app.add_exception_handler(HTTPException, no_route)
    return app
