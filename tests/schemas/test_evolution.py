"""What a schema may hold, how it may change, and that old and new writers and readers understand each other."""

import json
from collections.abc import Callable
from io import BytesIO
from random import Random
from types import SimpleNamespace
from typing import Any

import fastavro
import msgspec
import pytest

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.evolution import DEPTH_MAX, HEAD, changes, lint
from schemas.record import DIGEST, PREFIX, Record, seal
from tests.event_strategies import NUMBERS, body, codec, event, next_version

Schema = dict[str, Any]
LATER = 900
"""The id of the schema that a later release writes with."""


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_schema_passes_the_linter(topic: str) -> None:
    assert lint(TOPICS[topic].schema) == []


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_the_next_version_of_every_schema_passes_the_linter_and_is_an_allowed_change(topic: str) -> None:
    later = next_version(TOPICS[topic].schema)

    assert lint(later) == []
    assert changes(TOPICS[topic].schema, later) == []


BOMBS: dict[str, tuple[Any, str]] = {
    "an array of null": ({"type": "array", "items": "null"}, "an array of nothing"),
    "an array of null, written long": ({"type": "array", "items": {"type": "null"}}, "an array of nothing"),
    "an array of empty records": (
        {"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}},
        "an array of nothing",
    ),
    "an array of records of nulls": (
        {
            "type": "array",
            "items": {
                "type": "record",
                "name": "Nulls",
                "fields": [{"name": "none", "type": "null", "doc": "None.", "pii": "none"}],
            },
        },
        "an array of nothing",
    ),
    "an array of fixed of no size": (
        {"type": "array", "items": {"type": "fixed", "name": "Nothing", "size": 0}},
        "an array of nothing",
    ),
    "a record that holds itself": (
        {
            "type": "record",
            "name": "Node",
            "fields": [{"name": "next", "type": ["null", "Node"], "doc": "Next.", "pii": "none"}],
        },
        "Node holds itself",
    ),
    "a record that holds the topic's": (["null", "Sample"], "Sample holds itself"),
    "a record that holds itself in an array": (
        {
            "type": "record",
            "name": "Tree",
            "fields": [{"name": "all", "type": {"type": "array", "items": "Tree"}, "doc": "All.", "pii": "none"}],
        },
        "Tree holds itself",
    ),
    "a type within a type": ({"type": {"type": "array", "items": "null"}}, "a type within a type"),
    "an enum that has no default": ({"type": "enum", "name": "Kind", "symbols": ["a"]}, "an enum without"),
    "an enum with another default": (
        {"type": "enum", "name": "Kind", "symbols": ["a"], "default": "a"},
        "an enum without the default unknown",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_the_linter_refuses(name: str) -> None:
    kind, said = BOMBS[name]

    found = lint(_with_field(kind))

    assert any(said in line for line in found), found


@pytest.mark.parametrize("wrap", ["array", "map"])
def test_the_linter_refuses_a_type_deeper_than_six(wrap: str) -> None:
    kind: Any = "string"
    for _ in range(DEPTH_MAX + 1):
        kind = {"type": wrap, "items" if wrap == "array" else "values": kind}

    assert lint(_with_field(kind)) == [f"Sample.it: deeper than {DEPTH_MAX}"]


def test_the_linter_refuses_an_array_of_a_record_of_nothing_that_was_named_before() -> None:
    schema = _with_field({"type": "record", "name": "Empty", "fields": []})
    schema["fields"].append(_field("them", {"type": "array", "items": "Empty"}))

    assert lint(schema) == ["Sample.them: an array of nothing"]


def test_the_linter_refuses_a_schema_whose_first_fields_are_not_the_head() -> None:
    schema = _with_field("string")
    schema["fields"].insert(0, schema["fields"].pop())

    assert lint(schema)[0].startswith("Sample: begins with it, event_id")


@pytest.mark.parametrize(("part", "said"), [("doc", "Sample.it: no doc"), ("pii", "Sample.it: no pii class")])
def test_the_linter_refuses_a_field_without(part: str, said: str) -> None:
    schema = _with_field("string")
    del schema["fields"][-1][part]

    assert lint(schema) == [said]


def test_the_linter_refuses_a_pii_class_it_does_not_know() -> None:
    schema = _with_field("string")
    schema["fields"][-1]["pii"] = "perhaps"

    assert lint(schema) == ["Sample.it: no pii class"]


def test_the_linter_looks_into_the_fields_of_nested_records() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "a", "type": "string", "pii": "none"}]}

    assert lint(_with_field({"type": "array", "items": inner})) == ["Sample.it.a: no doc"]


