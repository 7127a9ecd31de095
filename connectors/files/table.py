"""A file as rows: opened by its name, checked, read once from the start."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from connectors.files.avro_rows import AvroReader
from connectors.files.content import Content, head_of, open_content
from connectors.files.delimited import DelimitedReader
from connectors.files.errors import BadFile, Broken
from connectors.files.formats import Compression, Format, Kind, check, kind_of
from connectors.files.json_rows import JsonLinesReader, JsonReader
from connectors.files.parquet_rows import ParquetReader
from connectors.files.rows import Layout, Reader, Row, Unreadable


class Table:
    """The rows of a file; a context manager. Errors name the file, and the row they come after."""

    def __init__(self, path: Path, layout: Layout | None = None) -> None:
        """Opens the file and reads what describes its rows; raises BadFile."""
        self.name = path.name
        self.read = 0
        """Rows given so far."""
        self.kind: Kind = kind_of(path)
        layout = layout or Layout()
        self._content: Content | None = None
        self._reader: Reader | None = None
        try:
            self.head = head_of(path, self.kind)
            """The first 64 KiB of the content."""
            check(self.name, self.kind, self.head, layout.encoding)
            self._content = open_content(path, self.kind)
            self._reader = reader = _reader(path, self.kind, self._content, layout)
        except Broken as error:
            self.close()
            raise BadFile(f"{self.name}: {error}") from error
        except OSError as error:
            self.close()
            raise BadFile(f"{self.name}: {error.strerror or error}") from error
        except BadFile:
            self.close()
            raise
        self.columns = reader.columns
        """Every column there is; None when each row names its own."""
        self.size = self._content.size
        """Bytes of the file as it lies on the disk."""

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Row | Unreadable]:
        """Yields every row in order; raises BadFile where nothing more can be read, after all rows before it."""
        try:
            for row in self._reader or ():
                self.read += 1
                yield row
        except Broken as error:
            raise BadFile(f"{self.name}: {error}, after row {self.read}") from error
        except OSError as error:
            raise BadFile(f"{self.name}: {error.strerror or error}, after row {self.read}") from error

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies on the disk, that have been read."""
        if isinstance(self._reader, ParquetReader):
            return self.size * self.read // max(1, self._reader.rows)
        return self._content.position if self._content else 0

    def place(self) -> str:
        """Says where the row last given stands, beside its number."""
        return self._reader.place() if self._reader else ""

    def close(self) -> None:
        """Closes the file."""
        if isinstance(self._reader, ParquetReader):
            self._reader.close()
        if self._content is not None:
            self._content.close()


def _reader(path: Path, kind: Kind, content: Content, layout: Layout) -> Reader:
    stream = content.stream
    if kind.format is Format.JSON_LINES:
        return JsonLinesReader(stream)
    if kind.format is Format.JSON:
        return JsonReader(stream)
    if kind.format is Format.AVRO:
        return AvroReader(stream)
    if kind.format is Format.PARQUET:
        return ParquetReader(path, None if kind.compression is Compression.NONE else stream)
    delimiter = "\t" if kind.format is Format.TSV else layout.delimiter
    return DelimitedReader(stream, delimiter, layout.encoding, layout.short_rows == "fill")
