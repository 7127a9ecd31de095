"""A real Redis for tests, that can be stopped."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import servers
from runtime.ports import choose, is_open
from tests.harness import until
from tests.servers import had


class RedisServer:
    """A Redis that can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = choose("redis", 0, [], 1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = had(lambda: servers.program("redis-server", lambda _: None))
        argv = [str(program), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        until(lambda: is_open(self.port), 10)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails for being slow: a machine may be busy."""
    monkeypatch.setattr("gateway.limits.ANSWER_S", 10.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()
