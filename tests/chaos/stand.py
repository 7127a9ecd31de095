"""What every row is given: the servers, the seed, the time that is left, and a place for what all runs say."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.chaos.arena import Arena, arena
from tests.chaos.drive import Drive
from tests.chaos.verdict import Verdict


class Stand:
    """Opens an arena at the first need, unless it is given one; used as a context."""

    def __init__(self, seed: int, given: Arena | None = None, until: float = float("inf"), timed: bool = True) -> None:
        self.seed = seed
        self.stalls: list[tuple[str, float]] = []
        """The longest stretch without progress of each run, by row."""
        self.pauses: list[float] = []
        """How long nothing moved after each fault that cost the group a member."""
        self.kept: dict[str, Verdict] = {}
        """Verdicts that another row judges too."""
        self.timed = timed
        """Whether rows judge times; see Outcome."""
        self._arena = given
        self._until = until
        self._stack = ExitStack()

    def __enter__(self) -> "Stand":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    @property
    def arena(self) -> Arena:
        """The servers."""
        if self._arena is None:
            self._arena = self._stack.enter_context(arena(self.say))
        return self._arena

    @property
    def left_s(self) -> float:
        """The time that is left for all rows."""
        return self._until - time.monotonic()

    @contextmanager
    def drive(self, row: str, seed: int | None = None, **options: Any) -> Iterator[Drive]:
        """Yields a run whose stalls are remembered as the row's."""
        with Drive(self.arena, self.seed if seed is None else seed, **options) as drive:
            yield drive
            self.stalls.append((row, round(drive.monitor.stall_s(), 1)))
            self.pauses += drive.pauses()

    def say(self, text: str) -> None:
        """Tells people on standard error."""
        print(text, file=sys.stderr, flush=True)
