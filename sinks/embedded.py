"""ClickHouse's own engine in this process (chdb); one process owns the folder."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Protocol

from chdb import ChdbError
from chdb.state.sqlitelike import Connection

from sinks.engine import Load, Piece, QueryRefused, literal, of_rows, refusal

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
        self._spool: list[IO[bytes]] = []
        self._spooling = Lock()

    def execute(self, sql: str) -> bytes:
        """Runs one statement and returns its output."""
        return run(self._connection, sql, LINES).bytes()

    def insert(self, load: Load, container: bytes) -> int:
        """Inserts all rows of the container, or none."""

        def statement(paths: Sequence[str]) -> str:
            return f"{load.into}file({literal(paths[0])}, 'Avro', {literal(load.structure)}){load.checks}"

        return self.insert_files([[container]], statement)

    def insert_files(self, contents: Sequence[Sequence[Piece]], statement: Callable[[Sequence[str]], str]) -> int:
        """Runs the INSERT that reads these files, and returns how many rows it wrote; `statement` gets their paths.

        The files have no name and are gone with the process, however it ends; the next INSERT writes over them, as
        new ones would cost more than what is written into them.
        """
        with self._spooling:
            paths = self._spooled(contents)
            try:
                return run(self._connection, statement(paths), LINES).rows_written()
            except QueryRefused as error:
                raise of_rows(error) from error

    def close(self) -> None:
        """Closes this connection; the folder is free when every connection to it is closed."""
        self._connection.close()
        self._leave_spool()

    def _spooled(self, contents: Sequence[Sequence[Piece]]) -> list[str]:
        try:
            while len(self._spool) < len(contents):
                self._spool.append(TemporaryFile())  # noqa: SIM115  closed with the engine
            files = self._spool[: len(contents)]
            for file, content in zip(files, contents, strict=True):
                file.seek(0)
                file.writelines(content)
                file.truncate()
                file.seek(0)
        except OSError:
            self._leave_spool()  # a full disk: what they could not write they would try to write again
            raise
        return [f"/dev/fd/{file.fileno()}" for file in files]

    def _leave_spool(self) -> None:
        for file in self._spool:
            with suppress(OSError):
                file.close()
        self._spool.clear()
