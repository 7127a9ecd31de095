"""Tables made from schemas, and their growth."""

from collections.abc import Callable
from typing import Any

import pytest
from sink_records import AT, business, records

from schemas.catalogue import TOPICS, Topic
from sinks.clickhouse import ClickHouseSink, alike
from sinks.embedded import ChdbEngine
from sinks.engine import literal, name
from sinks.tables import columns, kind, row_policies, statements

Rows = Callable[[str], list[list[Any]]]
PLACE = ["_topic", "_partition", "_offset", "_recorded_at"]


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_every_topic_has_a_table_and_a_view_with_its_fields(
    topic: Topic, engine: ChdbEngine, rows: Rows, database: str
) -> None:
    for statement in statements(topic, database) * 2:
        engine.execute(statement)

    fields = [each["name"] for each in topic.schema["fields"]]
    for table in (topic.noun, f"{topic.noun}_log"):
        listed = rows(
            f"SELECT name FROM system.columns WHERE database = '{database}' AND table = '{table}'"
            " AND default_kind != 'MATERIALIZED' ORDER BY position"
        )
        assert [each for (each,) in listed] == fields + PLACE


@pytest.mark.parametrize(
    ("avro", "expected"),
    [
        ("string", "String"),
        ("bytes", "String"),
        ("int", "Int32"),
        ("long", "Int64"),
        ("boolean", "Bool"),
        (["null", "bytes"], "Nullable(String)"),
        ({"type": "long", "logicalType": "timestamp-micros"}, "DateTime64(6, 'UTC')"),
        ({"type": "enum", "name": "E", "symbols": ["unknown"]}, "LowCardinality(String)"),
        ({"type": "map", "values": "string"}, "Map(String, String)"),
        (
            {"type": "array", "items": {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}},
            "Array(Tuple(`a` Int32))",
        ),
    ],
)
def test_an_avro_type_has_one_column_type(avro: Any, expected: str) -> None:
    assert kind(avro) == expected


@pytest.mark.parametrize("avro", ["double", ["string", "int"], {"type": "fixed", "name": "F", "size": 4}])
def test_a_type_no_topic_may_use_is_an_error(avro: Any) -> None:
    with pytest.raises(TypeError):
        kind(avro)


def test_defaults_are_those_of_avro() -> None:
    found = {each.name: each.default for each in columns(TOPICS["agent-steps"].schema)}
    assert found["attempt"] == "1"
    assert found["status"] == "'unknown'"
    assert found["reason"] is None


def test_a_field_added_to_the_schema_becomes_a_column_with_its_default(
    engine: ChdbEngine, sink: ClickHouseSink, rows: Rows, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.write(records([business(1)]))
    topic = TOPICS["business-events"]
    grown = [{"name": "priority", "type": "int", "default": 3}, {"name": "note", "type": ["null", "string"]}]
    schema = topic.schema | {"fields": topic.schema["fields"] + grown}
    monkeypatch.setattr(Topic, "schema", property(lambda _: schema))

    for statement in statements(topic, database):
        engine.execute(statement)

    assert rows(f"SELECT subject, priority, note FROM {database}.business_events") == [["case-1", 3, None]]
    monkeypatch.undo()
    assert sink.write(records([business(2)], start=1)) == []
    assert rows(f"SELECT subject, priority, note FROM {database}.business_events ORDER BY 1")[1] == ["case-2", 3, None]


def test_a_field_added_to_a_nested_record_is_empty_in_older_rows(
    engine: ChdbEngine, rows: Rows, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = TOPICS["requests"]
    pins = next(each for each in topic.schema["fields"] if each["name"] == "pins")
    items = pins["type"]["items"]
    fewer = items | {"fields": [each for each in items["fields"] if each["name"] != "digest"]}
    older = [
        each | {"type": pins["type"] | {"items": fewer}} if each is pins else each for each in topic.schema["fields"]
    ]
    monkeypatch.setattr(Topic, "schema", property(lambda _, now=topic.schema | {"fields": older}: now))
    for statement in statements(topic, database):
        engine.execute(statement)
    engine.execute(f"INSERT INTO {database}.requests_log (event_id, pins) VALUES ('1', [('rules', 'r', 1)])")
    monkeypatch.undo()

    for statement in statements(topic, database):
        engine.execute(statement)

    pin = "pins[1]"
    assert rows(f"SELECT {pin}.kind, {pin}.version, {pin}.digest FROM {database}.requests") == [["rules", 1, ""]]


def test_a_schema_is_read_undecoded_only_when_clickhouse_reads_it_as_we_do() -> None:
    own = TOPICS["requests"].schema
    fields = own["fields"]
    nested = [
        each | {"type": {"type": "array", "items": "string"}} if each["name"] == "pins" else each for each in fields
    ]
    longer = [each | {"type": "long"} if each["name"] == "workflow" else each for each in fields]
    assert alike(own, own)
    assert alike({"fields": fields[:-1]}, own)
    assert not alike({"fields": [*fields, {"name": "more", "type": "int"}]}, own)
    assert not alike({"fields": nested}, own)
    assert not alike({"fields": longer}, own)


@pytest.mark.parametrize("text", ["", "a'b", "a\\", "\\'", "a`b\n\t\0é", "'; DROP TABLE x; --"])
def test_quoted_text_is_one_value(text: str, rows: Rows) -> None:
    assert rows(f"SELECT hex({literal(text)})") == [[text.encode().hex().upper()]]
    if text:
        assert rows(f"SELECT hex({name(text)}) FROM (SELECT 'v' AS {name(text)})") == [["76"]]


def test_every_table_has_a_row_policy_for_a_server() -> None:
    text = "\n".join(row_policies("d"))
    assert AT.year == 2026
    for topic in TOPICS.values():
        assert f"ROW POLICY OR REPLACE one_tenant ON `d`.`{topic.noun}_log`" in text
