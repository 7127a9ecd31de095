"""Where the read models rest: an SQLite file, or a PostgreSQL server by its URL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import Rejected, Unavailable

FILE = "read_models.sqlite"
"""In the data directory; its owner alone may read it."""
BUSY_S = 5.0
"""Time a writer waits for another one; after it, it tries again later."""
CONNECT_S = 3
STATEMENT_S = 5
"""Time a server has for what a reader asks."""
READERS = 4
"""Connections of a reader."""
TURN = 0x6175_7465
"""PostgreSQL's advisory lock of those who write."""


class BadUrl(Rejected):
    """The URL names no PostgreSQL."""


class StoreUnavailable(Unavailable):
    """The read models do not answer."""


def writing(data_dir: Path, url: str | None) -> Engine:
    """Returns what writes to the server, or (None) to the file of the data directory, which is made when missing."""
    if url is not None:
        timeouts = f"-c lock_timeout={int(BUSY_S * 1000)}"
        return create_engine(
            server(url),
            pool_size=1,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_S, "options": timeouts},
        )
    file = data_dir / FILE
    file.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": BUSY_S})
    _immediate(engine, ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"])
    return engine


def reading(data_dir: Path, url: str | None) -> Engine:
    """Returns what only reads, from the server or the file; whether it is there is seen with the first question."""
    if url is not None:
        options = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_S * 1000}"
        connect = {"connect_timeout": CONNECT_S, "options": options}
        return create_engine(
            server(url),
            pool_size=READERS,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=CONNECT_S,
            connect_args=connect,
        )
    # rw, not ro: who reads a WAL alone has to make its index; query_only holds for all that is asked.
    file = f"file:{data_dir / FILE}?mode=rw&uri=true"
    engine = create_engine(
        f"sqlite:///{file}", pool_size=READERS, max_overflow=0, pool_timeout=CONNECT_S, connect_args={"timeout": BUSY_S}
    )
    _on_connect(engine, ["PRAGMA query_only=ON"])
    return engine


def server(url: str) -> str:
    """Returns SQLAlchemy's URL of this PostgreSQL; raises BadUrl, without what may be a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadUrl("AUTERITY_READ_MODELS is no URL") from None
    if parsed.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise BadUrl(f"AUTERITY_READ_MODELS begins with {parsed.drivername}, not with postgresql")
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@contextmanager
def turn(engine: Engine) -> Iterator[Connection]:
    """Yields a transaction that no other writer's overlaps; raises StoreUnavailable when its turn does not come."""
    with answering(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE is a turn already
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        yield connection


@contextmanager
def answering() -> Iterator[None]:
    """Raises StoreUnavailable for what a database says that may answer later."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise StoreUnavailable(f"the read models do not answer: {_told(error)}") from error


def migrate(engine: Engine) -> None:
    """Makes the tables, or brings them to this release's; data stays."""
    from alembic import command  # half a second to load, and who only reads needs none
    from alembic.config import Config

    with turn(engine) as connection:
        config = Config()
        config.set_main_option("script_location", "sinks.read_models:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _told(error: SQLAlchemyError) -> str:
    """Returns the first line of what the driver says: neither statement nor values."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]


def _immediate(engine: Engine, pragmas: list[str]) -> None:
    """Has each transaction be the only one that writes from its beginning on, tables that it makes included."""
    _on_connect(engine, pragmas)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _on_connect(engine: Engine, pragmas: list[str]) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(pragma)
