"""Ports on the loopback address: which are free, and which a server of a data directory had before."""

import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import PortTaken

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now; connections that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return not is_open(port)  # macOS lets a second program bind next to one that listens on all addresses


def is_open(port: int, timeout_s: float = 0.5) -> bool:
    """Whether somebody accepts connections on the port."""
    try:
        socket.create_connection((HOST, port), timeout_s).close()
    except OSError:
        return False
    return True


def choose(server: str, wanted: int, remembered: Iterable[int], count: int) -> list[int]:
    """`count` different free ports, the wanted one first.

    A wanted port of 0 means any: then the remembered ones are taken where they are still free, so that a platform
    that restarts keeps its addresses. Raises PortTaken when a port asked for by number is not free.
    """
    if wanted and not is_free(wanted):
        raise PortTaken(wanted, server)
    before = list(remembered)
    before += [0] * (count - len(before))
    if wanted:
        before[0] = wanted
    chosen: list[int] = []
    for port in before[:count]:
        chosen.append(port if port and port not in chosen and is_free(port) else _any_free(chosen))
    return chosen


def wait_free(ports: Iterable[int], timeout_s: float) -> None:
    """Returns when all ports are free, or after the time: a killed server holds its own for a moment."""
    until = time.monotonic() + timeout_s
    while not all(map(is_free, ports)) and time.monotonic() < until:
        time.sleep(0.05)


def remember(file: Path, ports: Iterable[int]) -> None:
    """Keeps the ports for the next start."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(list(ports)))


def remembered(file: Path) -> list[int]:
    """The ports of the last start, or none; an unreadable file counts as none."""
    try:
        ports = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    return [port for port in ports if isinstance(port, int) and 0 < port < 65536] if isinstance(ports, list) else []


def _any_free(but: list[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in but:
            return port
