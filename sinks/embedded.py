"""ClickHouse's own engine in this process (chdb); one process owns the folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from chdb import ChdbError
from chdb.state.sqlitelike import Connection

from sinks.engine import FORMAT, Content, Load, QueryRefused, literal, of_rows, refusal
from sinks.pipes import pipe

LINES = "JSONCompactEachRow"


class Result(Protocol):
    """What chdb returns of a query."""

    def bytes(self) -> bytes:
        """Its output."""

    def rows_written(self) -> int:
        """How many rows an INSERT wrote."""


def run(connection: Connection, sql: str, output: str, parameters: Mapping[str, str] | None = None) -> Result:
    """Runs one statement; raises QueryRefused."""
    try:
        result: Result = connection.query(sql, output, params=dict(parameters or {}))
    except ChdbError as error:
        raise refusal(str(error)) from error
    except UnicodeDecodeError as error:  # the message quotes bytes of a row, and chdb takes messages for UTF-8
        raise refusal(error.object.decode(errors="replace")) from error
    return result


class ChdbEngine:
    """An Engine on a folder. Queries run outside Python's global lock; readers of the folder go on meanwhile."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = Connection(str(folder))

    def execute(self, sql: str) -> bytes:
        """Runs one statement and returns its output."""
        return run(self._connection, sql, LINES).bytes()

    def insert(self, load: Load, rows: Content) -> int:
        """Inserts all rows, or none."""
        return self.insert_file(
            rows, lambda path: load.statement(f"file({literal(path)}, '{FORMAT}', {literal(load.structure)})")
        )

    def insert_file(self, content: Content, statement: Callable[[str], str]) -> int:
        """Runs the INSERT that reads a file with this content, once; returns how many rows it wrote."""
        with pipe(content) as path:
            try:
                return run(self._connection, statement(path), LINES).rows_written()
            except QueryRefused as error:
                raise of_rows(error) from error

    def close(self) -> None:
        """Closes this connection; the folder is free when every connection to it is closed."""
        self._connection.close()
