"""A supervisor: keeps the number of processes constant, whatever ends them, and lets faults reach them."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from tests.chaos.part import Part
from tests.harness import ROOT, until

POLL_S = 0.05
PAUSES_S = (0.1, 0.5, 1.0, 2.0)
"""Before a process that ended soon after its start is started again; the last one again and again."""
SOON_S = 8.0
START_S = 90.0
ENGINE_FILES = (".sst", "/store/", "/task/")
"""In the paths of RocksDB's tables, of ClickHouse's parts, and of what ClickHouse reads of each of its threads."""
TOLD = 8
"""Lines of a log."""
STOP_S = 10.0
"""A process that SIGTERM has not ended by then is killed."""


class Member:
    """One process that is kept running."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.exits: list[int] = []
        """How it ended each time: exit status, or minus the signal."""
        self.lock = threading.RLock()
        self.held = False
        self._began = 0.0
        self._failed = 0
        self._ended = 0.0

    @property
    def pid(self) -> int:
        """Its process id, 0 when it is not there."""
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def start(self) -> None:
        """Starts it unless it runs."""
        with self.lock:
            if self.pid:
                return
            part = self.part
            part.folder.mkdir(parents=True, exist_ok=True)
            part.ready.unlink(missing_ok=True)
            if len(self.exits) < self.starts and self.process is not None:
                self.exits.append(self.process.returncode)
            self.starts += 1
            self._began = time.monotonic()
            with (part.folder / "part.log").open("ab") as log:
                self.process = subprocess.Popen(_argv(part), env=_env(part), stdout=log, stderr=log, cwd=ROOT)

    def again(self) -> None:
        """Starts it again when it has ended, after a pause when it ended soon."""
        with self.lock:
            if self.held or self.process is None or self.process.poll() is None:
                return
            if len(self.exits) < self.starts:
                self.exits.append(self.process.returncode)
                soon = time.monotonic() - self._began < SOON_S
                self._failed = self._failed + 1 if soon else 0
                self._ended = time.monotonic()
            pause = PAUSES_S[min(self._failed, len(PAUSES_S) - 1)] if self._failed else 0.0
            if time.monotonic() >= self._ended + pause:
                self.start()

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal; False when it is not there."""
        with self.lock:
            if not self.pid:
                return False
            os.kill(self.pid, number)
            return True


class Crew:
    """The processes of one run; used as a context, after which none is left."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.members = {part.name: Member(part) for part in parts}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="crew", daemon=True)

    def __enter__(self) -> "Crew":
        for member in self.members.values():
            member.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ready(self, names: Iterable[str] = ()) -> None:
        """Returns when each of them (none named: all) has said that it runs."""
        wanted = [self.members[name] for name in names] or list(self.members.values())
        until(lambda: all(each.part.ready.exists() for each in wanted), START_S)

    def kill(self, name: str) -> bool:
        """kill -9; it is started again."""
        return self.members[name].send(signal.SIGKILL)

    def term(self, name: str) -> float:
        """SIGTERM; returns after how many seconds it ended, and kills it after 10."""
        member = self.members[name]
        process, began = member.process, time.monotonic()
        assert process is not None
        member.part.ready.unlink(missing_ok=True)
        member.send(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return STOP_S + 1
        return time.monotonic() - began

    def freeze(self, name: str, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self.members[name].send(signal.SIGSTOP)
        time.sleep(for_s)
        self.members[name].send(signal.SIGCONT)

    def hold(self, name: str) -> None:
        """Kills the process, and does not start it again."""
        member = self.members[name]
        with member.lock:
            member.held = True
            member.send(signal.SIGKILL)
            if member.process is not None:
                member.process.wait()

    def release(self, name: str) -> None:
        """Starts a process again that was held."""
        member = self.members[name]
        with member.lock:
            member.held = False
            member.start()

    def release_without_disk(self, name: str) -> None:
        """Takes the folder of a process that was held away, and starts it again."""
        shutil.rmtree(self.members[name].part.folder, ignore_errors=True)
        self.release(name)

    def replace(self, name: str, release: Path | None) -> None:
        """Ends the process with SIGTERM, and starts it with the schemas of this release (None: ours)."""
        member = self.members[name]
        member.part = msgspec.structs.replace(member.part, evolved=release)
        self.term(name)

    def stop(self) -> None:
        """Ends all: asked first, killed after 10 s."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        for member in self.members.values():
            member.send(signal.SIGCONT)
            member.send(signal.SIGTERM)
        until_s = time.monotonic() + STOP_S
        for member in self.members.values():
            if member.process is None:
                continue
            try:
                member.process.wait(max(0.1, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()

    def tell_logs(self) -> None:
        """Prints how each process ended, and what its log said last of the beginning and the end of a life."""
        for name, member in self.members.items():
            log = member.part.folder / "part.log"
            lines = log.read_text(errors="replace").splitlines() if log.exists() else ["no log"]
            wrong = [each for each in lines if "Traceback" in each or '"ERROR"' in each or "Error" in each][-TOLD:]
            told = [*wrong, *lines[-TOLD:]]
            print(f"-- {name}: {member.exits}", *(each[:600] for each in told), sep="\n", file=sys.stderr)

    def facts(self) -> dict[str, int]:
        """Returns how often each was started."""
        return {name: member.starts for name, member in self.members.items()}

    def _watch(self) -> None:
        while not self._stopped.wait(POLL_S):
            for member in self.members.values():
                member.again()


def _argv(part: Part) -> list[str]:
    if part.ours:
        return [sys.executable, "-m", "tests.chaos.pipeline", part.text()]
    return [sys.executable, "-m", "runtime.cli", part.role]


def _env(part: Part) -> dict[str, str]:
    ours = {
        "AUTERITY_KAFKA": part.bootstrap,
        "AUTERITY_REGISTRY": part.registry,
        "AUTERITY_GROUP_PREFIX": part.prefix,
        "AUTERITY_DATA_DIR": str(part.folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": str(part.hash_seed),
    }
    return {**os.environ, **ours}


def usage(pid: int) -> tuple[float, float, int, int]:
    """Returns CPU seconds, resident MB, open files of a process, and how many more its engines hold."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    with open(f"/proc/{pid}/statm") as statm:  # noqa: PTH123
        pages = int(statm.read().split()[1])
    ticks = os.sysconf("SC_CLK_TCK")
    engines = files = 0
    for each in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            target = os.readlink(each.path)  # noqa: PTH115
            engines += (engine := any(part in target for part in ENGINE_FILES))
            files += not engine
    cpu_s = (int(fields[11]) + int(fields[12])) / ticks
    return cpu_s, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, files, engines
