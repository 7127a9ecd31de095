"""Avro container files."""

import struct
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import IO, Any, cast

import fastavro

from connectors.files.errors import Broken
from connectors.files.rows import Row, Unreadable

BLOCK_BYTES_MAX = 64 * 1024 * 1024
DAMAGE = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What fastavro raises at bytes that are no Avro."""


class AvroReader:
    """Reads the records of a container; each has every column."""

    columns: list[str]

    def __init__(self, stream: BufferedReader) -> None:
        """Reads the schema; raises Broken when it is none of a record."""
        try:
            self._records: Any = fastavro.reader(cast(IO[bytes], _Bounded(stream)))
            schema = self._records.writer_schema
        except EOFError as error:
            raise Broken("ends in the middle") from error
        except DAMAGE as error:
            raise Broken(f"its Avro header cannot be read: {_line(error)}") from error
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise Broken("holds Avro values that are no records")
        self.columns = [field["name"] for field in schema["fields"]]

    def __iter__(self) -> Iterator[Row | Unreadable]:
        try:
            yield from self._records
        except EOFError as error:
            raise Broken("ends in the middle") from error
        except DAMAGE as error:
            raise Broken(f"its Avro is damaged: {_line(error)}") from error

    def place(self) -> str:
        return ""


class _Bounded:
    """A stream that allocates no more than a block may take, whatever length the bytes name."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if size > BLOCK_BYTES_MAX:
            raise Broken(f"a block of {size} bytes, more than {BLOCK_BYTES_MAX}")
        return self._stream.read(size)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
