"""The gateway's process: a door, what it needs, and a server around it."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from msgspec import Struct

from connectors.kafka import ready
from connectors.log import KafkaBrowser
from connectors.openid import OpenIdProviders
from connectors.publisher import KafkaPublisher
from connectors.registry import Registry
from domain.definitions import Definitions
from domain.limits import Rates
from domain.sessions import Sessions
from gateway.app import Parts, application
from gateway.connections import PromptProtocol
from gateway.deliveries import FileDeliveries, SharedDeliveries
from gateway.door import Door
from gateway.folders import Folders
from gateway.limits import Limits, Shared
from gateway.live import PER_TENANT_MAX, SAID_BYTES_MAX, Live
from gateway.passwords import Passwords
from gateway.people import People
from gateway.positions import Positions
from gateway.pulse import Pulsing
from gateway.sign_on import SignOn
from gateway.static import page
from gateway.tally import Tally
from gateway.tokens import Tokens
from gateway.usage import FileLedger, SharedLedger, Usage
from runtime.definitions import following
from runtime.errors import PortTaken
from runtime.follower import Follower, readable
from runtime.live import LiveLog
from runtime.load import StageLoad
from runtime.memory import settled
from runtime.ports import HOST
from runtime.secrets import load
from runtime.settings import Settings
from runtime.sockets import Sockets, allow
from schemas.codec import Codec
from schemas.errors import LogUnavailable, Unavailable
from schemas.events import Session
from schemas.record import Record
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading
from streams.ending import crash

CLIENT = "auterity-gateway"
TOPIC = "sessions"
ACKNOWLEDGED_S = 1.5
"""Time Kafka has to acknowledge what a call puts on the log, or to say what is new there; after it the call is refused,
so that its caller knows within two seconds."""
CONNECTED_S = 10.0
"""Time to connect to Kafka before the first call."""
REFRESH_S, REFRESH_MAX_S = 1.0, 3.0
"""Schemas are asked for at most so often; a call waits at most so long for them."""
DRAIN_S = 7
"""For calls under way, when it ends; what they were is written then, and the supervisor waits for 10 s in all."""
HEAD_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 4096
PING_S = 20.0
"""Between pings, and the time that a pong may take."""


class Terms(Struct, frozen=True):
    """On which terms the gateway takes connections."""

    proxies: Sequence[str] = ()
    """Addresses and networks whose X-Forwarded-For is believed."""
    origins: Sequence[str] = ()
    """Of pages that may look on live, besides those from the gateway's own."""
    live_max: int = PER_TENANT_MAX
    """Connections of a tenant that look on."""


def run_gateway(
    bootstrap: str, registry_url: str, conf: Settings, port: int, host: str = HOST, terms: Terms | None = None
) -> None:
    """Runs until SIGTERM; calls under way are answered before it ends. Raises PortTaken."""
    allow(CONNECTIONS_MAX)
    uvloop.run(_gateway(bootstrap, registry_url, conf, port, host, terms or Terms()))


async def _gateway(bootstrap: str, registry_url: str, conf: Settings, port: int, host: str, terms: Terms) -> None:
    data_dir = conf.data_dir
    models = Reader(reading(data_dir, conf.read_models))
    browser, busy = KafkaBrowser(bootstrap), StageLoad(bootstrap, conf.group_prefix)
    registry = Registry(registry_url)
    codec = await asyncio.to_thread(registry.codec)
    definitions, sessions = Definitions(), Sessions()
    followers = (following(definitions, bootstrap, codec), following_sessions(sessions, bootstrap, codec))
    rates = Rates(address=conf.address_calls_per_minute, stranger=conf.stranger_calls_per_minute)
    shared = Shared(conf.redis) if conf.redis is not None else None
    limits = Limits(rates, shared) if shared is not None else Limits(rates)
    remembered = FileDeliveries(data_dir / "deliveries.sqlite")
    live_log: LiveLog | None = None
    try:
        await asyncio.gather(*(follower.start() for follower in followers))
        kept = load(data_dir, needed=definitions.has("user") or definitions.has("webhook") or sessions.any())
        tokens, passwords = Tokens(kept.signing), Passwords(kept.sealing_key)
        live_log = LiveLog(bootstrap, codec, Positions(kept.sealing_key))
        await live_log.start()
        people = People(tokens, passwords, sessions, _soon(followers[1].catch_up))
        async with KafkaPublisher(bootstrap, CLIENT, ACKNOWLEDGED_S) as publisher:
            with suppress(LogUnavailable):  # then the first call does
                await publisher.connect(CONNECTED_S)
            latest = _soon(followers[0].catch_up)
            refresh = _Learning(registry, codec).refresh
            usage = Usage(SharedLedger(shared) if shared is not None else FileLedger(data_dir / "usage.sqlite"))

            deliveries = SharedDeliveries(shared) if shared is not None else remembered

            def age_s() -> float:
                return max(follower.age_s() for follower in followers)

            door = Door(publisher, codec, definitions, latest, people, refresh, limits=limits, usage=usage, age_s=age_s)

            async def kafka() -> None:
                await asyncio.to_thread(ready, bootstrap, ACKNOWLEDGED_S)

            checks = {"kafka": kafka} | ({"redis": shared.ready} if shared is not None else {})
            live = Live(door, live_log.feed, terms.live_max, terms.origins)
            pulsing = Pulsing(live, models, busy)
            watching = [asyncio.create_task(_watched(each)) for each in (live.watch, pulsing.run)]
            sign_on = SignOn(OpenIdProviders(), passwords.sealing)
            folders = Folders(data_dir / "files")
            parts = Parts(models, models, browser, live, folders, sign_on, deliveries, checks, page())
            app = application(door, parts)
            settled()  # or each look for garbage walks over all that was imported, for a fifth of a second
            async with Tally(limits.refusals, publisher, codec):
                await _serve(server(app, data_dir, port, host, terms.proxies, live.end), port)
            for task in watching:
                task.cancel()
    finally:
        if live_log is not None:
            live_log.stop()
        if shared is not None:
            await shared.close()
        for follower in followers:
            follower.stop()
        for each in (registry, browser, busy, models, remembered):
            each.close()


