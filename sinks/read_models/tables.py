"""The tables of the read models: one for each kind of row, with its fields as columns, and one of what is in."""

from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from domain.read_models import ROWS, Row

TYPES: dict[Any, type[TypeEngine[Any]]] = {str: Text, int: BigInteger, bool: Boolean, list[str]: JSON}
INDEXES: dict[str, list[tuple[str, ...]]] = {
    "runs": [("recorded_ms", "run_id"), ("status", "recorded_ms", "run_id"), ("workflow", "recorded_ms", "run_id")],
    "steps": [("agent", "uses", "status", "recorded_ms")],
    "moments": [
        ("run_id", "recorded_ms", "topic", "offset"),
        ("event_id", "topic"),
        ("causation_id", "recorded_ms"),
        ("recorded_ms", "topic"),
    ],
    "decisions": [("recorded_ms", "outcome")],
    "entries": [
        ("occurred_at", "sequence"),
        ("recorded_ms", "sequence"),
        ("run_id", "sequence"),
        ("event_id", "sequence"),
    ],
    "letters": [("recorded_ms", "event_id")],
}
"""By table; each begins with the tenant."""

METADATA = MetaData()


def table(row: type[Row]) -> Table:
    """Returns the table of this kind of row."""
    return METADATA.tables[row.TABLE]


def _made(row: type[Row]) -> None:
    hints: dict[str, Any] = get_type_hints(row)
    columns: list[Any] = []
    for each in msgspec.structs.fields(row):
        kind = hints[each.name]
        nullable = isinstance(kind, UnionType)
        said = get_args(kind)[0] if nullable else kind
        key = each.name in row.KEY
        columns.append(Column(each.name, TYPES[said], primary_key=key, nullable=nullable, autoincrement=False))
    indexes = [
        Index(f"{row.TABLE}_by_{'_'.join(names[:-1])}", "tenant_id", *names) for names in INDEXES.get(row.TABLE, [])
    ]
    columns.sort(key=lambda column: row.KEY.index(column.name) if column.name in row.KEY else len(row.KEY))
    Table(row.TABLE, METADATA, *columns, *indexes)


for _row in ROWS:
    _made(_row)

APPLIED = Table(
    "applied",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("log", Text, nullable=False),
)
"""By topic and partition the next offset, when Kafka took the record before it, and which Kafka that was."""
