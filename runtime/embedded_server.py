"""What the embedded servers have in common: found again, replaced when sick, started, asked, stopped."""

import fcntl
import os
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from runtime import ports
from runtime.data_dir import unusable
from runtime.errors import ServerFailed
from runtime.jars import Progress
from runtime.processes import ManagedProcess, end, identify

PORT_WAIT_S = 5.0
STOP_GRACE_S = 15.0
ADOPTED_READY_S = 5.0
START_S = 120.0


@dataclass(frozen=True, slots=True)
class Launch:
    """What a server is started with; two equal ones need no restart between them."""

    argv: tuple[str, ...]
    config: str = ""
    env: tuple[tuple[str, str], ...] = ()

    @property
    def setup(self) -> str:
        return sha256(repr((self.argv, self.config, self.env)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a person is told of a server; `pid` is None while it is down."""

    name: str
    version: str
    address: str
    pid: int | None
    log_file: Path


class EmbeddedServer(ABC):
    """A real server on this machine whose state lies in the data directory.

    Two of one data directory must not be started at the same time (`data_dir.locked`); different ones may, from
    different threads.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    port_count: ClassVar[int] = 2

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self._home = data_dir / self.name
        self._process = ManagedProcess(data_dir, self.name)
        self._ports_file = data_dir / "run" / f"{self.name}.ports"
        self._wanted_port = port
        self._ports = tuple(ports.remembered(self._ports_file))

    def start(self, progress: Progress) -> None:
        """Returns when the server is ready: one that lives, is healthy and was set up as asked is taken over.

        Any other that lives on this data directory is stopped first. Raises an AuterityError, with nothing left
        running, when it cannot be had.
        """
        self._provide(progress)
        if self._adopted():
            return
        try:
            self._restart(progress)
        except OSError as error:
            self._process.stop(STOP_GRACE_S)
            raise unusable(self._home, error) from error
        except BaseException:  # also Ctrl-C: nobody would know of a server that is half there
            self._process.stop(STOP_GRACE_S)
            raise

    def _restart(self, progress: Progress) -> None:
        self._process.stop(STOP_GRACE_S)
        self._end_stranger()
        ports.wait_free(self._ports, PORT_WAIT_S)  # or clients that hold the address would never find it again
        self._ports = tuple(ports.choose(self.name, self._wanted_port, self._ports, self.port_count))
        ports.remember(self._ports_file, self._ports)
        progress(f"starting {self.name.capitalize()} {self.version}")
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prepare()
        launch = self._launch()
        self._process.start(launch.argv, env=dict(launch.env), cwd=self._home, ports=self._ports, setup=launch.setup)
        self._process.wait_ready(self.ready, START_S)
        self._settle()

    def stop(self) -> None:
        """Asks the server to end cleanly and kills it after 15 s; works on one that another command started."""
        self._process.stop(STOP_GRACE_S)

    def alive(self) -> bool:
        """Whether its process lives."""
        return self._found()

    def ready(self) -> bool:
        """Whether it lives and answers a client now; never raises, and takes some 3 s at most."""
        return self._found() and self._answers()

    @property
    @abstractmethod
    def address(self) -> str:
        """What a client connects to."""

    @property
    def facts(self) -> ServerFacts:
        """Also of a server that another command started."""
        record = self._process.record if self._found() else None
        pid = record.pid if record else None
        return ServerFacts(self.name, self.version, self.address, pid, self._process.log_file)

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client's request to its ports succeeds."""

    @abstractmethod
    def _provide(self, progress: Progress) -> None:
        """Finds Java and the jars, before anything is touched."""

    @abstractmethod
    def _prepare(self) -> None:
        """Writes what the server reads when it starts."""

    @abstractmethod
    def _launch(self) -> Launch:
        """The command for the ports of this moment."""

    @abstractmethod
    def _settle(self) -> None:
        """What must be set in the running server before anybody uses it."""

    @abstractmethod
    def _lock_file(self) -> Path:
        """What the server itself locks as long as it lives."""

    def _found(self) -> bool:
        """Whether it lives, started here or by another command; then its ports are the ones it has."""
        if not self._process.alive() and not self._process.adopt():
            return False
        record = self._process.record
        if record is None or len(record.ports) != self.port_count:
            return False
        self._ports = record.ports
        return True

    def _adopted(self) -> bool:
        """Whether the server that lives is the one that is asked for, and healthy."""
        if not self._found():
            return False
        record = self._process.record
        if self._wanted_port not in (0, self._ports[0]) or record is None or record.setup != self._launch().setup:
            return False
        try:
            self._process.wait_ready(self.ready, ADOPTED_READY_S)
            self._settle()
        except ServerFailed:
            return False
        return True

    def _end_stranger(self) -> None:
        """Ends a server that still holds our data though no record names it."""
        pid = lock_holder(self._lock_file())
        stranger = identify(pid) if pid else None
        if stranger:
            end(stranger, STOP_GRACE_S)


def java_env(environ: Mapping[str, str] = os.environ) -> tuple[tuple[str, str], ...]:
    """The environment of a Java server: nothing a person's shell happens to set changes how it runs."""
    kept = {name: environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in environ}
    return tuple(sorted({**kept, "LC_ALL": "C.UTF-8"}.items()))  # or Java cannot open paths beyond ASCII


def lock_holder(file: Path) -> int | None:
    """The process that holds a record lock (Java's FileChannel.lock) on the file, if any."""
    # struct flock in native sizes. Linux: l_type, l_whence, l_start, l_len, l_pid;
    # macOS: l_start, l_len, l_pid, l_type, l_whence.
    linux = sys.platform == "linux"
    shape = "hhqqi4x" if linux else "qqihh"
    asked = struct.pack(shape, *((fcntl.F_WRLCK, 0, 0, 0, 0) if linux else (0, 0, 0, fcntl.F_WRLCK, 0)))
    try:
        with file.open("rb+") as opened:
            answer = struct.unpack(shape, fcntl.fcntl(opened, fcntl.F_GETLK, asked))
    except OSError:
        return None
    kind, pid = (answer[0], answer[4]) if linux else (answer[3], answer[2])
    return None if kind == fcntl.F_UNLCK else int(pid)
