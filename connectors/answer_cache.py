"""Answers that may be given again, in an SQLite file of one process: bounded, checked as it is read, safe to lose.

A file rather than memory filled from the log: a worker that starts has its answers at once, and no vector is asked for
again. It is a projection all the same: when anything about it is wrong it is emptied, and fills again. SQLite does not
check its pages, so each row has a digest of all that it says, its tenant among it; a row that does not match empties
the file. What lies in it is what was said after concealment; the file is readable by its owner only.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from domain.caches import CacheRules, Entry, Hit, exact_hit, semantic_hit

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENTRY_BYTES_MAX = 1024 * 1024
"""A larger answer is not kept."""
COMPARED_MAX = 2_000
"""The newest entries of a scope among which the nearest is looked for."""

_Got = TypeVar("_Got")
_SCHEMA = """
CREATE TABLE answers (tenant TEXT, key TEXT, scope TEXT, at INTEGER, bytes INTEGER, body BLOB, digest BLOB,
    PRIMARY KEY (tenant, key)) WITHOUT ROWID;
CREATE TABLE vectors (tenant TEXT, scope TEXT, at INTEGER, key TEXT, vector BLOB,
    PRIMARY KEY (tenant, scope, at DESC, key)) WITHOUT ROWID;
CREATE INDEX ages ON answers (tenant, at);
CREATE TABLE sizes (tenant TEXT PRIMARY KEY, entries INTEGER, bytes INTEGER) WITHOUT ROWID;
CREATE TRIGGER kept AFTER INSERT ON answers BEGIN
    INSERT INTO sizes VALUES (new.tenant, 1, new.bytes)
        ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER dropped AFTER DELETE ON answers BEGIN
    DELETE FROM vectors WHERE tenant = old.tenant AND scope = old.scope AND at = old.at AND key = old.key;
    UPDATE sizes SET entries = entries - 1, bytes = bytes - old.bytes WHERE tenant = old.tenant;
    DELETE FROM sizes WHERE tenant = old.tenant AND entries <= 0;
END;
PRAGMA user_version = 1;
"""
_FAULTS = (sqlite3.Error, msgspec.MsgspecError, ValueError, OSError)


class Bounds(Struct, frozen=True, kw_only=True):
    """How much is kept; beyond it a tenant's oldest go first, then the oldest of whoever has most."""

    tenant_entries_max: int = 10_000
    tenant_bytes_max: int = 64 * 1024 * 1024
    bytes_max: int = 512 * 1024 * 1024
    age_max_s: float = 7 * 86_400.0


class Damaged(Exception):
    """What the store holds is not what was put into it."""


