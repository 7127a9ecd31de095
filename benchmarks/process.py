"""Starts one measured process on its core, and reads the one line that it prints."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.cores import Cores, pinned
from benchmarks.task import Task

ROOT = Path(__file__).parents[1]
KEPT = ("HOME", "PATH", "TMPDIR", "LANG", "JAVA_HOME")
REASON_LENGTH_MAX = 200
SECONDS_MIN = 1e-6


class Figures(Struct, frozen=True):
    """What one process measured of itself."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def events_per_s(self) -> float:
        """Events in a second of the wall's clock."""
        return self.events / max(self.seconds, SECONDS_MIN)

    @property
    def cpu_us_per_event(self) -> float:
        """Microseconds of processor time for one event."""
        return self.cpu_seconds / self.events * 1e6


class Failed(Exception):
    """A process ended without its figures, or was ended at its time limit."""


def measure(command: Sequence[str], task: Task, cores: Cores, limit_s: float, log_file: Path) -> Figures:
    """Runs the command with the task as its last argument; raises Failed with one line that says why.

    The process has a folder of its own, our modules on its path, and nothing of the caller's Python settings.
    """
    folder = Path(task.folder)
    folder.mkdir(parents=True)
    env = {name: os.environ[name] for name in KEPT if name in os.environ} | {"PYTHONPATH": str(ROOT)}
    with log_file.open("wb") as log, pinned(cores.measured):
        process = subprocess.Popen(
            [*command, task.argument()],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with process:
        try:
            out, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done within {limit_s:.0f} s; {_last(log_file)}") from None
        finally:
            process.kill()
    try:
        figures = msgspec.json.decode(out.strip().splitlines()[-1], type=Figures)
    except (IndexError, msgspec.DecodeError):
        raise Failed(f"ended with status {process.returncode}: {_last(log_file)}") from None
    if figures.events != task.events:
        raise Failed(f"counted {figures.events} events, not {task.events}")
    return figures


def _last(log_file: Path) -> str:
    """The last line that says something, shortened; the frames of a Java stack say little."""
    lines = [line.strip() for line in log_file.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("at ", "..."))]
    return lines[-1][:REASON_LENGTH_MAX] if lines else "nothing on standard error"
