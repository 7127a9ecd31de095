"""Gives an engine in this process bytes to read as a file, which is never written anywhere."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from sinks.engine import Content

PIPE_BYTES = 1024 * 1024
"""What a pipe holds where the system lets it: the fewer turns writer and reader take, the better."""


@contextmanager
def pipe(content: Content) -> Iterator[str]:
    """Gives a path from which the content can be read once, as it is written.

    What nobody has read to its end is dropped with the context; when it could not be written, that raises then.
    """
    failed: list[OSError] = []
    reading, writing = os.pipe()
    writer = Thread(target=_write, args=(writing, content, failed))
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()
    if failed:
        raise failed[0]


def _write(end: int, content: Content, failed: list[OSError]) -> None:
    try:
        if resize := getattr(fcntl, "F_SETPIPE_SZ", None):
            with suppress(PermissionError):  # this user's pipes hold all that they may
                fcntl.fcntl(end, resize, PIPE_BYTES)
        waiting = memoryview(content)
        while waiting:
            waiting = waiting[os.write(end, waiting) :]
    except BrokenPipeError:
        pass  # nobody reads on: the statement has failed
    except OSError as error:
        failed.append(error)
    finally:
        os.close(end)
