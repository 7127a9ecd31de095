"""The gateway's process: a door, what it needs, and a server around it."""

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from connectors.kafka import ready
from connectors.openid import OpenIdProviders
from connectors.publisher import KafkaPublisher
from connectors.registry import Registry
from domain.definitions import Definitions
from domain.sessions import Sessions
from gateway.app import application
from gateway.door import Door
from gateway.passwords import Passwords
from gateway.people import People
from gateway.sign_on import SignOn, sealing
from gateway.tokens import Tokens
from runtime.definitions import following
from runtime.errors import PortTaken
from runtime.follower import Follower, readable
from runtime.ports import HOST
from runtime.secrets import load
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import Session
from schemas.record import Record

CLIENT = "auterity-gateway"
TOPIC = "sessions"
ACKNOWLEDGED_S = 2.0
"""Time Kafka has to acknowledge what a call puts on the log; after it the call is refused."""
REFRESH_S, REFRESH_MAX_S = 1.0, 3.0
"""Schemas are asked for at most so often; a call waits at most so long for them."""
DRAIN_S = 8
HEAD_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 4096


def run_gateway(
    bootstrap: str, registry_url: str, data_dir: Path, port: int, host: str = HOST, proxies: Sequence[str] = ()
) -> None:
    """Runs until SIGTERM; calls under way are answered before it ends. Raises PortTaken.

    What `proxies` (addresses, networks) say in X-Forwarded-For is believed.
    """
    uvloop.run(_gateway(bootstrap, registry_url, data_dir, port, host, proxies))


async def _gateway(
    bootstrap: str, registry_url: str, data_dir: Path, port: int, host: str, proxies: Sequence[str]
) -> None:
    registry = Registry(registry_url)
    codec = await asyncio.to_thread(registry.codec)
    definitions, sessions = Definitions(), Sessions()
    followers = [following(definitions, bootstrap, codec), following_sessions(sessions, bootstrap, codec)]
    kept = load(data_dir)
    tokens, passwords = Tokens(kept.signing), Passwords(kept.sealing_key)
    try:
        await asyncio.gather(*(follower.start() for follower in followers))
        people = People(tokens, passwords, sessions, followers[1].catch_up)
        async with KafkaPublisher(bootstrap, CLIENT, ACKNOWLEDGED_S) as publisher:
            latest = followers[0].catch_up
            door = Door(publisher, codec, definitions, latest, people, _Learning(registry, codec).refresh)

            async def kafka() -> None:
                await asyncio.to_thread(ready, bootstrap, ACKNOWLEDGED_S)

            sign_on = SignOn(OpenIdProviders(), *sealing(kept.sealing_key))
            await _serve(application(door, {"kafka": kafka}, sign_on), data_dir, port, host, proxies)
    finally:
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


async def _serve(app: Any, data_dir: Path, port: int, host: str, proxies: Sequence[str]) -> None:
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
    )
    server = _Server(config, ready_file)
    try:
        await server.serve()
    except SystemExit as error:
        raise PortTaken(port, "gateway") from error
    finally:
        ready_file.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Makes a file, with the address in it, once it listens; a signal ends it as it should, and is done with then."""

    def __init__(self, config: uvicorn.Config, ready_file: Path) -> None:
        super().__init__(config)
        self._ready_file = ready_file

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
            self._ready_file.write_text(f"http://{host}:{number}")


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
