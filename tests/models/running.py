"""The test server as a process, and its controls."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"


class ModelServer:
    """Where it listens, what it was asked, what its models are told to do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://{HOST}:{port}/v1"

    def calls(self) -> list[dict[str, Any]]:
        """Returns the provider's books, oldest first."""
        return msgspec.json.decode(self._sent("GET", "/calls"), type=list[dict[str, Any]])

    def bill(self) -> dict[str, int]:
        """Returns calls, billed, cost_usd_micros, keys_twice."""
        return msgspec.json.decode(self._sent("GET", "/bill"), type=dict[str, int])

    def forget(self) -> None:
        """Empties the books, and all that models were told to do."""
        self._sent("DELETE", "/calls")

    def script(self, model: str, **what: Any) -> None:
        """Tells a model what to do: `misdeed={"name": ..., "times": ...}`, `answer`, `latency_ms`."""
        self._sent("PUT", f"/models/{model}", msgspec.json.encode(what))

    def _sent(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = Request(f"http://{HOST}:{self.port}{path}", body, method=method)
        with urlopen(request, timeout=10) as answer:
            data: bytes = answer.read()
            return data


@contextmanager
def model_server(latency_ms: int = 50, prices: dict[str, tuple[int, int]] | None = None) -> Iterator[ModelServer]:
    """Runs the server until the block ends."""
    command = [sys.executable, "-m", "tests.models.server", "--latency-ms", str(latency_ms)]
    command += ["--prices", msgspec.json.encode(prices or {}).decode()]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield ModelServer(msgspec.json.decode(process.stdout.readline())["port"])
        finally:
            process.terminate()
