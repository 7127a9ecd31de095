"""Parquet files."""

import shutil
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.files.errors import Broken
from connectors.files.rows import Row, Unreadable

BATCH_ROWS = 2000
COPY_BYTES = 1024 * 1024


class ParquetReader:
    """Reads row group by row group. A Parquet file is read from its end, so a compressed one is unpacked first."""

    columns: list[str]

    def __init__(self, path: Path, packed: BufferedReader | None) -> None:
        """Opens the file at the path, or what the stream unpacks to; raises Broken when it is damaged."""
        source: Any = path
        if packed is not None:
            source = _unpacked(packed)
        try:
            self._file = pq.ParquetFile(source)
        except (pa.ArrowException, OSError) as error:
            if packed is not None:
                source.close()
            raise Broken(f"its Parquet cannot be read: {_line(error)}") from error
        self.rows: int = self._file.metadata.num_rows
        self.columns = self._file.schema_arrow.names
        twice = next((name for name in self.columns if self.columns.count(name) > 1), None)
        if twice is not None:
            raise Broken(f"column '{twice}' is there twice")

    def __iter__(self) -> Iterator[Row | Unreadable]:
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, use_threads=False):
                yield from _in_micros(batch).to_pylist()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise Broken(f"its Parquet is damaged: {_line(error)}") from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close(force=True)

    def place(self) -> str:
        return ""


def _unpacked(packed: BufferedReader) -> Any:
    file = TemporaryFile()  # noqa: SIM115
    try:
        shutil.copyfileobj(packed, file, COPY_BYTES)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _in_micros(batch: Any) -> Any:
    """Returns the batch with moments in nanoseconds cut to microseconds, which is what events have."""
    for place, field in enumerate(batch.schema):
        kind = field.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            column = batch.column(place).cast(pa.timestamp("us", kind.tz), safe=False)
            batch = batch.set_column(place, field.name, column)
        elif pa.types.is_time64(kind) and kind.unit == "ns":
            batch = batch.set_column(place, field.name, batch.column(place).cast(pa.time64("us"), safe=False))
    return batch


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
