"""The process of `tests.agents.asking`, and its controls."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness import until


class Asking:
    """The process of tests.agents.asking."""

    def __init__(self, log: Any, prefix: str, folder: Path) -> None:
        self.file = folder / "model"
        self._ready = folder / "ready"
        self._argv = [sys.executable, "-m", "tests.agents.asking", log.bootstrap, log.registry, prefix]
        self._argv += [str(folder), str(self.file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, word: str) -> None:
        self.file.write_text(word)
        self._ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(self._argv, cwd=Path(__file__).parents[2])
        until(self._ready.exists, 60)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id, once it is started."""
        assert self._process is not None
        return self._process.pid

    def asked(self) -> list[str]:
        file = Path(f"{self.file}.asked")
        return file.read_text().splitlines() if file.exists() else []
