"""What a ClickHouse is to its sink: a place for statements and for rows."""

import re
from typing import Protocol

from msgspec import Struct

from schemas.errors import AuterityError, Rejected, Unavailable

TENANT_HEADER = "X-Auterity-Tenant"
CODE_HEADER = "X-ClickHouse-Exception-Code"

CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
VERSION = re.compile(r" \(version [^)]*\)")
READONLY, SYNTAX, TOO_MANY_BYTES, TOO_MANY_QUERIES, NOT_AUTHENTICATED = 164, 62, 307, 202, 516
DATA = frozenset({26, 27, 32, 33, 69, 72, 117, 128, 131, 321, 349, 395, 407, 748})
"""ClickHouse's codes that speak of the rows, not of the server: no rows, values out of range."""
FORMAT = "RowBinary"
ONE_BLOCK = (
    "max_threads = 1, max_insert_threads = 1, optimize_on_insert = 0, "
    "min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 0, max_block_size = 65536"
)
"""All rows of an insert make one part, so they are there together or not at all."""


class Load(Struct, frozen=True):
    """An INSERT of rows in RowBinary: a table and its columns, what stands in each, and the structure of the rows."""

    into: str
    columns: str
    values: str
    structure: str

    def statement(self, source: str) -> str:
        """Returns the INSERT of all rows that a table function of this structure gives."""
        return f"INSERT INTO {self.into} ({self.columns}) SELECT {self.values} FROM {source} SETTINGS {ONE_BLOCK}"


Content = bytes | memoryview


class Engine(Protocol):
    """Runs ClickHouse's SQL. Safe to use from several threads."""

    def execute(self, sql: str) -> bytes:
        """Runs one statement and returns its output, JSONCompactEachRow when it has no FORMAT of its own.

        Raises QueryRefused with ClickHouse's code, or Unavailable.
        """

    def insert(self, load: Load, rows: Content) -> int:
        """Inserts all rows, or none, and returns how many were written.

        Raises QueryRefused when ClickHouse cannot take these rows, Unavailable when it is not about the rows.
        """

    def close(self) -> None:
        """Gives back what it holds; nothing may be called afterwards."""


class QueryRefused(Rejected):
    """ClickHouse refuses the statement; `code` is its own."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"Code: {code}. {reason}")
        self.code = code
        self.reason = reason


def refusal(text: str) -> QueryRefused:
    """Returns the error that ClickHouse's message tells: its innermost code and first line."""
    found = CODE.findall(text)
    reason = VERSION.sub("", CODE.split(text)[-1]).strip().splitlines()
    return QueryRefused(int(found[-1]) if found else 0, reason[0] if reason else "no reason given")


def of_rows(error: QueryRefused) -> AuterityError:
    """Returns the error as an insert raises it: as it is when it speaks of the rows, else as Unavailable."""
    return error if error.code in DATA else Unavailable(f"ClickHouse cannot insert: {error}")


def literal(text: str) -> str:
    """Returns the text as a ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(text: str) -> str:
    """Returns the text as a ClickHouse identifier."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"
