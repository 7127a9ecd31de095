"""Avro schemas -> ClickHouse tables: one noun, one `<noun>_log` that keeps the first copy, one view `<noun>` on it."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from schemas.catalogue import TOPICS, Topic
from sinks.engine import Load, literal, name

DATABASE = "auterity"
PRIMITIVE = {"string": "String", "bytes": "String", "int": "Int32", "long": "Int64", "boolean": "Bool"}
PLACE = {
    "_topic": "LowCardinality(String)",
    "_partition": "Int32",
    "_offset": "Int64",
    "_recorded_at": "DateTime64(3, 'UTC')",
}
"""Where a row comes from; `_recorded_at` is Kafka's append time."""
FIRST_COPY = "18446744073709551615 - (toUInt64(_offset) * 65536 + toUInt64(_partition))"
"""The version of a copy: the lower its offset (then its partition), the higher. Offsets stay below 2^47."""


class Column(Struct, frozen=True):
    """One field as a column. `default` is an SQL literal, None when it is what the type has anyway."""

    name: str
    type: str
    default: str | None


def columns(schema: Mapping[str, Any]) -> list[Column]:
    """Returns the columns of a record's fields, in their order; raises TypeError for a type no topic may use."""
    return [Column(each["name"], kind(each["type"]), _default(each.get("default"))) for each in schema["fields"]]


def kind(avro: Any) -> str:
    """Returns the ClickHouse type of an Avro type; an enum is text."""
    found: str | None = None
    match avro:
        case str():
            found = PRIMITIVE.get(avro)
        case ["null", other]:
            found = f"Nullable({kind(other)})"
        case {"logicalType": "timestamp-micros"}:
            found = "DateTime64(6, 'UTC')"
        case {"type": "enum"}:
            found = "LowCardinality(String)"
        case {"type": "map", "values": values}:
            found = f"Map(String, {kind(values)})"
        case {"type": "array", "items": items}:
            found = f"Array({kind(items)})"
        case {"type": "record", "fields": fields}:
            found = "Tuple(" + ", ".join(f"{name(each['name'])} {kind(each['type'])}" for each in fields) + ")"
    if found is None:
        raise TypeError(f"no column for {avro}")
    return found


def statements(topic: Topic, database: str = DATABASE) -> list[str]:
    """Returns the DDL that makes the topic's table and view, or brings older ones up to its schema; repeatable."""
    log = f"{name(database)}.{name(topic.noun + '_log')}"
    every = [*columns(topic.schema), *(Column(each, type_, None) for each, type_ in PLACE.items())]
    lines = [_declared(each) for each in every] + [f"_version UInt64 MATERIALIZED {FIRST_COPY}"]
    nested = [each for each in every if "Tuple(" in each.type]  # their records may have got fields since
    grown = ", ".join(f"MODIFY COLUMN {_declared(each)}" for each in nested)
    return [
        f"CREATE DATABASE IF NOT EXISTS {name(database)}",
        f"CREATE TABLE IF NOT EXISTS {log} (\n  " + ",\n  ".join(lines) + "\n) ENGINE = ReplacingMergeTree(_version)"
        " ORDER BY (tenant_id, event_id) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
        f"ALTER TABLE {log} " + ", ".join(f"ADD COLUMN IF NOT EXISTS {_declared(each)}" for each in every),
        *([f"ALTER TABLE {log} {grown}"] if nested else []),
        f"CREATE OR REPLACE VIEW {name(database)}.{name(topic.noun)} AS SELECT "
        + ", ".join(name(each.name) for each in every)
        + f" FROM {log} FINAL",
    ]


def load(topic: Topic, writer: Mapping[str, Any], database: str = DATABASE) -> Load:
    """Returns the INSERT of rows written with this schema (see sinks.row_binary), each with its place behind it.

    Columns the writer does not know take the table's defaults.
    """
    fields = {each.name: each.type for each in columns(writer)} | PLACE
    del fields["_topic"]  # the same in all rows
    names = ", ".join(map(name, fields))
    return Load(
        into=f"{name(database)}.{name(topic.noun + '_log')}",
        columns=f"_topic, {names}",
        values=f"{literal(topic.name)}, {names}",
        structure=", ".join(f"{name(each)} {kind}" for each, kind in fields.items()),
    )


def row_policies(database: str = DATABASE) -> list[str]:
    """Returns what keeps tenants apart on a ClickHouse server, for its administrator to run.

    Role `auterity_tenant` sees the tenant its session names in the custom setting `SQL_auterity_tenant` and fails
    without one; role `auterity_admin` sees all. Not provable on chdb, which has no users: there the reader's table
    filters stand for them.
    """
    made = ["CREATE ROLE IF NOT EXISTS auterity_tenant", "CREATE ROLE IF NOT EXISTS auterity_admin"]
    for topic in TOPICS.values():
        log, view = (f"{name(database)}.{name(each)}" for each in (topic.noun + "_log", topic.noun))
        made += [
            f"CREATE ROW POLICY OR REPLACE one_tenant ON {log} FOR SELECT"
            " USING tenant_id = getSetting('SQL_auterity_tenant') TO auterity_tenant",
            f"CREATE ROW POLICY OR REPLACE every_tenant ON {log} FOR SELECT USING 1 TO auterity_admin",
            f"GRANT SELECT ON {log} TO auterity_tenant, auterity_admin",
            f"GRANT SELECT ON {view} TO auterity_tenant, auterity_admin",
        ]
    return made


def _declared(column: Column) -> str:
    return f"{name(column.name)} {column.type}" + (f" DEFAULT {column.default}" if column.default else "")


def _default(value: Any) -> str | None:
    if not value:
        return None  # null, "", 0, false, [] and {} are what the type has anyway
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, bool | int):
        return str(value).lower()
    raise TypeError(f"no default for {value}")