class AnswerCache:
    """Keeps answers, and finds those of one tenant. Every call may come from any task; one thread does the work."""

    def __init__(self, file: Path, bounds: Bounds | None = None) -> None:
        self._file = file
        self._bounds = bounds or Bounds()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answer-cache")
        self._connection: sqlite3.Connection | None = None

    async def exact(self, tenant_id: str, key: str, rules: CacheRules, at: datetime) -> Hit | None:
        """Returns the tenant's answer to the same question, None when there is none to be given."""
        entry = await self._run(lambda: self._entry(tenant_id, key))
        return exact_hit(entry, tenant_id, key, rules, at)

    async def nearest(
        self, tenant_id: str, scope: str, vector: Sequence[float], rules: CacheRules, at: datetime
    ) -> Hit | None:
        """Returns the tenant's answer to the nearest question of the scope, None when none is near enough."""
        since = at - timedelta(seconds=rules.age_max_s)
        found = await self._run(lambda: self._nearest(tenant_id, scope, vector, since, at))
        return semantic_hit(found[0], found[1], tenant_id, scope, rules, at) if found is not None else None

    async def put(self, entry: Entry) -> None:
        """Keeps an answer in place of an older one of its key, and drops what is beyond the bounds."""
        await self._run(lambda: self._put(entry))

    async def forget(self, tenant_id: str) -> None:
        """Drops all that a tenant has."""
        await self._run(lambda: self._forget(tenant_id))

    async def close(self) -> None:
        """Closes the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._closed)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _Got]) -> _Got | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[], _Got]) -> _Got | None:
        """Does the work; a store that is damaged is emptied, and says that it has nothing."""
        try:
            return work()
        except (Damaged, *_FAULTS) as error:
            log.error("answer cache emptied", extra={"file": str(self._file), "reason": type(error).__name__})
            self._closed()
            for each in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):
                    Path(f"{self._file}{each}").unlink(missing_ok=True)
            return None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
            self._file.chmod(0o600)
            connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
            self._connection = connection
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = OFF")  # what a crash damages is found by the digests
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA cache_size = -32768")
            if connection.execute("PRAGMA user_version").fetchone()[0] != 1:
                connection.executescript(_SCHEMA)
        return self._connection

    def _closed(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _entry(self, tenant_id: str, key: str) -> Entry | None:
        row = self._open().execute(
            "SELECT body, coalesce(vector, x''), digest FROM answers LEFT JOIN vectors USING (tenant, scope, at, key)"
            " WHERE tenant = ? AND key = ?",
            (tenant_id, key),
        )
        found = row.fetchone()
        return _checked(tenant_id, key, *found) if found is not None else None

    def _nearest(
        self, tenant_id: str, scope: str, vector: Sequence[float], since: datetime, until: datetime
    ) -> tuple[Entry, float] | None:
        wanted = np.asarray(vector, dtype=np.float32)
        rows = self._open().execute(
            "SELECT key, vector FROM vectors WHERE tenant = ? AND scope = ? AND at BETWEEN ? AND ?"
            " AND length(vector) = ? ORDER BY at DESC, key LIMIT ?",
            (tenant_id, scope, _micros(since), _micros(until), wanted.nbytes, COMPARED_MAX),
        )
        found = rows.fetchall()
        if not found or not wanted.size:
            return None
        matrix = np.frombuffer(b"".join(each for _, each in found), dtype=np.float32).reshape(len(found), -1)
        lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(wanted)
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.where(lengths > 0, matrix @ wanted / lengths, -1.0)
        best = int(np.argmax(near))
        entry = self._entry(tenant_id, found[best][0])
        return (entry, float(near[best])) if entry is not None else None

    def _put(self, entry: Entry) -> None:
        body = msgspec.msgpack.encode(msgspec.structs.replace(entry, vector=()))
        vector = np.asarray(entry.vector, dtype=np.float32).tobytes()
        size = len(body) + len(vector)
        if size > ENTRY_BYTES_MAX:
            return
        row = (entry.tenant_id, entry.key, entry.scope, _micros(entry.at), size, body)
        connection = self._open()
        connection.execute("BEGIN")
        connection.execute("DELETE FROM answers WHERE tenant = ? AND key = ?", (entry.tenant_id, entry.key))
        connection.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _digest(entry.tenant_id, body, vector))
        )
        if vector:
            place = (entry.tenant_id, entry.scope, _micros(entry.at), entry.key)
            connection.execute("INSERT INTO vectors VALUES (?, ?, ?, ?, ?)", (*place, vector))
        self._bound(connection, entry)
        connection.execute("COMMIT")

    def _bound(self, connection: sqlite3.Connection, entry: Entry) -> None:
        bounds = self._bounds
        oldest = _micros(entry.at - timedelta(seconds=bounds.age_max_s))
        connection.execute("DELETE FROM answers WHERE tenant = ? AND at < ?", (entry.tenant_id, oldest))
        tenants = "SELECT tenant FROM sizes WHERE tenant = ? AND (entries > ? OR bytes > ?)"
        while connection.execute(
            tenants, (entry.tenant_id, bounds.tenant_entries_max, bounds.tenant_bytes_max)
        ).fetchone():
            _drop_oldest(connection, entry.tenant_id)
        most = "SELECT tenant FROM sizes WHERE (SELECT sum(bytes) FROM sizes) > ? ORDER BY bytes DESC, tenant LIMIT 1"
        while (fullest := connection.execute(most, (bounds.bytes_max,)).fetchone()) is not None:
            _drop_oldest(connection, fullest[0])

    def _forget(self, tenant_id: str) -> None:
        self._open().execute("DELETE FROM answers WHERE tenant = ?", (tenant_id,))


def _drop_oldest(connection: sqlite3.Connection, tenant_id: str) -> None:
    oldest = "SELECT key FROM answers WHERE tenant = ?1 ORDER BY at, key LIMIT 1"
    dropped = connection.execute(f"DELETE FROM answers WHERE tenant = ?1 AND key = ({oldest})", (tenant_id,))
    if dropped.rowcount < 1:
        raise Damaged("sizes that no answers have")


def _checked(tenant_id: str, key: str, body: bytes, vector: bytes, digest: bytes) -> Entry:
    """Returns the entry of a row; raises Damaged when the row does not say what was written."""
    if _digest(tenant_id, body, vector) != digest:
        raise Damaged("a row whose digest is another")
    entry = msgspec.msgpack.decode(body, type=Entry)
    if (entry.tenant_id, entry.key) != (tenant_id, key):
        raise Damaged("a row of another tenant or key")
    return entry


def _digest(tenant_id: str, body: bytes, vector: bytes) -> bytes:
    hashed = sha256()
    for part in (tenant_id.encode(), body, vector):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
