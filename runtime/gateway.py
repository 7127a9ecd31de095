"""The gateway's process: a door, what it needs, and a server around it."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from msgspec import Struct

from connectors.kafka import ready
from connectors.publisher import KafkaPublisher
from connectors.registry import Registry
from domain.definitions import Definitions
from domain.sessions import Sessions
from gateway.app import application
from gateway.door import Door
from gateway.live import PER_TENANT_MAX, SAID_BYTES_MAX, Live
from gateway.passwords import Passwords
from gateway.people import People
from gateway.positions import Positions
from gateway.tokens import Tokens
from runtime.definitions import following
from runtime.errors import PortTaken
from runtime.follower import Follower, readable
from runtime.live import LiveLog
from runtime.ports import HOST
from runtime.secrets import load
from runtime.sockets import Sockets, allow
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import Session
from schemas.record import Record
from streams.lanes import crash

CLIENT = "auterity-gateway"
TOPIC = "sessions"
ACKNOWLEDGED_S = 2.0
"""Time Kafka has to acknowledge what a call puts on the log; after it the call is refused."""
REFRESH_S, REFRESH_MAX_S = 1.0, 3.0
"""Schemas are asked for at most so often; a call waits at most so long for them."""
DRAIN_S = 8
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
    bootstrap: str, registry_url: str, data_dir: Path, port: int, host: str = HOST, terms: Terms | None = None
) -> None:
    """Runs until SIGTERM; calls under way are answered before it ends. Raises PortTaken."""
    allow(CONNECTIONS_MAX)
    uvloop.run(_gateway(bootstrap, registry_url, data_dir, port, host, terms or Terms()))


async def _gateway(bootstrap: str, registry_url: str, data_dir: Path, port: int, host: str, terms: Terms) -> None:
    registry = Registry(registry_url)
    codec = await asyncio.to_thread(registry.codec)
    definitions, sessions = Definitions(), Sessions()
    followers = (following(definitions, bootstrap, codec), following_sessions(sessions, bootstrap, codec))
    kept = load(data_dir)
    tokens, passwords = Tokens(kept.signing), Passwords(kept.sealing_key)
    live_log = LiveLog(bootstrap, codec, Positions(kept.sealing_key))
    try:
        await asyncio.gather(*(follower.start() for follower in followers), live_log.start())
        people = People(tokens, passwords, sessions, followers[1].catch_up)
        async with KafkaPublisher(bootstrap, CLIENT, ACKNOWLEDGED_S) as publisher:
            latest = followers[0].catch_up
            door = Door(publisher, codec, definitions, latest, people, _Learning(registry, codec).refresh)

            async def kafka() -> None:
                await asyncio.to_thread(ready, bootstrap, ACKNOWLEDGED_S)

            live = Live(door, live_log.feed, terms.live_max, terms.origins)
            watching = asyncio.create_task(_watched(live))
            app = application(door, {"kafka": kafka}, live)
            await _serve(server(app, data_dir, port, host, terms.proxies, live.end), port)
            watching.cancel()
    finally:
        live_log.stop()
        for follower in followers:
            follower.stop()
        registry.close()


def following_sessions(sessions: Sessions, bootstrap: str, codec: Codec) -> Follower:
    """Returns what keeps the sessions up to date with the log."""

    def take(batch: Sequence[Record]) -> None:
        for event, _ in readable(batch, codec):
            assert isinstance(event, Session)
            sessions.add(event)

    return Follower(bootstrap, TOPIC, take)


async def _watched(live: Live) -> None:
    try:
        await live.watch()
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
