"""Time and processor time of one process, from its first record received to its last one safe."""

import json
import os
import resource
import sys
import time

STANDARD_OUTPUT = 1


class Clock:
    """Starts at the first `begin`, stops at the first `end`; what lies before and after costs nothing."""

    def __init__(self) -> None:
        self.began: tuple[float, float] | None = None
        self.ended: tuple[float, float] | None = None

    def begin(self) -> None:
        """Says that the first record is here; later calls change nothing."""
        if self.began is None:
            self.began = _now()

    def end(self) -> None:
        """Says that every record was handled, what followed was acknowledged, and the input committed."""
        if self.ended is None:
            self.ended = _now()

    def report(self, events: int) -> None:
        """Prints the one line that a measured process prints."""
        assert self.began is not None and self.ended is not None
        seconds, cpu = (after - before for before, after in zip(self.began, self.ended, strict=True))
        line = json.dumps({"events": events, "seconds": seconds, "cpu_seconds": cpu})
        os.write(STANDARD_OUTPUT, f"\n{line}\n".encode())  # frameworks put logs and cursors into sys.stdout

    def leave(self, events: int) -> None:
        """Reports, and ends the process at once: no shutdown of a framework is waited for."""
        self.report(events)
        sys.stderr.flush()
        os._exit(0)


def _now() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), used.ru_utime + used.ru_stime