def _set(path: str, value: Any) -> Callable[[Schema], None]:
    """Returns the change that sets what lies at `field` or `field/part/part` of a schema."""

    def change(schema: Schema) -> None:
        name, *parts = path.split("/")
        place: Any = next(field for field in schema["fields"] if field["name"] == name)
        for part in parts[:-1]:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if value is None:
            del place[parts[-1]]
        elif isinstance(place, list):
            place[int(parts[-1])] = value
        else:
            place[parts[-1]] = value

    return change


def _remove(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].remove(next(each for each in schema["fields"] if each["name"] == name))


def _add(field: Schema) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].append(field)


ALLOWED: dict[str, Callable[[Schema], None]] = {
    "nothing": lambda schema: None,
    "a field with a default": _add({"name": "more", "type": "string", "doc": "More.", "pii": "none", "default": ""}),
    "a nullable field that defaults to null": _add(
        {"name": "more", "type": ["null", "string"], "doc": "More.", "pii": "none", "default": None}
    ),
    "a symbol appended": _set("kind/type/symbols", ["unknown", "a", "b", "c"]),
    "other words": _set("text/doc", "In other words."),
    "a field with a default in a nested record": _set(
        "list/type/items/fields",
        [
            {"name": "x", "type": "string", "doc": "X.", "pii": "none"},
            {"name": "y", "type": "int", "doc": "Y.", "pii": "none", "default": 0},
        ],
    ),
}
FORBIDDEN: dict[str, tuple[Callable[[Schema], None], str]] = {
    "a field removed": (_remove("text"), "Sample.text: removed"),
    "a field with a default removed": (_remove("number"), "Sample.number: removed"),
    "a field without a default": (
        _add({"name": "more", "type": "string", "doc": "More.", "pii": "none"}),
        "Sample.more: added without a default",
    ),
    "a type widened": (_set("number/type", "long"), "Sample.number: type changed from int to long"),
    "a type replaced": (_set("text/type", "bytes"), "Sample.text: type changed from string to bytes"),
    "a field made nullable": (
        _set("text/type", ["null", "string"]),
        "Sample.text: type changed from string to ['null', 'string']",
    ),
    "another branch of a union": (_set("maybe/type/1", "bytes"), "Sample.maybe: type changed from string to bytes"),
    "a default removed": (_set("number/default", None), "Sample.number: default changed from 0 to none"),
    "a default changed": (_set("number/default", 1), "Sample.number: default changed from 0 to 1"),
    "a default given": (_set("text/default", ""), 'Sample.text: default changed from none to ""'),
    "a symbol removed": (
        _set("kind/type/symbols", ["unknown", "a"]),
        "Sample.kind: symbols changed, not only appended",
    ),
    "a symbol renamed": (
        _set("kind/type/symbols", ["unknown", "a", "c"]),
        "Sample.kind: symbols changed, not only appended",
    ),
    "a symbol put between": (
        _set("kind/type/symbols", ["unknown", "c", "a", "b"]),
        "Sample.kind: symbols changed, not only appended",
    ),
    "another default of an enum": (
        _set("kind/type/default", "a"),
        "Sample.kind: the enum's default changed from unknown to a",
    ),
    "an enum renamed": (_set("kind/type/name", "Sort"), "Sample.kind: name changed from Kind to Sort"),
    "another unit of time": (
        _set("occurred_at/type/logicalType", "timestamp-millis"),
        "Sample.occurred_at: logicalType changed from timestamp-micros to timestamp-millis",
    ),
    "another type of a map's values": (
        _set("map/type/values", "bytes"),
        "Sample.map: type changed from string to bytes",
    ),
    "a field removed from a nested record": (_set("list/type/items/fields", []), "Sample.list.x: removed"),
    "a fixed made longer": (_set("mark/type/size", 8), "Sample.mark: size changed from 4 to 8"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_schema_may_change_by(name: str) -> None:
    old, new = _sample(), _sample()
    ALLOWED[name](new)

    assert changes(old, new) == []


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_schema_may_not_change_by(name: str) -> None:
    change, said = FORBIDDEN[name]
    old, new = _sample(), _sample()
    change(new)

    assert changes(old, new) == [said]


def test_a_symbol_may_not_be_appended_to_an_enum_that_had_no_default() -> None:
    old, new = _sample(), _sample()
    for schema in (old, new):
        _set("kind/type/default", None)(schema)
    _set("kind/type/symbols", ["unknown", "a", "b", "c"])(new)

    assert changes(old, new) == ["Sample.kind: a symbol appended to an enum that had no default"]


def test_a_union_may_not_be_turned_round() -> None:
    old, new = _sample(), _sample()
    _set("maybe/type", ["string", "null"])(new)

    assert len(changes(old, new)) == 2


def test_every_forbidden_change_is_named() -> None:
    old, new = _sample(), _sample()
    FORBIDDEN["a field removed"][0](new)
    FORBIDDEN["a type widened"][0](new)

    assert changes(old, new) == ["Sample.text: removed", "Sample.number: type changed from int to long"]


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_this_release_reads_what_a_later_one_writes(topic: str) -> None:
    schema, later = TOPICS[topic].schema, next_version(TOPICS[topic].schema)
    reader = codec()
    reader.learn(topic, LATER, later)
    random = Random(f"later {topic}")
    for _ in range(20):
        said = body(later, random)
        expected = _without_later_symbols(schema, {name: said[name] for name in said if name != "added_later"})

        read = reader.decode(_record(topic, later, LATER, said))

        assert read == msgspec.convert(expected, TOPICS[topic].event)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_later_release_reads_what_this_one_writes(topic: str) -> None:
    schema, later = TOPICS[topic].schema, next_version(TOPICS[topic].schema)
    said = event(topic, Random(f"earlier {topic}"))
    written = codec().body(said)

    read = fastavro.schemaless_reader(
        _stream(written[PREFIX:]), fastavro.parse_schema(schema), fastavro.parse_schema(later)
    )

    assert read.pop("added_later") == "nothing yet"
    assert msgspec.convert(read, TOPICS[topic].event) == said


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_what_an_earlier_release_wrote_is_read_with_the_defaults_of_what_came_since(topic: str) -> None:
    fields = TOPICS[topic].schema["fields"]
    added = [field for field in fields[len(HEAD) :] if "default" in field]
    earlier = {**TOPICS[topic].schema, "fields": [field for field in fields if field not in added]}
    reader = codec()
    reader.learn(topic, LATER, earlier)
    random = Random(f"older {topic}")
    said = body(earlier, random)

    read = reader.decode(_record(topic, earlier, LATER, said))

    assert read == msgspec.convert(said, TOPICS[topic].event)


def test_a_symbol_of_a_later_release_reads_as_unknown() -> None:
    later = next_version(TOPICS["workflow-runs"].schema)
    reader = codec()
    reader.learn("workflow-runs", LATER, later)
    said = body(later, Random(1)) | {"status": "symbol_of_later"}

    read = reader.decode(_record("workflow-runs", later, LATER, said))

    assert read.status == "unknown"  # type: ignore[union-attr]


def test_a_codec_knows_every_id_it_has_learned_for_a_topic() -> None:
    reader = codec()
    reader.learn("requests", LATER, next_version(TOPICS["requests"].schema))

    assert reader.numbers("requests") == {NUMBERS["requests"], LATER}
    assert reader.numbers("ai-calls") == {NUMBERS["ai-calls"]}


def test_a_codec_gives_the_schema_that_an_id_names() -> None:
    later = next_version(TOPICS["requests"].schema)
    reader = codec()
    reader.learn("requests", LATER, later)

    assert reader.schema("requests", LATER)["fields"][-1]["name"] == "added_later"
    assert reader.schema("requests", NUMBERS["requests"]) == TOPICS["requests"].schema


def test_a_record_of_another_release_is_not_the_codecs_own() -> None:
    later = next_version(TOPICS["requests"].schema)
    record = _record("requests", later, LATER, body(later, Random(2)))

    assert not codec().own(record)


def test_learning_an_id_twice_changes_nothing() -> None:
    reader = Codec({"requests": 1})
    reader.learn("requests", 1, next_version(TOPICS["requests"].schema))
    said = event("requests", Random(3))

    assert reader.schema("requests", 1) == TOPICS["requests"].schema
    assert reader.decode(_sealed("requests", TOPICS["requests"].key(said), reader.body(said))) == said


def _field(name: str, kind: Any) -> Schema:
    return {"name": name, "type": kind, "doc": "It.", "pii": "none"}


def _with_field(kind: Any) -> Schema:
    head = TOPICS["requests"].schema["fields"][: len(HEAD)]
    return {"type": "record", "name": "Sample", "doc": "A sample.", "fields": [*head, _field("it", kind)]}


def _sample() -> Schema:
    inner = {"type": "record", "name": "Inner", "fields": [_field("x", "string")]}
    fields = [
        _field("text", "string"),
        {**_field("number", "int"), "default": 0},
        _field("maybe", ["null", "string"]),
        _field("kind", {"type": "enum", "name": "Kind", "symbols": ["unknown", "a", "b"], "default": "unknown"}),
        _field("map", {"type": "map", "values": "string"}),
        _field("list", {"type": "array", "items": inner}),
        _field("mark", {"type": "fixed", "name": "Mark", "size": 4}),
    ]
    schema = _with_field("string")
    copied: Schema = json.loads(json.dumps({**schema, "fields": [*schema["fields"][: len(HEAD)], *fields]}))
    return copied


def _without_later_symbols(kind: Any, said: Any) -> Any:
    """Returns what was said with each enum's symbol of later as unknown."""
    if isinstance(kind, list) or said is None:
        return said
    if isinstance(kind, dict) and kind["type"] == "record":
        return {field["name"]: _without_later_symbols(field["type"], said[field["name"]]) for field in kind["fields"]}
    if isinstance(kind, dict) and kind["type"] == "enum":
        return said if said in kind["symbols"] else "unknown"
    if isinstance(kind, dict) and kind["type"] == "array":
        return [_without_later_symbols(kind["items"], each) for each in said]
    return said


def _stream(content: bytes) -> Any:
    return BytesIO(content)


def _record(topic: str, schema: Schema, number: int, said: Schema) -> Record:
    out = _stream(b"")
    fastavro.schemaless_writer(out, fastavro.parse_schema(dict(schema)), said)
    lacking = {field["name"]: field["default"] for field in TOPICS[topic].schema["fields"] if "default" in field}
    key = TOPICS[topic].key(SimpleNamespace(**{**lacking, **said}))
    return _sealed(topic, key, b"\x00" + number.to_bytes(4) + out.getvalue())


def _sealed(topic: str, key: str, value: bytes) -> Record:
    return Record(topic, 0, 0, 0, key.encode(), value, [(DIGEST, seal(key.encode(), value, ()))])
