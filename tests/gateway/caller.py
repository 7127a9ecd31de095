"""A caller that sends what it is told byte for byte, over connections that it keeps."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

HOST = "127.0.0.1"
ANSWER_S, SETTLED_S = 60.0, 60.0


class NoAnswer(Exception):
    """The connection ended, or nothing came in time; `sent` is False when nobody can have read the request."""

    def __init__(self, sent: bool) -> None:
        super().__init__("no answer")
        self.sent = sent


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    """With names in small letters; of several of a name the last one."""
    body: bytes
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """The body, when it is JSON's object, else an empty one."""
        with suppress(ValueError):
            found = json.loads(self.body)
            if isinstance(found, dict):
                return found
        return {}

    @property
    def correlation_id(self) -> str:
        """The call's id, empty when the answer names none."""
        return str(self.document.get("correlation_id") or self.headers.get("auterity-correlation-id", ""))


class Caller:
    """One connection at a time to a port of this machine; used by one task."""

    def __init__(self, port: int, answer_s: float = ANSWER_S) -> None:
        self.port = port
        self._answer_s = answer_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Sends the bytes and returns the answer; raises NoAnswer. A connection closed meanwhile is renewed."""
        began = time.monotonic()
        sent = False
        try:
            if self._streams is None or self._streams[0].at_eof() or self._streams[1].is_closing():
                self.close()
                self._streams = await asyncio.open_connection(HOST, self.port, limit=1 << 20)
            reader, writer = self._streams
            writer.write(request)
            sent = True
            async with asyncio.timeout(self._answer_s):
                status, headers = await _head(reader)
                body = await _body(reader, headers, status, request.startswith(b"HEAD "))
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NoAnswer(sent) from error
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body, time.monotonic() - began)

    async def settled(self, request: bytes) -> Answer:
        """Returns an answer other than 503, which a machine that is busy gives, and which says: again."""
        deadline = time.monotonic() + SETTLED_S
        while (answer := await self.ask(request)).status == 503 and time.monotonic() < deadline:
            await asyncio.sleep(1.0)
        return answer

    def close(self) -> None:
        """Leaves the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()  # whatever was not sent yet: nobody waits for its answer
        self._streams = None


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None, host: str = "gateway"
) -> bytes:
    """Returns a request; a body that is no bytes goes as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    said = {"Host": host, **({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})}
    if body is not None or method in ("POST", "PUT", "PATCH"):
        said["Content-Length"] = str(len(content))
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + content


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status >= 200:  # what says only that the body may come is no answer
            break
    fields = (line.partition(":") for line in head[1:] if line)
    return status, {name.strip().lower(): value.strip() for name, _, value in fields}


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str], status: int, headless: bool) -> bytes:
    if headless or status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read()