def _soon(catch_up: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Returns what does the same, and raises LogUnavailable when that takes longer than a call waits."""

    async def caught_up() -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_S):
                await catch_up()
        except TimeoutError:
            raise LogUnavailable(f"Kafka did not answer within {ACKNOWLEDGED_S} s") from None

    return caught_up


def following_sessions(sessions: Sessions, bootstrap: str, codec: Codec) -> Follower:
    """Returns what keeps the sessions up to date with the log."""

    def take(batch: Sequence[Record]) -> None:
        for event, _ in readable(batch, codec):
            assert isinstance(event, Session)
            sessions.add(event)

    return Follower(bootstrap, TOPIC, take)


async def _watched(watch: Callable[[], Awaitable[None]]) -> None:
    try:
        await watch()
    except Exception:  # noqa: BLE001  nobody looks on whom nobody watches
        crash("watch over who looks on")


def server(
    app: Any, data_dir: Path, port: int, host: str, proxies: Sequence[str], end: Callable[[], None]
) -> "GatewayServer":
    """Returns the server of the application; `end` is called when it begins to end."""
    ready_file = data_dir / "run" / "gateway.ready"
    ready_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ready_file.unlink(missing_ok=True)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PromptProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
        limit_concurrency=CONNECTIONS_MAX,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        ws=Sockets,
        ws_max_size=SAID_BYTES_MAX,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
    )
    return GatewayServer(config, ready_file, end)


async def _serve(server: "GatewayServer", port: int) -> None:
    try:
        await server.serve()
    except SystemExit as error:
        raise PortTaken(port, "gateway") from error
    finally:
        server.ready_file.unlink(missing_ok=True)


class GatewayServer(uvicorn.Server):
    """Makes a file, with the address in it, once it listens; a signal ends it as it should, and is done with then."""

    def __init__(self, config: uvicorn.Config, ready_file: Path, end: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready_file = ready_file
        self._end = end

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: Any = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        if self.started:
            host, number = self.servers[0].sockets[0].getsockname()[:2]
            self.ready_file.write_text(f"http://{host}:{number}")

    async def shutdown(self, sockets: Any = None) -> None:
        """See uvicorn."""
        self._end()
        await super().shutdown(sockets)


class _Learning:
    """Asks the registry what other writers have registered since."""

    def __init__(self, registry: Registry, codec: Codec) -> None:
        self._registry = registry
        self._codec = codec
        self._turn = asyncio.Lock()
        self._asked: dict[str, float] = {}
        """When it was last asked, by topic."""

    async def refresh(self, topic: str) -> None:
        """Returns when the codec knows what was registered before the call; raises Unavailable after REFRESH_MAX_S.

        The registry is asked once for all who wait, and at most every REFRESH_S seconds.
        """
        called = time.monotonic()
        try:
            async with asyncio.timeout(REFRESH_MAX_S), self._turn:
                last = self._asked.get(topic, -REFRESH_S)
                if last >= called:
                    return
                await asyncio.sleep(last + REFRESH_S - time.monotonic())
                asked = time.monotonic()
                await asyncio.to_thread(self._registry.refresh, self._codec, [topic])
                self._asked[topic] = asked
        except TimeoutError:
            raise Unavailable(f"the registry did not answer within {REFRESH_MAX_S:.0f} s") from None
