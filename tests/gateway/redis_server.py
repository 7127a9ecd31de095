"""A real Redis for tests, that can be stopped."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.ports import choose, is_open
from tests.harness import until


class RedisServer:
    """A Redis that can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = choose("redis", 0, [], 1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("there is no redis-server on the PATH")
        argv = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
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


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()
