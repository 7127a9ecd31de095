"""A ClickHouse engine that is away when a file says so: it refuses, hangs, answers too late, or writes a part."""

import time
from pathlib import Path

from schemas.errors import Unavailable
from sinks.engine import Content, Engine, Load

MODES = ("refuse", "hang", "late", "partial")
POLL_S = 0.05


class FaultyEngine:
    """An Engine in front of another; the control file holds one of MODES, or nothing.

    `late` writes the rows and loses the answer; `partial` writes every second insert and says it wrote less.
    """

    def __init__(self, engine: Engine, control: Path | None) -> None:
        self._engine = engine
        self._control = control
        self._calls = 0

    def execute(self, sql: str) -> bytes:
        """Runs one statement and returns its output."""
        return self._engine.execute(sql)

    def insert(self, load: Load, rows: Content) -> int:
        """Inserts, as far as the mode of this moment lets it."""
        mode = self._mode()
        self._calls += 1
        if mode == "refuse" or (mode == "partial" and self._calls % 2):
            raise Unavailable("the engine refuses")
        if mode == "hang":
            while self._mode() == "hang":
                time.sleep(POLL_S)
            raise Unavailable("the engine did not answer")
        written = self._engine.insert(load, rows)
        if mode == "late":
            raise Unavailable("the answer is lost")
        return written - 1 if mode == "partial" else written

    def close(self) -> None:
        """Closes the engine behind."""
        self._engine.close()

    def _mode(self) -> str:
        try:
            return self._control.read_text().strip() if self._control is not None else ""
        except FileNotFoundError:
            return ""
