"""Kafka records -> the tables of the read models."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError

from domain.ports import Refused
from domain.projections import Change, Key, changes, concerns, folded, key_of
from domain.read_models import ROWS, TOPICS, Place, Row
from schemas.codec import Codec, UnknownSchema
from schemas.errors import Rejected, Undecodable
from schemas.record import Record
from sinks.read_models.store import migrate, turn
from sinks.read_models.tables import APPLIED, METADATA, table

RECORDS_MAX = 10_000
"""Taken in by one transaction."""
ANEW = "delete their file, or make them anew with `auterity read-models --rebuild`"
KEYS_MAX = 1000
"""Asked for in one statement."""


class AnotherLog(Rejected):
    """The read models were made of another log than the one that is read."""


class ReadModelSink:
    """A Sink, for one thread at a time; several may write to one store.

    What a record changes is written together with its place: a record whose place is in is passed over, so that what
    is delivered again, and what a writer writes that lost its partition, changes nothing.
    """

    topics: tuple[str, ...] = TOPICS

    def __init__(self, engine: Engine, codec: Codec, learn: Callable[[str], None], log: str) -> None:
        """`learn` has the codec know the schemas that were registered for a topic since; `log` names the Kafka cluster
        that the records come from."""
        self._engine = engine
        self._codec = codec
        self._learn = learn
        self._log = log

    def prepare(self) -> dict[Place, int]:
        """Makes or migrates the tables; returns the next offset of each place that is in; raises AnotherLog."""
        migrate(self._engine)
        with turn(self._engine) as connection:
            if any(log != self._log for log in connection.scalars(select(APPLIED.c.log))):
                raise AnotherLog(f"the read models are of another Kafka than {self._log}; {ANEW}")
            return _applied(connection)

    def write(self, records: Sequence[Record]) -> list[Refused]:
        """Keeps the records and returns those it cannot keep; all others are on disk then. See domain.ports.Sink."""
        refused: list[Refused] = []
        for begin in range(0, len(records), RECORDS_MAX):
            refused += self._halved(records[begin : begin + RECORDS_MAX])
        return refused

    def rebuild(
        self, ends: Callable[[], dict[Place, int]], read: Callable[[dict[Place, int]], Iterable[Sequence[Record]]]
    ) -> int:
        """Throws all rows away and takes in what `read` gives of the log up to its `ends`; returns the records.

        In one transaction: readers see the old rows until it is done, other writers wait, and go on behind it.
        """
        migrate(self._engine)
        count = 0
        with turn(self._engine) as connection:
            for each in METADATA.sorted_tables:
                connection.execute(delete(each))
            for batch in read(ends()):  # asked for when nobody else can write any more: nothing is in that is behind
                for begin in range(0, len(batch), RECORDS_MAX):
                    self._take(connection, batch[begin : begin + RECORDS_MAX])
                count += len(batch)
        return count

    def _halved(self, records: Sequence[Record]) -> list[Refused]:
        """Writes the records in one transaction; when the database does not take some, halves until those are alone."""
        try:
            with turn(self._engine) as connection:
                return self._take(connection, records)
        except (DataError, IntegrityError) as error:
            if len(records) > 1:
                half = len(records) // 2
                return [*self._halved(records[:half]), *self._halved(records[half:])]
            with turn(self._engine) as connection:
                self._pass(connection, _applied(connection), records)
            return [Refused(records[0], Rejected(f"the database does not take it: {type(error.orig).__name__}"))]

    def _take(self, connection: Connection, records: Sequence[Record]) -> list[Refused]:
        applied = _applied(connection)
        refused: list[Refused] = []
        said: list[Change] = []
        for record in records:
            if record.offset < applied.get((record.topic, record.partition), 0) or not concerns(record):
                continue
            try:
                said.append(changes(self._decoded(record), record))
            except Rejected as error:
                refused.append(Refused(record, error))
        known = _known(connection, {key_of(row) for change in said for row in change.rows})
        _put(connection, folded(known, said).values())
        self._pass(connection, applied, records)
        return refused

    def _decoded(self, record: Record) -> Any:
        """Returns the event; a schema that nobody has heard of is asked for here, as the place is passed afterwards."""
        try:
            return self._codec.decode(record)
        except UnknownSchema:
            self._learn(record.topic)
        try:
            return self._codec.decode(record)
        except UnknownSchema as error:
            raise Undecodable(str(error)) from error

    def _pass(self, connection: Connection, applied: dict[Place, int], records: Sequence[Record]) -> None:
        last: dict[Place, Record] = {}
        for record in records:
            place = record.topic, record.partition
            if record.offset >= applied.get(place, 0):
                last[place] = record
        rows = [
            {
                "topic": topic,
                "partition": partition,
                "offset": record.offset + 1,
                "recorded_ms": record.timestamp_ms,
                "log": self._log,
            }
            for (topic, partition), record in last.items()
        ]
        _upsert(connection, APPLIED, ["topic", "partition"], rows)


def _applied(connection: Connection) -> dict[Place, int]:
    return {(row.topic, row.partition): row.offset for row in connection.execute(select(APPLIED))}


def _known(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row]:
    """Returns the rows of these keys that are there."""
    asked: dict[type[Row], list[tuple[Any, ...]]] = defaultdict(list)
    for kind, key in keys:
        asked[kind].append(key)
    found: dict[Key, Row] = {}
    for kind, wanted in asked.items():
        columns = table(kind).c
        named = tuple_(*(columns[name] for name in kind.KEY))
        for begin in range(0, len(wanted), KEYS_MAX):
            for row in connection.execute(select(table(kind)).where(named.in_(wanted[begin : begin + KEYS_MAX]))):
                made = kind(**row._mapping)
                found[key_of(made)] = made
    return found


def _put(connection: Connection, rows: Iterable[Row]) -> None:
    by_kind: dict[type[Row], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_kind[type(row)].append(msgspec.structs.asdict(row))
    for kind in ROWS:
        _upsert(connection, table(kind), list(kind.KEY), by_kind[kind])


def _upsert(connection: Connection, into: Any, key: list[str], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(into)
    said = {name: insert.excluded[name] for name in rows[0] if name not in key}
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_=said), rows)
