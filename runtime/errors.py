"""What can go wrong while the platform is put together, each as one line for the person at the terminal.

RuntimeFailed (an AuterityError)
|-- DataDirUnusable   the data directory is full, read-only, or no directory
|-- DataDirBusy       another command works on it
|-- PortTaken         a port that was asked for by number
|-- JavaUnusable      JAVA_HOME names no Java, or one that is too old
|-- JarsUnavailable   a server's jars are neither cached nor to be had
|-- SecretsUnusable   the secrets are damaged, others can read them, or Vault does not answer
|-- NotRunning        a command that needs the running platform
'-- ServerFailed      a process of ours ended or never became ready
"""

from dataclasses import dataclass
from pathlib import Path

from schemas.errors import AuterityError


class RuntimeFailed(AuterityError):
    """The platform cannot go on."""

    def __str__(self) -> str:
        """The class's docstring with the facts in place: one line, whatever the facts hold."""
        return " ".join((self.__doc__ or "").format(**vars(self)).split())


@dataclass(eq=False)
class DataDirUnusable(RuntimeFailed):
    """The data directory {folder} cannot be used: {reason}."""

    folder: Path
    reason: str


@dataclass(eq=False)
class DataDirBusy(RuntimeFailed):
    """The data directory {folder} is in use by process {pid}; stop it first, or choose another with --data-dir."""

    folder: Path
    pid: int


@dataclass(eq=False)
class PortTaken(RuntimeFailed):
    """Port {port} for {server} is taken by another program; choose another, or 0 for any free one."""

    port: int
    server: str


@dataclass(eq=False)
class JavaUnusable(RuntimeFailed):
    """No usable Java {wanted} or newer: {reason}."""

    wanted: int
    reason: str


@dataclass(eq=False)
class JarsUnavailable(RuntimeFailed):
    """{coordinate} is not cached and could not be downloaded: {reason}."""

    coordinate: str
    reason: str


@dataclass(eq=False)
class ServerFailed(RuntimeFailed):
    """{name} {what}: {last_line} (log: {log_file})"""

    name: str
    what: str
    last_line: str
    log_file: Path


@dataclass(eq=False)
class SecretsUnusable(RuntimeFailed):
    """The secrets in {place} cannot be used: {reason}."""

    place: Path | str
    reason: str


@dataclass(eq=False)
class NotRunning(RuntimeFailed):
    """No platform is running on the data directory {folder}; start it with `auterity up`."""

    folder: Path
