"""Keeps processes of ours running: what ends by itself is started again, what does not stop in time is killed."""

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runtime.processes import ManagedProcess

log = logging.getLogger(__name__)

STOP_S = 10.0
"""Time a process has to end by itself."""
READY_S = 60.0
BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses before a process that ended by itself is started again."""
STEADY_S = 30.0
"""A process that ran so long starts again without a pause."""
WATCH_S = 0.25


class Child:
    """A process that runs `auterity COMMAND`, told by its environment where all is."""

    def __init__(self, data_dir: Path, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = ManagedProcess(data_dir, name)
        self._ready_file = data_dir / "run" / f"{name}.ready"
        self._argv = [sys.executable, "-m", "runtime.cli", *command, "--data-dir", str(data_dir)]
        self._env = {**os.environ, **env, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._tries = 0
        self._next = 0.0
        self._since = 0.0

    def start(self) -> None:
        """Starts it; one of this name that still runs is stopped before."""
        self._process.stop(STOP_S)
        self._ready_file.unlink(missing_ok=True)
        self._process.start(self._argv, env=self._env)
        self._since = time.monotonic()

    def wait_ready(self) -> None:
        """Returns when it is at work; raises ServerFailed."""
        self._process.wait_ready(self._ready_file.exists, READY_S)

    def watch(self) -> None:
        """Starts it again when it has ended, after a pause that grows while it ends soon."""
        now = time.monotonic()
        if self._process.alive():
            if now - self._since > STEADY_S:
                self._tries = 0
            return
        if not self._next:
            pause = BACK_OFF_S[min(self._tries, len(BACK_OFF_S) - 1)]
            self._next = now + pause
            self._tries += 1
            last = self._process.last_line()
            log.error("process ended", extra={"child": self._process.name, "pause_s": pause, "last_line": last})
        if now >= self._next:
            self._next = 0.0
            try:
                self.start()
            except OSError as error:  # no disk or no process to be had, for a moment: tried again after the pause
                log.error("process not started", extra={"child": self._process.name, "error": str(error)})

    def stop(self) -> None:
        """Asks it to end, and kills it after its time."""
        self._process.stop(STOP_S)
        self._ready_file.unlink(missing_ok=True)


def workers(data_dir: Path, count: int, env: Mapping[str, str]) -> list[Child]:
    """Returns so many workers, each with a folder of its own."""
    numbers = range(1, count + 1)
    return [Child(data_dir, worker_name(each), ["worker", "--number", str(each)], env) for each in numbers]


def worker_name(number: int) -> str:
    """Returns the name of the worker with this number, from 1 on."""
    return "worker" if number == 1 else f"worker-{number}"


def supervise(children: Sequence[Child], stop: threading.Event) -> None:
    """Starts the processes, and keeps them running until `stop` is set; then stops them side by side."""
    try:
        for child in children:
            child.start()
        while not stop.wait(WATCH_S):
            for child in children:
                child.watch()
    finally:
        stop_all(children)


def stop_all(children: Sequence[Child]) -> None:
    """Stops the processes side by side."""
    with ThreadPoolExecutor(max_workers=max(1, len(children))) as pool:
        list(pool.map(Child.stop, children))
