"""Gives an engine in this process bytes to read as files, which are never written anywhere."""

import fcntl
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Thread

from sinks.engine import Piece

PIPE_BYTES = 1024 * 1024
"""What a pipe holds where the system lets it: the fewer turns writer and reader take, the better."""
PIECES_MAX = 512
"""Pieces given to the system in one go; it takes 1,024 at most."""


@contextmanager
def pipes(contents: Sequence[Sequence[Piece]]) -> Iterator[list[str]]:
    """Gives a path for each content, from which it can be read once, in any order, as it is written.

    What nobody has read to its end is dropped with the context; a content that could not be written raises then.
    """
    ends: list[tuple[int, int]] = []
    failed: list[OSError] = []
    try:
        for _ in contents:
            ends.append(os.pipe())
    except OSError:
        for end in (end for both in ends for end in both):
            os.close(end)
        raise
    writers = [
        Thread(target=_write, args=(end, content, failed)) for (_, end), content in zip(ends, contents, strict=True)
    ]
    for writer in writers:
        writer.start()
    try:
        yield [f"/dev/fd/{end}" for end, _ in ends]
    finally:
        for end, _ in ends:
            os.close(end)
        for writer in writers:
            writer.join()
    if failed:
        raise failed[0]


def _write(end: int, content: Sequence[Piece], failed: list[OSError]) -> None:
    try:
        if resize := getattr(fcntl, "F_SETPIPE_SZ", None):
            with suppress(PermissionError):  # this user's pipes hold all that they may
                fcntl.fcntl(end, resize, PIPE_BYTES)
        waiting = deque(memoryview(piece) for piece in content if piece)
        while waiting:
            written = os.writev(end, list(islice(waiting, PIECES_MAX)))
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.popleft())
            if written:
                waiting[0] = waiting[0][written:]
    except BrokenPipeError:
        pass  # nobody reads on: the statement has failed
    except OSError as error:
        failed.append(error)
    finally:
        os.close(end)
