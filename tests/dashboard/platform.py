"""The platform as `auterity up` starts it, with two tenants and a person of each role in both."""

import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pyotp

from connectors.registry import Registry
from domain.identity import PLATFORM
from runtime.ask import TOKEN
from runtime.processes import ManagedProcess
from runtime.secrets import FILE, Secrets, write_once
from runtime.settings import Settings
from runtime.status import lags
from schemas.events import Event
from schemas.record import Outgoing
from sinks.client import query
from tests.chaos.gateways import known
from tests.harness import ROOT, feed, records, until

PERSON = "operator"
"""Who has a second factor, in each tenant."""
REAL = "other"
"""The tenant of which nothing on the log is made up but what its test says; that of most tests is acme."""
STARTS_MAX = 3
"""A machine with much else to do may not have it ready within the time that a start has: the next one is quicker."""
GIVE_UP_S = 120.0
MANY = str(10**9)


class Platform:
    """Where the page is, who may sign in, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = ""
        self.recovery: dict[str, list[str]] = {}
        """Codes of the person's in each tenant, each good once."""
        self.url = self.bootstrap = self.registry = self._analytics = ""

    def start(self) -> None:
        """Returns when all of it is ready, and the people are known."""
        known()
        said, world = import_module("gateway_calls"), import_module("tests.gateway.conftest")
        self.password = said.PASSWORD
        write_once(self.folder / FILE, msgspec.json.encode(Secrets(b64encode(bytes(32)).decode(), [said.SIGNING])))
        for number in range(STARTS_MAX):
            done = self._run("up", "--detach", "--json")
            if not done.returncode:
                break
            assert number < STARTS_MAX - 1, done.stderr
        facts = json.loads(done.stdout)
        self.url, self.bootstrap, self._analytics = facts["gateway"], facts["kafka"], facts["url"]
        self.registry = facts["registry"]
        registry = Registry(self.registry)
        self.codec = registry.codec()
        registry.close()
        history = world.known()._history.values()
        self.say([event for each in history for _, event in each if event.tenant_id != PLATFORM])
        self.recovery = {tenant: self._enrolled(tenant) for tenant in ("acme", REAL)}

    def stop(self) -> None:
        """Ends all of it."""
        self.auterity("down")

    def auterity(self, *words: str) -> Any:
        """Runs a command; returns the JSON that it prints."""
        done = self._run(*words, "--json")
        assert not done.returncode, done.stderr
        return json.loads(done.stdout)

    def begun(self, *words: str) -> "subprocess.Popen[bytes]":
        """Begins a command."""
        return subprocess.Popen(self._argv(*words), env=self._env(), stdout=subprocess.DEVNULL, cwd=ROOT)

    def rows(self, sql: str, tenant: str = "acme") -> list[list[Any]]:
        """Asks the analytics as `auterity query` does, without a process for each question."""
        return query(self._analytics, (self.folder / TOKEN).read_text(), sql, tenant, 60).rows

    def settle(self) -> None:
        """Returns when every stage has taken all of its topics, twice running. Runs that a test made up stay open."""
        idle = 0

        def quiet() -> bool:
            nonlocal idle
            idle = 0 if any(lags(self.bootstrap, Settings().group_prefix).values()) else idle + 1
            return idle >= 2

        until(quiet, GIVE_UP_S, 0.5)

    def say(self, events: Sequence[Event]) -> None:
        """Puts events on the log."""
        self.write([self.codec.encode(each, "test") for each in events])

    def write(self, outgoing: Sequence[Outgoing]) -> None:
        """Puts records on the log."""
        with ThreadPoolExecutor(1) as pool:  # as the browser's own loop runs in this thread
            pool.submit(feed, self, outgoing).result()

    def on_log(self, topic: str) -> list[Any]:
        """Returns the events of a topic, each with when Kafka took it."""
        return [(self.codec.decode(each), each.timestamp_ms) for each in records(self, topic)]

    @contextmanager
    def client(self, name: str = "", tenant: str = "acme") -> Iterator[httpx2.Client]:
        """Yields a client of the API: a person's, or with the key that writes events."""
        with httpx2.Client(base_url=f"{self.url}/api/v1", trust_env=False, timeout=GIVE_UP_S) as client:
            if name:
                said = {"tenant": tenant, "name": name, "password": self.password}
                token = client.post("/auth/login", json=said).raise_for_status().json()["access_token"]
            else:
                token = import_module("tests.gateway.conftest").key(tenant, "w").text
            client.headers["Authorization"] = f"Bearer {token}"
            yield client

    def process(self, name: str) -> ManagedProcess:
        """Returns a process of the platform's that is alive."""
        found = ManagedProcess(self.folder, name)
        assert found.adopt(), f"{name} does not run"
        return found

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """Ends processes of the platform's, which nobody starts again before the end of the context: who watches over
        them is frozen. Returns when they run again."""
        watcher = self.process("platform").record
        assert watcher is not None
        os.kill(watcher.pid, signal.SIGSTOP)
        try:
            for name in names:
                self.process(name).stop(GIVE_UP_S)
            yield
        finally:
            os.kill(watcher.pid, signal.SIGCONT)
        until(lambda: all(ManagedProcess(self.folder, name).adopt() for name in names), GIVE_UP_S)

    def _enrolled(self, tenant: str) -> list[str]:
        """Gives the person a second factor; returns the recovery codes."""
        with self.client(PERSON, tenant) as client:

            def post(path: str, said: Any) -> Any:
                return client.post(path, json=said).raise_for_status().json()

            secret = post("/auth/totp", {"password": self.password})["secret"]
            return list(post("/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})["recovery_codes"])

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._argv(*words), env=self._env(), capture_output=True, text=True, cwd=ROOT, timeout=600, check=False
        )

    def _argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "runtime.cli", *words, "--data-dir", str(self.folder)]

    def _env(self) -> dict[str, str]:
        limits = {"AUTERITY_ADDRESS_CALLS_PER_MINUTE": MANY, "AUTERITY_STRANGER_CALLS_PER_MINUTE": MANY}
        return {**os.environ, "PYTHONPATH": str(ROOT), **limits}
