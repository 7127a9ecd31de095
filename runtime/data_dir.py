"""The directory that holds all state of one platform, proved usable before anything is started in it."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import DataDirBusy, DataDirUnusable

FREE_BYTES_MIN = 200 * 1024 * 1024

_REASONS = {
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "its disk quota is used up",
    errno.EROFS: "it is on a read-only disk",
    errno.EACCES: "it is not writable",
    errno.EPERM: "it is not writable",
    errno.ENOTDIR: "a file is in the way",
    errno.EEXIST: "a file is in the way",
}


def prepare(folder: Path, free_bytes_min: int = FREE_BYTES_MIN) -> Path:
    """Makes the directory (its owner's only, 0700) unless it is there, and returns its absolute path.

    Promises that a file could be written in it a moment ago and that `free_bytes_min` bytes were free; raises
    DataDirUnusable otherwise. The mode of a directory that exists is left alone.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(folder)
        free_bytes = disk.f_bavail * disk.f_frsize
        if free_bytes < free_bytes_min:
            raise DataDirUnusable(folder, f"only {free_bytes >> 20} MB are free, {free_bytes_min >> 20} MB are needed")
        _write_and_remove(folder / f".probe-{os.getpid()}")
    except OSError as error:
        raise unusable(folder, error) from error
    return folder


def unusable(folder: Path, error: OSError) -> DataDirUnusable:
    """The system's refusal in words that name the directory."""
    return DataDirUnusable(folder, _REASONS.get(error.errno or 0, error.strerror or str(error)))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the directory for one command; a second one gets DataDirBusy with the holder's process id.

    The lock belongs to this process, not to what it starts, and a killed holder leaves none behind.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirBusy(folder, int(os.pread(descriptor, 20, 0) or 0)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _write_and_remove(probe: Path) -> None:
    """Proves that a block reaches the disk: a full one takes an empty file."""
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)
