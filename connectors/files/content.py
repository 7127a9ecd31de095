"""The bytes of a file as its reader wants them: decompressed as they are read, with the place on the disk known."""

import zlib
from hashlib import sha256
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import Any

import zstandard

from connectors.files.errors import BadFile, Broken
from connectors.files.formats import Compression, Kind

HEAD_BYTES = 64 * 1024
"""A file is known by the digest of so many of its first bytes."""
BUFFER_BYTES = 256 * 1024
START = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}
"""How a frame begins."""
SKIPPABLE = b"\x2a\x4d\x18"
"""How a zstd frame that holds no data goes on after its first byte."""
MAGIC_BYTES = 4
FEED_BYTES = {Compression.GZIP: 16 * 1024, Compression.ZSTD: 1024}
"""So little at a time that the worst bomb unfolds to 16 or 32 MiB before it is seen."""


class Truncated(Broken):
    """The compressed content ends in the middle."""


class Content:
    """An open file: decompressed bytes, and how far it has been read on the disk."""

    def __init__(self, raw: FileIO, size: int, compression: Compression) -> None:
        self._raw = raw
        self.size = size
        """Bytes of the file as it lies on the disk."""
        inner: RawIOBase = _Inflated(raw, compression) if compression else raw
        self.stream: BufferedReader = BufferedReader(inner, BUFFER_BYTES)

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies on the disk, that have been read."""
        return self.size if self._raw.closed else self._raw.tell()

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()
        self._raw.close()


def open_content(path: Path, kind: Kind) -> Content:
    """Opens a file; raises BadFile when there is none, or it is not packed as its name says."""
    try:
        if not path.is_file():
            raise BadFile(f"{path.name}: {'is not a file' if path.exists() else 'no such file'}")
        raw = FileIO(path)
    except OSError as error:
        raise BadFile(f"{path.name}: {error.strerror or error}") from error
    return Content(raw, path.stat().st_size, kind.compression)


def head_of(path: Path, kind: Kind) -> bytes:
    """Returns the first 64 KiB of the content, or what there is.

    Of text that is cut off within them, whole lines only, so that it can be known again when all of it is there.
    """
    content = open_content(path, kind)
    head = b""
    try:
        while len(head) < HEAD_BYTES and (more := content.stream.read1(HEAD_BYTES - len(head))):
            head += more
    except Truncated:
        if not head:
            raise
        if kind.format.is_text:
            head = head[: head.rfind(b"\n") + 1] or head
    finally:
        content.close()
    return head


def digest(head: bytes) -> str:
    """Returns the digest (hex) that names a file with this head."""
    return sha256(head).hexdigest()


def earlier(head: bytes, header: bool) -> list[str]:
    """Returns the digests this text file would have had when it was shorter and ended with a line; the longest first.

    With them a file of less than 64 KiB is known again after it has grown. A header alone tells no file from another.
    """
    found = []
    running = sha256()
    start = 0
    while (end := head.find(b"\n", start)) >= 0:
        cut = end - 1 if head[end - 1 : end] == b"\r" else end
        running.update(head[start:cut])
        if cut:
            found.append(running.hexdigest())  # its last line had no line end yet
        running.update(head[cut : end + 1])
        found.append(running.hexdigest())
        start = end + 1
        if header:
            found, header = [], False
    return found[::-1]


class _Inflated(RawIOBase):
    """Decompresses frame after frame; what could be unpacked before the cut is given out before Truncated is raised."""

    def __init__(self, raw: FileIO, compression: Compression) -> None:
        self._raw = raw
        self._compression = compression
        self._frame: Any = None
        self._frames = 0
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._output:
            data = self._input or self._raw.read(FEED_BYTES[self._compression]) or b""
            self._input = b""
            if data:
                self._unpack(data)
            elif self._frame is not None:
                raise Truncated("ends in the middle")
            else:
                return 0
        count = min(len(target), len(self._output))
        target[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _unpack(self, data: bytes) -> None:
        if self._frame is None:
            if self._frames and self._compression is Compression.GZIP:
                data = data.lstrip(b"\0")  # padding behind a member is allowed
            if not data:
                return
            data += self._raw.read(max(0, MAGIC_BYTES - len(data))) or b""
            self._begin(data)
        try:
            self._output = memoryview(self._frame.decompress(data))
        except (zlib.error, zstandard.ZstdError) as error:
            raise Broken(f"is damaged ({self._compression}: {str(error).splitlines()[0]})") from error
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None

    def _begin(self, data: bytes) -> None:
        start = START[self._compression]
        skippable = self._compression is Compression.ZSTD and data[1:MAGIC_BYTES] == SKIPPABLE
        if not data.startswith(start) and not skippable:
            if start.startswith(data):
                raise Truncated("ends in the middle")
            place = f" from byte {self._raw.tell() - len(data) + 1} on" if self._frames else ""
            raise Broken(f"is not {self._compression}{place}, as its name says")
        self._frames += 1
        if self._compression is Compression.GZIP:
            self._frame = zlib.decompressobj(wbits=31)
        else:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
