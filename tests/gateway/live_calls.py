"""Who looks on, in tests: a gateway that listens, WebSockets to it, and what happens in tenants."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import websockets
from fastapi import FastAPI
from log_browser import ListBrowser
from memory_deliveries import MemoryDeliveries
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from connectors.openid import OpenIdProviders
from domain.ids import derive
from domain.live import PLACES, Vector, shown
from domain.ports import LogBrowser
from domain.reading import ReadModels
from gateway.app import Parts, application
from gateway.deliveries import Deliveries
from gateway.door import Door
from gateway.feed import Feed, Told
from gateway.folders import Folders
from gateway.health import Checks
from gateway.live import Live
from gateway.positions import Positions
from gateway.ring import Entry
from gateway.sealing import Sealing
from gateway.sign_on import SignOn
from runtime.gateway import server
from runtime.live import LiveLog
from runtime.ports import HOST
from schemas.codec import Codec
from schemas.events import AgentStep, ComplianceDecision, Event, Outcome, RunStatus, StepStatus, WorkflowRun
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
POSITIONS = Positions(bytes(32))
SEALING = Sealing(bytes(32))
GIVE_UP_S = 20.0


def run(number: int, tenant: str = "acme", status: RunStatus = RunStatus.STARTED) -> WorkflowRun:
    """Returns a moment of the run of this number."""
    return WorkflowRun(**_said(number, tenant, status), workflow="triage", status=status, subject="Ada Lovelace")


def step(number: int, tenant: str = "acme") -> AgentStep:
    """Returns a step of the run of this number, with personal data in it."""
    return AgentStep(**_said(number, tenant, "s"), step="ask", status=StepStatus.COMPLETED, output={"name": "Ada"})


def decision(number: int, tenant: str = "acme", outcome: Outcome = Outcome.ALLOWED) -> ComplianceDecision:
    """Returns a decision on the run of this number."""
    return ComplianceDecision(**_said(number, tenant, "d"), step="ask", outcome=outcome, payload={"name": "Ada"})


def _said(number: int, tenant: str, what: str) -> dict[str, Any]:
    run_id = derive(tenant, str(number))
    common = {"correlation_id": run_id, "run_id": run_id, "tenant_id": tenant, "occurred_at": AT}
    return {"event_id": derive(run_id, what), **common}


def quiet_feed() -> Feed:
    """Returns a feed in which nothing happens."""

    async def nothing(_: str, __: Vector, ___: Vector) -> Sequence[Entry]:
        return []

    return Feed((0,) * len(PLACES), AT, POSITIONS, nothing)


def app_of(
    door: Door,
    models: ReadModels | None = None,
    live: Live | None = None,
    folder: Path = Path("nowhere"),
    checks: Checks | None = None,
    openid: OpenIdProviders | None = None,
    xmlsec1: str = "xmlsec1",
    deliveries: Deliveries | None = None,
    browser: LogBrowser | None = None,
) -> FastAPI:
    """Returns the application of a door; with no read models, unless they are given, and nothing that happens, or has
    happened."""
    models = models or Reader(reading(Path("nowhere"), None))
    sign_on = SignOn(openid or OpenIdProviders(), SEALING, xmlsec1)
    live = live or Live(door, quiet_feed())
    looking, folders = browser or ListBrowser(()), Folders(folder / "files")
    kept = deliveries or MemoryDeliveries()
    return application(door, Parts(models, models, looking, live, folders, sign_on, kept, checks or {}))


class Gateway:
    """A gateway that listens."""

    def __init__(self, door: Door, live: Live, address: str) -> None:
        self.door = door
        self.live = live
        self.address = address

    @classmethod
    def at(cls, address: str) -> "Gateway":
        """Returns one of which only the address is known."""
        return cls(None, None, address)  # type: ignore[arg-type]

    async def say(self, *events: Event) -> None:
        """Puts events on the log."""
        await self.door.publisher.publish([self.door.codec.encode(event, "test") for event in events])

    def socket(self, token: str = "", query: str = "", path: str = "/ws", **more: Any) -> Any:
        """Returns a connection to /ws, or another path, to be entered."""
        headers = {**more.pop("additional_headers", {})} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = f"ws{self.address[4:]}/api/v1{path}{query}"
        return websockets.connect(
            url, additional_headers=headers, proxy=None, compression=None, close_timeout=1, **more
        )


@asynccontextmanager
async def listening(
    door: Door, bootstrap: str, codec: Codec, folder: Path, per_tenant_max: int = 1000, origins: Sequence[str] = ()
) -> AsyncIterator[Gateway]:
    """Yields the gateway of a door, on a port of its own, as the process has it."""
    log = LiveLog(bootstrap, codec, POSITIONS)
    await log.start()
    live = Live(door, log.feed, per_tenant_max, origins)
    serving = server(app_of(door, live=live), folder, 0, HOST, (), live.end)
    tasks = [asyncio.create_task(live.watch()), asyncio.create_task(serving.serve())]
    try:
        while not serving.ready_file.exists():
            await asyncio.sleep(0.01)
        yield Gateway(door, live, serving.ready_file.read_text())
    finally:
        tasks[0].cancel()
        serving.should_exit = True
        await tasks[1]
        await asyncio.to_thread(log.stop)


async def told(socket: ClientConnection, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """Returns what comes until that is enough."""
    found: list[Any] = []
    async with asyncio.timeout(GIVE_UP_S):
        while not found or not enough(found):
            text = await socket.recv()
            found += [msgspec.json.decode(line) for line in text.split("\n")]
    return found


async def events_told(socket: ClientConnection, count: int) -> list[Any]:
    """Returns the next so many events that are told."""
    return of_events(await told(socket, lambda found: len(of_events(found)) >= count))


def of_events(found: list[Any]) -> list[Any]:
    """Returns the events among what was told."""
    return [each for each in found if each["type"] == "event"]


async def next_told(socket: ClientConnection, kind: str) -> Any:
    """Returns the next message of this type."""
    return (await told(socket, lambda found: any(each["type"] == kind for each in found)))[-1]


async def closed(socket: ClientConnection) -> int:
    """Returns the code with which the gateway ends a connection."""
    async with asyncio.timeout(GIVE_UP_S):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as error:
            assert error.rcvd is not None
            return error.rcvd.code


def told_of(tenant: str, numbers: range) -> list[Told]:
    """Returns runs as the log tells them, all at one place."""
    found = []
    for number in numbers:
        message = shown(msgspec.structs.replace(run(number, tenant), event_id=str(number)), 0)
        assert message is not None
        body = msgspec.json.encode(message)
        found.append(Told(tenant, message, Entry(0, number, message.kind, body, (0,) * len(PLACES))))
    return found
