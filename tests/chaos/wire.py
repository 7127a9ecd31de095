"""A wire between clients and the broker on which what is written to a topic, or the answer to it, gets lost."""

import socket
import threading
from contextlib import suppress

from runtime.ports import HOST

PRODUCE = 0
REQUEST, ANSWER = "request", "answer"


class Wire:
    """Passes Kafka's frames on; the broker is told to clients as being here. Used as a context."""

    def __init__(self, bootstrap: str) -> None:
        self._broker = int(bootstrap.split(":")[1])
        self._listener = socket.create_server((HOST, 0))
        self._port = self._listener.getsockname()[1]
        self._lost: tuple[str, bytes] | None = None
        self._ends: set[socket.socket] = set()
        self.lost = 0
        """Frames that were lost."""

    @property
    def bootstrap(self) -> str:
        """Where clients connect to."""
        return f"{HOST}:{self._port}"

    def lose(self, what: str, topic: str) -> None:
        """From now on loses the request or the answer of each write to the topic."""
        self._lost = what, topic.encode()

    def heal(self) -> None:
        """From now on loses nothing."""
        self._lost = None

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._accept, name="wire", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listener, *self._ends]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    broker = socket.create_connection((HOST, self._broker))
                except OSError:
                    client.close()
                    continue
                self._ends |= {client, broker}
                drop: set[bytes] = set()
                for way in (self._requests, self._answers):
                    threading.Thread(target=way, args=(client, broker, drop), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, drop: set[bytes]) -> None:
        with suppress(OSError):
            while (frame := _frame(client)) is not None:
                lost = self._lost
                if lost is not None and int.from_bytes(frame[4:6]) == PRODUCE and lost[1] in frame:
                    self.lost += 1
                    if lost[0] == REQUEST:
                        continue
                    drop.add(frame[8:12])
                broker.sendall(frame)
        _close(client, broker)

    def _answers(self, client: socket.socket, broker: socket.socket, drop: set[bytes]) -> None:
        there, here = (HOST.encode() + port.to_bytes(4) for port in (self._broker, self._port))
        with suppress(OSError):
            while (frame := _frame(broker)) is not None:
                if frame[4:8] in drop:
                    drop.discard(frame[4:8])
                    continue
                client.sendall(frame.replace(there, here) if len(frame) < 65536 else frame)
        _close(client, broker)


def _frame(end: socket.socket) -> bytes | None:
    """Returns the next frame with its length before it, None when there is none any more."""
    head = _exactly(end, 4)
    body = _exactly(end, int.from_bytes(head)) if head is not None else None
    return None if head is None or body is None else head + body


def _exactly(end: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        part = end.recv(min(size - len(found), 1 << 20))
        if not part:
            return None
        found += part
    return bytes(found)


def _close(*ends: socket.socket) -> None:
    for each in ends:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
