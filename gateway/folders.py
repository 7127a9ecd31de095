"""Files of tenants in folders: one for each tenant, in which no name leads anywhere else. Every method blocks."""

import fcntl
import os
import re
import stat
import time
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from io import BufferedReader
from pathlib import Path

from domain.files import NAME, Listed
from schemas.errors import Rejected

TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PART = ".part-"
LOCK = ".lock"
ABANDONED_S = 600
"""Parts that are older belong to calls that ended with their gateway."""
COPY_BYTES = 256 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NoFile(Rejected):
    """The tenant has no such file."""


class NotAFile(Rejected):
    """What lies there is none of ours: a link, a folder, a device."""


class Part:
    """A file that is coming in, under a name that no file can have. Close it."""

    def __init__(self, folder: int, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._folder = folder
        self._name = name
        self._file = os.open(name, flags, 0o600, dir_fd=folder)
        self._digest = sha256()
        self.bytes = 0
        self._kept = False

    def write(self, content: bytes) -> None:
        """Adds to it."""
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]
        self._digest.update(content)
        self.bytes += len(content)

    def finish(self) -> str:
        """Returns its SHA-256 (hex) when all of it is on the disk."""
        os.fsync(self._file)
        return self._digest.hexdigest()

    def keep(self, name: str) -> None:
        """Makes it the file of this name, at once and for good; what had the name before is gone."""
        os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._kept = True
        os.fsync(self._folder)

    def close(self) -> None:
        """Removes it unless it was kept."""
        os.close(self._file)
        if not self._kept:
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder)


class Folder:
    """One tenant's files. Close it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def part(self, name: str) -> Part:
        """Returns a new part; `name` is the call's."""
        return Part(self._descriptor, PART + name)

    def lock(self) -> int:
        """Returns what holds the folder for one writer, of all gateways of the machine, until it is closed.

        Raises BlockingIOError when another one holds it.
        """
        lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._descriptor)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def files(self) -> list[Listed]:
        """Returns what files there are, in no order; removes parts that nobody writes any more."""
        found = []
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # replaced meanwhile
                    status = entry.stat(follow_symlinks=False)
                    if NAME.fullmatch(entry.name) and stat.S_ISREG(status.st_mode):
                        moment = datetime.fromtimestamp(status.st_mtime, UTC)
                        found.append(Listed(entry.name, status.st_size, moment))
                    elif entry.name.startswith(PART) and time.time() - status.st_mtime > ABANDONED_S:
                        os.unlink(entry.name, dir_fd=self._descriptor)
        return found

    def size(self, name: str) -> int | None:
        """Returns how large the file is, None when there is none; raises NotAFile."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise NotAFile("what lies there is no file")
        return status.st_size

    def open(self, name: str) -> tuple[BufferedReader, str, int]:
        """Returns the file at its beginning, its SHA-256 (hex) and its size; raises NoFile, and NotAFile."""
        if self.size(name) is None:
            raise NoFile("no such file")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.fdopen(os.open(name, flags, dir_fd=self._descriptor), "rb")
        try:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotAFile("what lies there is no file")
            digest, size = sha256(), 0
            while content := file.read(COPY_BYTES):
                digest.update(content)
                size += len(content)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file, digest.hexdigest(), size

    def remove(self, name: str) -> None:
        """Takes the file away for good; raises NoFile."""
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            raise NoFile("no such file") from None
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Lets go of it."""
        os.close(self._descriptor)


class Folders:
    """The folders of all tenants, each its owner's only (0700), made with the first file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, tenant_id: str) -> Folder:
        """Returns a tenant's folder; raises NotAFile when something else lies there."""
        if not TENANT.fullmatch(tenant_id):
            raise NotAFile("no tenant is called so")
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.open(self._root, _FOLDER)
        try:
            with suppress(FileExistsError):
                os.mkdir(tenant_id, 0o700, dir_fd=root)
                os.fsync(root)
            return Folder(os.open(tenant_id, _FOLDER, dir_fd=root))
        except NotADirectoryError:
            raise NotAFile("what lies there is no folder") from None
        finally:
            os.close(root)
