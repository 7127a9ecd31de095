"""What a stage says of itself to whoever watches over it."""

from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Counts what a stage finished; knows when it waits for somebody else, who has a time limit of their own."""

    def __init__(self) -> None:
        self.finished = 0
        self._waiting = 0

    def finish(self) -> None:
        """Counts one piece of work."""
        self.finished += 1

    @property
    def waiting(self) -> bool:
        """True while the stage waits and cannot go on by itself."""
        return self._waiting > 0

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Says so for as long as it is entered."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
