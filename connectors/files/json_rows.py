"""JSON Lines, and JSON: an array of objects, or objects one after the other."""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from decimal import Decimal
from io import BufferedReader
from typing import Any, NoReturn

import msgspec

from connectors.files.errors import Broken, excerpt
from connectors.files.rows import ROW_BYTES_MAX, Row, Unreadable

BOM = b"\xef\xbb\xbf"
WINDOW = 256 * 1024
TOKEN = 16
"""An error so close to the window's end may be a word, number or escape that goes on behind it."""
SPACE = " \t\r\n"


class JsonLinesReader:
    """Reads one object a line; a line that is none is one unreadable row. Empty lines are no rows."""

    columns = None

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._line = 0

    def __iter__(self) -> Iterator[Row | Unreadable]:
        decode = msgspec.json.Decoder(float_hook=Decimal).decode
        readline = self._stream.readline
        while line := readline(ROW_BYTES_MAX):
            if len(line) == ROW_BYTES_MAX and line[-1:] != b"\n":
                raise Broken(f"a line of more than {ROW_BYTES_MAX} bytes")
            self._line += 1
            if self._line == 1:
                line = line.removeprefix(BOM)
            if line.isspace() or not line:
                continue
            try:
                row = decode(line)
            except UnicodeDecodeError as error:
                yield Unreadable(f"is no utf-8 text: {error.reason}", line)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                yield Unreadable(f"is not JSON: {error}", line)
            else:
                yield row if row.__class__ is dict else Unreadable(f"is {_kind(row)}, not an object", line)

    def place(self) -> str:
        return f"line {self._line}"


class JsonReader:
    """Reads an array of objects, or objects one after the other, through a window; never the whole text."""

    columns = None

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._utf8 = getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant).raw_decode
        self._text = ""
        self._at = 0
        self._ended = False
        self._wrong: UnicodeDecodeError | None = None

    def __iter__(self) -> Iterator[Row | Unreadable]:
        first = self._peek()
        if first not in ("[", "{"):
            raise Broken("holds neither a JSON array nor an object" if first else "holds no JSON")
        array = first == "["
        if array:
            self._at += 1
            if self._peek() == "]":
                return self._end()
        while array or self._peek():
            yield self._value()
            if array:
                mark = self._peek()
                if mark == "]":
                    return self._end()
                if mark != ",":
                    raise Broken(f"has {excerpt(mark)} where a comma or the array's end belongs" if mark else _CUT)
                self._at += 1
        return None

    def place(self) -> str:
        return ""

    def _value(self) -> Row | Unreadable:
        self._peek()
        while True:
            try:
                row, end = self._scan(self._text, self._at)
                if end < len(self._text) or self._ended:
                    break
            except json.JSONDecodeError as error:
                open_text = error.msg.startswith("Unterminated string")
                if self._ended and (open_text or error.pos >= len(self._text)):
                    raise Broken(_CUT) from error
                if self._ended or not (open_text or error.pos >= len(self._text) - TOKEN):
                    raise Broken(f"is not JSON: {error.msg} near {excerpt(self._near(error.pos))}") from error
            except (RecursionError, ValueError) as error:
                raise Broken(f"is not JSON that can be read: {error}") from error
            if len(self._text) - self._at > ROW_BYTES_MAX:
                raise Broken(f"a value of more than {ROW_BYTES_MAX} characters")
            self._more(len(self._text) - self._at)  # doubled, so that a long value is scanned few times
        raw = self._text[self._at : end]
        self._at = end
        if row.__class__ is dict:
            return row
        return Unreadable(f"is {_kind(row)}, not an object", raw.encode("utf-8", "surrogatepass"))

    def _peek(self) -> str:
        """Moves to the next character that is no space, and returns it; empty at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in SPACE:
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if self._ended:
                return ""
            self._more(0)

    def _more(self, least: int) -> None:
        """Moves the window on: what is behind is dropped, the next piece is added."""
        if self._wrong is not None:
            raise Broken(f"is no utf-8 text: {self._wrong.reason}") from self._wrong
        data = self._stream.read(max(WINDOW, least))
        try:
            text = self._utf8.decode(data, final=not data)
        except UnicodeDecodeError as error:
            text = bytes(error.object[: error.start]).decode()  # the rows before it can be read
            self._wrong = error
        self._ended = not data and self._wrong is None
        self._text = self._text[self._at :] + text
        self._at = 0

    def _end(self) -> None:
        self._at += 1
        if mark := self._peek():
            raise Broken(f"goes on behind the array's end with {excerpt(mark)}")

    def _near(self, place: int) -> str:
        return self._text[max(0, place - 10) : place + 20]


_CUT = "ends in the middle"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _kind(value: Any) -> str:
    return {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
