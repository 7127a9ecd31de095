"""CSV and TSV, with a header."""

import csv
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from itertools import zip_longest

from connectors.files.errors import Broken, excerpt
from connectors.files.rows import ROW_BYTES_MAX, Row, Unreadable
from schemas.catalogue import DOOR_BYTES_MAX


class DelimitedReader:
    """Reads rows of text, split by a delimiter, quoted with `"`; lines without any field are no rows."""

    columns: list[str]

    def __init__(self, stream: BufferedReader, delimiter: str, encoding: str, fill: bool) -> None:
        """Reads the header; raises Broken when there is none or a name stands in it twice."""
        self._encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        self._fill = fill
        self._from = self._to = 0
        self._line = ""
        self._nul = False
        # bytes that are no text stay visible as lone surrogates, so that the one row that holds them is refused
        self._text = TextIOWrapper(stream, self._encoding, errors="surrogateescape", newline="")
        csv.field_size_limit(DOOR_BYTES_MAX)  # of the process: what is larger fits no event anyhow
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)
        self.columns = self._header()

    def __iter__(self) -> Iterator[Row | Unreadable]:
        reader, columns, width = self._reader, self.columns, len(self.columns)
        while True:
            self._from = self._to + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._to = reader.line_num
                yield self._refused(error)
                continue
            self._to = reader.line_num
            if self._nul:
                self._nul = False
                yield Unreadable("holds a NUL byte", self._raw(fields))
            elif len(fields) == width or (fields and self._fill and len(fields) < width):
                yield dict(zip_longest(columns, fields, fillvalue=""))
            elif fields:
                yield Unreadable(f"has {len(fields)} fields, the header {width}", self._raw(fields))

    def place(self) -> str:
        return f"line {self._from}" if self._from >= self._to else f"lines {self._from} to {self._to}"

    def _header(self) -> list[str]:
        try:
            names = next((fields for fields in self._reader if fields), None)
        except csv.Error as error:
            raise Broken(f"its header cannot be read: {error}") from error
        if names is None:
            raise Broken("has no header")
        self._to = self._reader.line_num
        names = [name or f"column_{place}" for place, name in enumerate(names, 1)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Broken(f"column {excerpt(twice)} stands twice in the header")
        wrong = next((name for name in names if not name.isprintable()), None)
        if wrong is not None:
            raise Broken(f"the header holds {excerpt(ascii(wrong))}, which is no {self._encoding} text")
        return names

    def _refused(self, error: csv.Error) -> Unreadable:
        """Goes on behind a row with a misplaced quote; raises Broken when a quote is open to the end, or too far."""
        if "field limit" in str(error):
            cause = f"a field of more than {DOOR_BYTES_MAX} bytes, or a quote that is never closed"
        elif "end of data" in str(error):
            cause = "a quote that is never closed"
        else:
            return Unreadable(f"a misplaced quote ({error})", self._line.encode("utf-8", "surrogatepass"))
        raise Broken(f"line {self._from} opens {cause}") from error

    def _lines(self) -> Iterator[str]:
        readline = self._text.readline
        try:
            while line := readline(ROW_BYTES_MAX):
                self._line = line
                if "\0" in line:
                    self._nul = True
                yield line
                if len(line) == ROW_BYTES_MAX and line[-1] not in "\r\n":
                    raise Broken(f"a line of more than {ROW_BYTES_MAX} characters")
        except UnicodeError as error:
            raise Broken(f"is no {self._encoding} text: {error}") from error

    @staticmethod
    def _raw(fields: list[str]) -> bytes:
        return "\x1f".join(fields).encode("utf-8", "surrogatepass")
