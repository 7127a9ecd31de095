"""The platform of one data directory: its servers and processes, started in order, watched, and stopped."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec import json as msgjson

from domain.identity import PLATFORM
from runtime import deployment, ports
from runtime.data_dir import locked, prepare
from runtime.definitions import shipped
from runtime.embedded_server import EmbeddedServer
from runtime.errors import NotRunning, RuntimeFailed, ServerFailed
from runtime.jars import Progress
from runtime.kafka_server import EmbeddedKafka
from runtime.processes import ManagedProcess, recorded
from runtime.registry_server import EmbeddedRegistry
from runtime.settings import Settings
from runtime.supervisor import READY_S, STOP_S, Child, stop_all, workers
from runtime.users import Users

log = logging.getLogger(__name__)

WATCH_S = 0.5
SERVER_PAUSE_S = 5.0
"""Between tries to start a server that cannot be started."""
FACTS = "platform.json"


class Facts(Struct, frozen=True):
    """Where the parts of a running platform are."""

    url: str
    """Where the analytics answer."""
    kafka: str
    registry: str
    data_dir: str
    pid: int
    workers: int = 1
    gateway: str = ""
    """Where the gateway answers."""

    def public(self) -> dict[str, str]:
        """Returns what `up --detach --json` prints."""
        names = ("url", "kafka", "registry", "data_dir", "gateway")
        return {name: getattr(self, name) for name in names}


class Ports(Struct, frozen=True):
    """The ports asked for; 0 for any free one."""

    url: int = 0
    kafka: int = 0
    registry: int = 0
    gateway: int = 0


class Platform:
    """Starts what the settings do not place elsewhere: Kafka, registry, worker, analytics."""

    def __init__(self, conf: Settings, wanted: Ports) -> None:
        self._conf = conf
        self.data_dir = prepare(conf.data_dir)
        self._kafka: EmbeddedKafka | None = None
        self._registry: EmbeddedRegistry | None = None
        if conf.kafka is None:
            self._kafka = EmbeddedKafka(self.data_dir, wanted.kafka, retention_check_ms=conf.kafka_retention_check_ms)
        if conf.registry is None:
            self._registry = EmbeddedRegistry(self.data_dir, wanted.registry)
        self._wanted = wanted
        self._children: list[Child] = []
        self._next_try = 0.0

    @contextmanager
    def running(self, progress: Progress) -> Iterator[Facts]:
        """Starts all parts, yields where they are, and stops what it started; one at a time for a data directory."""
        with locked(self.data_dir):
            try:
                yield self._start(progress)
            finally:
                self._stop()

    def watch(self, stop: threading.Event) -> None:
        """Starts again what ends by itself, until `stop` is set."""
        while not stop.wait(WATCH_S):
            for server in (self._kafka, self._registry):
                if server is not None and not server.alive() and time.monotonic() >= self._next_try:
                    self._restart(server)
            for child in self._children:
                child.watch()

    def _restart(self, server: EmbeddedServer) -> None:
        """Starts a server that ended; one that cannot be started (a full disk, say) is tried again later."""
        log.error("server ended", extra={"server": server.name})
        try:
            prepare(self.data_dir)
            server.start(log.info)
        except RuntimeFailed as error:
            self._next_try = time.monotonic() + SERVER_PAUSE_S
            log.error("server not started", extra={"server": server.name, "error": str(error)})

    def _start(self, progress: Progress) -> Facts:
        facts_file(self.data_dir).unlink(missing_ok=True)
        servers = [server for server in (self._kafka, self._registry) if server is not None]
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda server: server.start(progress), servers))
        kafka = self._kafka.bootstrap if self._kafka else str(self._conf.kafka)
        registry = self._registry.url if self._registry else str(self._conf.registry)
        progress("preparing topics and schemas")
        deployment.prepare(kafka, registry, self._conf, shipped(deployment.hosted(self._conf)))
        if admin := Users(kafka, registry, self.data_dir, PLATFORM).first_admin():
            shown = f": {admin.read_text().strip()}" if sys.stderr.isatty() else ""
            progress(f"the platform's admin may log in once with the password in {admin}{shown}")
        url, gateway = (
            self._url(name, wanted)
            for name, wanted in (("analytics", self._wanted.url), ("gateway", self._wanted.gateway))
        )
        facts = Facts(url, kafka, registry, str(self.data_dir), os.getpid(), self._conf.workers, gateway)
        progress("starting worker, analytics, read models and gateway")
        env = {"AUTERITY_KAFKA": facts.kafka, "AUTERITY_REGISTRY": facts.registry}
        self._children = workers(self.data_dir, self._conf.workers, env)
        self._children.append(Child(self.data_dir, "read-models", ["read-models"], env))
        for name, address in (("analytics", facts.url), ("gateway", facts.gateway)):
            self._children.append(Child(self.data_dir, name, [name, "--port", address.rpartition(":")[2]], env))
        for child in self._children:
            child.start()
        for child in self._children:
            child.wait_ready()
        fresh = facts_file(self.data_dir).with_suffix(".tmp")
        fresh.write_bytes(msgjson.encode(facts))
        fresh.replace(facts_file(self.data_dir))
        return facts

    def _url(self, name: str, wanted: int) -> str:
        file = self.data_dir / "run" / f"{name}.ports"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        chosen = ports.choose(name, wanted, ports.remembered(file), 1)
        ports.remember(file, chosen)
        return f"http://{ports.HOST}:{chosen[0]}"

    def _stop(self) -> None:
        facts_file(self.data_dir).unlink(missing_ok=True)
        stop_all(self._children)
        for server in (self._registry, self._kafka):
            if server is not None:
                server.stop()


def facts_file(data_dir: Path) -> Path:
    """Returns the file that says where the parts of the running platform are."""
    return data_dir / FACTS


def facts(conf: Settings) -> Facts:
    """Returns where the parts are: as the settings say when they place all of them, else those of the platform that
    runs on the data directory; raises NotRunning when none does."""
    data_dir = conf.data_dir
    if conf.kafka is not None and conf.registry is not None and conf.clickhouse is not None:
        return Facts(conf.clickhouse, conf.kafka, conf.registry, str(data_dir), 0)
    try:
        return msgjson.decode(facts_file(data_dir).read_bytes(), type=Facts)
    except (OSError, ValueError):
        raise NotRunning(data_dir) from None


def detach(conf: Settings, wanted: Ports) -> Facts:
    """Starts the platform in a process of its own and returns when all is ready; one that runs is left as it is."""
    data_dir = prepare(conf.data_dir)
    process = ManagedProcess(data_dir, "platform")
    if process.adopt():
        process.wait_ready(facts_file(data_dir).exists, READY_S)
        return facts(conf)
    argv = [sys.executable, "-m", "runtime.cli", "up", "--data-dir", str(data_dir)]
    argv += ["--port", str(wanted.url), "--kafka-port", str(wanted.kafka), "--registry-port", str(wanted.registry)]
    argv += ["--gateway-port", str(wanted.gateway)]
    facts_file(data_dir).unlink(missing_ok=True)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process.start(argv, env=env)
    try:
        process.wait_ready(facts_file(data_dir).exists, 240.0)
    except ServerFailed:
        process.stop(STOP_S)
        raise
    return facts(conf)


def down(data_dir: Path) -> list[str]:
    """Stops everything that runs for the data directory, and returns the names of what it stopped."""
    data_dir = data_dir.expanduser().absolute()
    first = ManagedProcess(data_dir, "platform")
    stopped = []
    running = [process.name for process in recorded(data_dir)]
    if first.adopt():
        first.stop(4 * STOP_S)
        stopped.append(first.name)
    for process in sorted(recorded(data_dir), key=lambda each: each.name == "kafka"):  # Kafka last
        process.stop(STOP_S)
        stopped.append(process.name)
    facts_file(data_dir).unlink(missing_ok=True)
    return sorted(set(running) | set(stopped))


def stop_on_signals(act: Callable[[], None]) -> None:
    """Calls `act` at the first SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: act())
