"""Many look on live: from Kafka's acknowledgement of an event to each of so many WebSockets.

`python -m benchmarks.gateway_readers [--readers 2000] [--seconds 20] [--rate 10]` starts servers and a gateway of its
own, ends by itself, and prints one line. Readers are bare sockets: what they do is not measured.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import uuid4

import uvloop
from msgspec import Struct

from benchmarks.cores import cores
from benchmarks.process import ROOT
from benchmarks.servers import Servers, running
from connectors.publisher import KafkaPublisher
from runtime.definitions import put, read
from runtime.keys import create
from schemas.events import RunStatus, WorkflowRun

TENANT = "acme"
START_S, DRAIN_S, CONNECT_S = 120.0, 10.0, 120.0
AT_ONCE = 20
"""Handshakes under way at a time."""
SPARE_FILES = 500
LATER_S = 1.0


class Later(Exception):
    """The gateway takes no connection now: the machine is busy with something else."""


class Wanted(Struct, frozen=True):
    """What is measured."""

    readers: int
    seconds: float
    rate: float

    @property
    def events(self) -> int:
        """How many events are said."""
        return int(self.seconds * self.rate)


class Told:
    """When which event came to how many readers."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, float] = {}
        self.came: list[tuple[bytes, float]] = []
        self.ready = 0


class Reader(asyncio.Protocol):
    """One WebSocket: shakes hands, then notes what comes and when. What a server sends has no mask."""

    def __init__(self, told: Told, hello: bytes) -> None:
        self._told = told
        self._hello = hello
        self._left = b""
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(self._hello)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("refused"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        now = time.monotonic()
        data = self._left + data
        if not self.open.done():
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._left = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                refusal = Later if head.startswith(b"HTTP/1.1 503 ") else ConnectionError
                self.open.set_exception(refusal(head[:100].decode()))
                return
            self.open.set_result(None)
        while len(data) >= 2:
            size, at = data[1], 2
            if size >= 126:
                at = 4 if size == 126 else 10
                size = int.from_bytes(data[2:at])
            if len(data) < at + size or len(data) < at:
                break
            if data[0] == 0x81:
                self._told.came.append((data[at : at + size], now))
            elif data[0] == 0x89:  # a ping: its pong has a mask of zeros
                self._transport.write(bytes((0x8A, 0x80 | size, 0, 0, 0, 0)) + data[at : at + size])
            data = data[at + size :]
        self._left = data


def main() -> None:
    """Measures once."""
    parser = argparse.ArgumentParser(description="Many look on live.")
    parser.add_argument("--readers", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=10.0, help="events a second")
    said = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with it
    wanted = Wanted(said.readers, said.seconds, said.rate)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(4096, 2 * wanted.readers + SPARE_FILES)), most))
    with running(cores(), lambda _: None) as servers:
        now = datetime.now(UTC)
        known = read(servers.bootstrap, servers.codec)
        put(servers.bootstrap, "benchmark", [("tenant", {"id": TENANT})], known, servers.codec, now, TENANT)
        key = create(servers.bootstrap, servers.registry, TENANT, ["runs:read"], 1, "benchmark")["key"]
        with _gateway(servers, wanted.readers) as (pid, address):
            line = uvloop.run(_measured(servers, wanted, address, key))
            print(f"{line}; the gateway took {_memory_mib(pid)} MiB and {_cpu_s(pid):.0f} s of a core")


@contextmanager
def _gateway(servers: Servers, readers: int) -> Iterator[tuple[int, str]]:
    folder = servers.folder / "gateway"
    env = {
        **os.environ,
        "AUTERITY_KAFKA": servers.bootstrap,
        "AUTERITY_REGISTRY": servers.registry,
        "AUTERITY_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "-m", "runtime.cli", "gateway", "--port", "0", "--live-max", str(readers)]
    folder.mkdir()
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(argv, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process.pid, _ready(folder / "run" / "gateway.ready", process)
    finally:
        process.terminate()
        process.wait(30)


def _memory_mib(pid: int) -> int:
    """Returns the most memory that the process has had."""
    said = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in said if line.startswith("VmHWM")).split()[1]) // 1024


def _cpu_s(pid: int) -> float:
    """Returns the time that the process has had on cores."""
    said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(said[11]) + int(said[12])) / os.sysconf("SC_CLK_TCK")


def _ready(file: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_S
    while not file.exists() or not file.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the gateway did not start")
        time.sleep(0.05)
    return file.read_text()


async def _measured(servers: Servers, wanted: Wanted, address: str, key: str) -> str:
    told = Told()
    host, _, port = address.removeprefix("http://").partition(":")
    hello = (
        f"GET /ws?channels=runs HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nX-API-Key: {key}\r\n\r\n"
    ).encode()
    turns = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()

    async def connect() -> asyncio.Transport:
        async with turns:
            while True:
                transport, reader = await loop.create_connection(lambda: Reader(told, hello), host, int(port))
                try:
                    await reader.open
                except Later:
                    await asyncio.sleep(LATER_S)
                else:
                    return transport

    began = time.monotonic()
    async with asyncio.timeout(CONNECT_S):
        sockets = await asyncio.gather(*(connect() for _ in range(wanted.readers)))
    connected_s = time.monotonic() - began
    async with KafkaPublisher(servers.bootstrap, "benchmark") as publisher:
        await publisher.publish([servers.codec.encode(_run(), "benchmark")])  # connects
        await asyncio.sleep(2.0)
        told.came.clear()
        begin = time.monotonic()
        for number in range(wanted.events):
            await asyncio.sleep(max(0.0, begin + number / wanted.rate - time.monotonic()))
            run = _run()
            await publisher.publish([servers.codec.encode(run, "benchmark")])
            told.acknowledged[run.event_id] = time.monotonic()
    await asyncio.sleep(DRAIN_S)
    for socket in sockets:
        socket.abort()
    return _line(wanted, told, connected_s)


def _run() -> WorkflowRun:
    name = str(uuid4())
    return WorkflowRun(
        event_id=name,
        tenant_id=TENANT,
        correlation_id=name,
        occurred_at=datetime.now(UTC),
        run_id=str(uuid4()),
        workflow="incident-triage",
        status=RunStatus.STARTED,
    )


def _line(wanted: Wanted, told: Told, connected_s: float) -> str:
    """Returns the figures, in milliseconds from the acknowledgement."""
    of_text: dict[bytes, list[float]] = {}
    late = []
    for text, came in told.came:
        if text not in of_text:
            said = [json.loads(line) for line in text.split(b"\n")]
            of_text[text] = [told.acknowledged[each["id"]] for each in said if each["type"] == "event"]
        late += [max(0.0, came - at) * 1000 for at in of_text[text]]
    late.sort()
    lost = wanted.readers * wanted.events - len(late)
    p50, p95, most = (late[min(len(late) - 1, int(len(late) * part))] for part in (0.5, 0.95, 1.0))
    return (
        f"readers {wanted.readers}, events {wanted.events} ({wanted.rate:g}/s), lost {lost}: "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {most:.0f} ms; connected in {connected_s:.1f} s, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
