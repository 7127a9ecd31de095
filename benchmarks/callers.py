"""Callers over many connections: as fast as they are answered, or at a rate that waits for nobody."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, cast

from msgspec import Struct, field

HOST = "127.0.0.1"
ANSWER_S = 30.0


class Load(Struct):
    """What came back: answers by status (0: none), and the milliseconds that each took."""

    statuses: Counter[int] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Line(asyncio.Protocol):
    """One connection, which is renewed when it was closed; a request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._got = b""

    async def ask(self, request: bytes) -> int:
        """Returns the status of the answer, 0 when there is none."""
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            try:
                await loop.create_connection(lambda: self, HOST, self._port)
            except OSError:
                return 0
        if self._transport is None:
            return 0  # closed again at once
        self._answer, self._got = loop.create_future(), b""
        self._transport.write(request)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answer
        except TimeoutError:
            self.close()
            return 0

    def close(self) -> None:
        """Leaves the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, gap, body = self._got.partition(b"\r\n\r\n")
        if gap and len(body) >= _length(head) and self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)


async def flat_out(port: int, request: bytes, connections: int, under_way: int, seconds: float) -> Load:
    """Sends the request again and again, so many at a time, over all connections in turn."""
    lines = await _opened(port, connections)
    load, began = Load(), time.monotonic()
    free = asyncio.Semaphore(under_way)

    async def work(line: Line) -> None:
        while True:
            async with free:
                if time.monotonic() > began + seconds:
                    return
                await _timed(line, request, load, time.monotonic())

    await asyncio.gather(*map(work, lines))
    load.seconds = time.monotonic() - began
    return _left(lines, load)


async def paced(port: int, request: bytes, connections: int, rate: float, seconds: float) -> Load:
    """Sends so many requests a second, each when its moment has come; a wait for a free connection counts."""
    lines = await _opened(port, connections)
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    load, began = Load(), time.monotonic()
    tasks = set()

    async def one(moment: float) -> None:
        line = await free.get()
        await _timed(line, request, load, moment)
        free.put_nowait(line)

    for number in range(int(rate * seconds)):
        moment = began + number / rate
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        tasks.add(asyncio.ensure_future(one(moment)))
    await asyncio.gather(*tasks)
    load.seconds = time.monotonic() - began
    return _left(lines, load)


def run(work: Callable[[], Coroutine[Any, Any, Load]]) -> Load:
    """Runs one load to its end."""
    import uvloop

    return uvloop.run(work())


async def _opened(port: int, connections: int) -> list[Line]:
    lines = [Line(port) for _ in range(connections)]
    loop = asyncio.get_running_loop()
    for line in lines:
        await loop.create_connection(lambda line=line: line, HOST, port)  # type: ignore[misc]
    return lines


async def _timed(line: Line, request: bytes, load: Load, moment: float) -> None:
    load.statuses[await line.ask(request)] += 1
    load.took_ms.append((time.monotonic() - moment) * 1000)


def _left(lines: list[Line], load: Load) -> Load:
    for line in lines:
        line.close()
    return load


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0
