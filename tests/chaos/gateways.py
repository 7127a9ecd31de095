"""Gateways as processes, with the people, keys and routes that the tests of the gateway know."""

import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from runtime.deployment import prepare
from runtime.ports import choose
from runtime.secrets import FILE, Secrets, write_once
from runtime.settings import Settings
from schemas.codec import Codec
from tests.harness import ROOT, Worker, feed

SOURCE = "test/gateways"


def known() -> Any:
    """Returns the module of the matrix: its rows, its keys, its people.

    Tests of the gateway name their neighbours without a package, as pytest lets them.
    """
    place = str(ROOT / "tests" / "gateway")
    if place not in sys.path:
        sys.path.append(place)
    return import_module("tests.gateway.test_isolation")


class Gateway(Worker):
    """`auterity gateway` on a port that it keeps over restarts."""

    def __init__(self, servers: Any, folder: Path, options: str = "") -> None:
        [self.port] = choose("gateway", 0, [], 1)
        super().__init__(servers, "gateways", folder, f"gateway --port {self.port} {options}")
        many = str(10**9)  # callers are many more at an address than people are
        self._env |= {"AUTERITY_ADDRESS_CALLS_PER_MINUTE": many, "AUTERITY_STRANGER_CALLS_PER_MINUTE": many}

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid


@contextmanager
def gateways(servers: Any, codec: Codec, folder: Path, count: int, options: str = "") -> Iterator[list[Gateway]]:
    """Yields running gateways that share their secrets; what the tests of the gateway know is on the log."""
    known()
    said, world = import_module("gateway_calls"), import_module("tests.gateway.conftest")
    prepare(servers.bootstrap, servers.registry, Settings(), [])
    definitions = [event for history in world.known()._history.values() for _, event in history]
    feed(servers, [codec.encode(event, SOURCE) for event in definitions])
    secrets = msgspec.json.encode(Secrets(b64encode(bytes(32)).decode(), [said.SIGNING]))
    with ExitStack() as stack:
        found = []
        for number in range(count):
            place = folder / f"gateway-{number}"
            write_once(place / FILE, secrets)
            gateway = Gateway(servers, place, options)
            stack.push(gateway)  # before it starts: one that does not is ended, too
            gateway.start()
            found.append(gateway)
        yield found
