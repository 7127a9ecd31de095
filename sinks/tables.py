"""Avro schemas -> ClickHouse tables: one noun, one `<noun>_log` that keeps the first copy, one view `<noun>` on it."""

from collections.abc import Mapping, Sequence
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
PLACE_BYTES, MARK_BYTES = 20, 16
FIRST_COPY = "18446744073709551615 - (toUInt64(_offset) * 65536 + toUInt64(_partition))"
"""The version of a copy: the lower its offset (then its partition), the higher. Offsets stay below 2^47."""
MICROS_MIN, MICROS_MAX = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Years 1 to 9999: what the decoder takes as a moment."""
ONE_BLOCK = (
    "max_threads = 1, max_insert_threads = 1, optimize_on_insert = 0, "
    "min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 0, max_block_size = 65536"
)
"""All rows of an insert make one part, so they are there together or not at all."""


class Column(Struct, frozen=True):
    """One field as a column. `default` is an SQL literal, None when it is what the type has anyway."""

    name: str
    type: str
    default: str | None
    texts: list[str]
    """Expressions of the texts it holds, a String each: Avro in ClickHouse does not look whether they are UTF-8."""
    moment: bool
    """True when it is a moment, whose range Avro in ClickHouse does not look at either."""


def columns(schema: Mapping[str, Any]) -> list[Column]:
    """Returns the columns of a record's fields, in their order; raises TypeError for a type no topic may use."""
    return [
        Column(
            each["name"],
            kind(each["type"]),
            _default(each.get("default")),
            _texts(each["name"], each["type"]),
            isinstance(each["type"], dict) and each["type"].get("logicalType") == "timestamp-micros",
        )
        for each in schema["fields"]
    ]


def wrong(fields: Sequence[Column]) -> str:
    """Returns what is true of a row that holds a value which the decoder would refuse and Avro in ClickHouse does not.

    All texts are looked at together, a line feed between them, so that no two halves of a character meet.
    """
    texts = ", '\\n', ".join(text for each in fields for text in each.texts)
    moments = [
        f"toUnixTimestamp64Micro({name(each.name)}) NOT BETWEEN {MICROS_MIN} AND {MICROS_MAX}"
        for each in fields
        if each.moment
    ]
    return " OR ".join([f"NOT isValidUTF8(concat('', {texts}))"] * bool(texts) + moments) or "0"


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
    every = [*columns(topic.schema), *(Column(each, type_, None, [], False) for each, type_ in PLACE.items())]
    lines = [_declared(each) for each in every] + [f"_version UInt64 MATERIALIZED {FIRST_COPY}"]
    return [
        f"CREATE DATABASE IF NOT EXISTS {name(database)}",
        f"CREATE TABLE IF NOT EXISTS {log} (\n  " + ",\n  ".join(lines) + "\n) ENGINE = ReplacingMergeTree(_version)"
        " ORDER BY (tenant_id, event_id) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
        f"ALTER TABLE {log} " + ", ".join(f"ADD COLUMN IF NOT EXISTS {_declared(each)}" for each in every),
        f"CREATE OR REPLACE VIEW {name(database)}.{name(topic.noun)} AS SELECT "
        + ", ".join(name(each.name) for each in every)
        + f" FROM {log} FINAL",
    ]


def load(topic: Topic, writer: Mapping[str, Any], mark: bytes, database: str = DATABASE) -> Load:
    """Returns the INSERT for a container of records written with this schema (see sinks.avro_block).

    A row whose end is not the mark, text that is not UTF-8 or a moment out of range fails the whole INSERT. Columns
    the writer does not know take the table's defaults.
    """
    fields = columns(writer)
    names = ", ".join(name(each.name) for each in fields)
    structure = ", ".join(f"{name(each.name)} {each.type}" for each in fields)
    return Load(
        into=f"INSERT INTO {name(database)}.{name(topic.noun + '_log')} ({names}, {', '.join(PLACE)}) SELECT {names}, "
        f"{literal(topic.name)}, reinterpretAsInt32(substring(_place, 1, 4)), "
        "reinterpretAsInt64(substring(_place, 5, 8)), "
        "fromUnixTimestamp64Milli(reinterpretAsInt64(substring(_place, 13, 8)), 'UTC') FROM ",
        structure=f"_place FixedString({PLACE_BYTES}), {structure}, _end FixedString({MARK_BYTES})",
        checks=f" WHERE throwIf(_end != unhex('{mark.hex()}'), 'a body does not end where its record does') = 0"
        f" AND throwIf({wrong(fields)}, 'a value that no decoder takes') = 0 SETTINGS {ONE_BLOCK}",
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


def _texts(column: str, avro: Any) -> list[str]:
    match avro:
        case "string":
            return [name(column)]
        case ["null", "string"]:
            return [f"ifNull({name(column)}, '')"]
        case {"type": "map", "values": "string"}:
            return [f"arrayStringConcat({part}({name(column)}), '\\n')" for part in ("mapKeys", "mapValues")]
        case {"type": "array", "items": {"type": "record", "fields": fields}}:
            texts = [each["name"] for each in fields if each["type"] == "string"]
            return [f"arrayStringConcat({name(column)}.{name(each)}, '\\n')" for each in texts]
    return []
