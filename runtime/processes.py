"""Child processes that belong to a data directory: they outlive who started them, and are found again.

A process is known by its id and the moment it began, so an id that the system gave to another program is never
mistaken for ours. What each printed is in `logs/<name>.log`, what is known about it in `run/<name>.json`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.errors import ServerFailed

LOG_BYTES_MAX = 50 * 1024 * 1024
KILL_WAIT_S = 10.0
POLL_S = 0.05

# The shell waits for a line before it becomes the program. The record is written first, so there is no moment in
# which a started process is on no record; if we die before, its input ends and it goes without having begun.
_AFTER_RECORD = ("/bin/sh", "-c", 'read -r go || exit 1; exec "$@" </dev/null', "sh")


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a process; `setup` is what it was started with, for its owner to compare."""

    pid: int
    began: str
    ports: tuple[int, ...] = ()
    setup: str = ""


class ManagedProcess:
    """One process of a data directory, by name; at most one of that name is alive."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self.name = name
        self.log_file = data_dir / "logs" / f"{name}.log"
        self._record_file = data_dir / "run" / f"{name}.json"
        self._record: Record | None = None
        self._log_start = 0

    @property
    def record(self) -> Record | None:
        """Of the process that was started or adopted here; None before and after."""
        return self._record

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ports: tuple[int, ...] = (),
        setup: str = "",
    ) -> None:
        """Starts the program in a session of its own, holding none of our streams; its output goes to the log.

        Ctrl-C at the terminal does not reach it. Call adopt() or stop() first: what runs under this name is not
        looked for here.
        """
        for folder in (self.log_file.parent, self._record_file.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate_log()
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            process = subprocess.Popen(
                [*_AFTER_RECORD, *argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        try:
            self._remember(Record(process.pid, _began(process.pid) or "", ports, setup))
            _let_go(process)
        finally:
            # Collects the exit status while we live, so a dead child of ours is no zombie.
            threading.Thread(target=process.wait, name=f"wait-{self.name}", daemon=True).start()

    def adopt(self) -> bool:
        """Takes over the process on record, whoever started it; False when it is not alive."""
        try:
            facts = json.loads(self._record_file.read_text())
            record = Record(int(facts["pid"]), str(facts["began"]), tuple(facts["ports"]), str(facts["setup"]))
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if not _is_alive(record):
            return False
        self._record = record
        return True

    def alive(self) -> bool:
        """Whether the process started or adopted here still runs; a zombie does not."""
        return self._record is not None and _is_alive(self._record)

    def wait_ready(self, check: Callable[[], bool], timeout_s: float) -> None:
        """Returns once `check` is true; ServerFailed as soon as the process ends, or after `timeout_s`."""
        until = time.monotonic() + timeout_s
        while not check():
            if not self.alive():
                raise ServerFailed(self.name, "ended before it was ready", self.last_line(), self.log_file)
            if time.monotonic() > until:
                what = f"was not ready after {timeout_s:g} s"
                raise ServerFailed(self.name, what, self.last_line(), self.log_file)
            time.sleep(POLL_S)

    def stop(self, grace_s: float) -> None:
        """Asks the process to end, kills it and what it started after `grace_s`, and forgets it; may be repeated.

        Adopts the one on record when none was started here. When it returns the process is gone.
        """
        if self._record is not None or self.adopt():
            assert self._record is not None
            end(self._record, grace_s)
        self._record = None
        self._record_file.unlink(missing_ok=True)

    def last_line(self) -> str:
        """The line of the log that most likely says what went wrong since the start."""
        try:
            with self.log_file.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, size - 65536))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        told = [line.strip() for line in lines if line.strip() and not _is_stack(line)]
        blamed = [line for line in told if any(word in line for word in ("ERROR", "FATAL", "Error", "Exception"))]
        return (blamed or told or ["it wrote nothing"])[-1][:300]

    def _remember(self, record: Record) -> None:
        self._record = record
        fresh = self._record_file.with_suffix(".tmp")
        fresh.write_text(json.dumps(asdict(record)))
        fresh.replace(self._record_file)

    def _rotate_log(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))


def recorded(data_dir: Path) -> list[ManagedProcess]:
    """Every process of the data directory that is on record and alive, adopted."""
    processes = [ManagedProcess(data_dir, file.stem) for file in sorted((data_dir / "run").glob("*.json"))]
    return [process for process in processes if process.adopt()]


def identify(pid: int) -> Record | None:
    """The process that has this id now, if any."""
    began = _began(pid)
    return Record(pid, began) if began else None


def end(record: Record, grace_s: float) -> None:
    """Ends the process: asked first, killed (with its session) after `grace_s`; ServerFailed if even that fails."""
    _signal(record, signal.SIGTERM)
    _signal(record, signal.SIGCONT)  # a frozen one hears nothing until it goes on
    if _gone_within(record, grace_s):
        return
    _signal(record, signal.SIGKILL)
    if not _gone_within(record, KILL_WAIT_S):
        raise ServerFailed(f"process {record.pid}", "could not be ended", "it survived SIGKILL", Path(os.devnull))


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    try:
        with process.stdin as waiting:
            waiting.write(b"go\n")
    except BrokenPipeError:
        pass  # it is dead already, which wait_ready() reports


def _signal(record: Record, number: signal.Signals) -> None:
    if not _is_alive(record):
        return
    try:
        if number is signal.SIGKILL and os.getpgid(record.pid) == record.pid:
            os.killpg(record.pid, number)
        else:
            os.kill(record.pid, number)
    except ProcessLookupError:
        pass  # it went by itself in this moment


def _gone_within(record: Record, timeout_s: float) -> bool:
    until = time.monotonic() + timeout_s
    while _is_alive(record):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


def _is_alive(record: Record) -> bool:
    return record.began != "" and _began(record.pid) == record.began


def _began(pid: int) -> str | None:
    """When the process began, in words that differ between any two processes of one id; None if dead or a zombie."""
    return _began_linux(pid) if sys.platform == "linux" else _began_elsewhere(pid)


def _began_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    state, ticks_since_boot = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{ticks_since_boot}"


def _began_elsewhere(pid: int) -> str | None:
    asked = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/bin:/usr/bin"},
        check=False,
    )
    state, _, began = asked.stdout.strip().partition(" ")
    return began.strip() if began and not state.startswith("Z") else None


def _is_stack(line: str) -> bool:
    text = line.strip()
    return text.startswith("at ") or (text.startswith("...") and text.endswith("more"))
