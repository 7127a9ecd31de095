"""Schemas as other writers register them: whatever they say, a consumer goes on, and reads what is safe to read."""

import json
from random import Random
from typing import Any

import pytest

from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.record import DIGEST, Record, seal
from schemas.shape import DEPTH_MAX, ITEM_VALUES_MAX, VALUES_MAX, UnreadableSchema, shape
from tests.event_strategies import NUMBERS, codec, event, next_version, recorded
from tests.schemas.sample import SAMPLE, of

LEARNED = 900


def _request(*fields: Any, without: str = "") -> dict[str, Any]:
    """The schema of requests with these fields more, and one less."""
    kept = [each for each in TOPICS["requests"].schema["fields"] if each["name"] != without]
    return {**TOPICS["requests"].schema, "fields": [*kept, *fields]}


def _record_of(kind: Any, count: int = 1, name: str = "Inner") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [of(f"f{n}", kind) for n in range(count)]}


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _deep(kind: Any, levels: int) -> Any:
    for _ in range(levels):
        kind = _array(kind)
    return kind


def _doubled(levels: int) -> Any:
    """A record that holds each record before it twice: few words, a great many values."""
    kind: Any = _record_of("string", 2, "Level0")
    for level in range(1, levels):
        kind = {
            "type": "record",
            "name": f"Level{level}",
            "fields": [of("a", kind), *(of(f"b{n}", f"Level{level - 1}") for n in range(9))],
        }
    return kind


UNREADABLE: dict[str, tuple[Any, str]] = {
    "a text": ("string", "string, not a record"),
    "a text that is no type": ("nonsense", "'nonsense' is no type"),
    "a number": (5, "5 is no type"),
    "nothing": (None, "None is no type"),
    "an empty object": ({}, "a type within a type"),
    "an empty list": ([], "a union of nothing"),
    "a union": (["null", "string"], "union, not a record"),
    "a record without a name": ({"type": "record", "fields": []}, "without a name"),
    "a record without fields": ({"type": "record", "name": "Request"}, "a record without fields"),
    "a record whose fields are none": ({"type": "record", "name": "Request", "fields": [1]}, "a record without fields"),
    "a field without a name": (_request({"type": "string"}), "is no name of a field"),
    "a field without a type": (_request({"name": "more"}), "None is no type"),
    "a field name that is none": (_request(of("a b", "string")), "'a b' is no name of a field"),
    "a field name that would be code": (_request(of("x=print(1)", "string")), "is no name of a field"),
    "a type name that would be code": (
        _request(of("more", {"type": "enum", "name": "X{print(1)}", "symbols": ["a"]})),
        "is no name",
    ),
    "two fields of one name": (_request(of("more", "string"), of("more", "string")), "two fields of one name"),
    "two types of one name": (
        _request(of("a", _record_of("string")), of("b", _record_of("string"))),
        "Inner is defined twice",
    ),
    "a type that nobody named": (_request(of("more", "Nobody")), "'Nobody' is no type"),
    "a record that holds itself": (_request(of("more", _record_of(["null", "Inner"]))), "Inner holds itself"),
    "a record that holds itself in an array": (_request(of("more", _record_of(_array("Inner")))), "holds itself"),
    "a record that holds the whole": (_request(of("more", ["null", "Request"])), "Request holds itself"),
    "an array of nulls": (_request(of("more", _array("null"))), "an array of nothing"),
    "an array of empty records": (_request(of("more", _array(_record_of("null", 0)))), "an array of nothing"),
    "an array of records of nulls": (_request(of("more", _array(_record_of("null", 3)))), "an array of nothing"),
    "an array of fixed of no size": (
        _request(of("more", _array({"type": "fixed", "name": "None0", "size": 0}))),
        "an array of nothing",
    ),
    "a fixed of less than nothing": (
        _request(of("more", {"type": "fixed", "name": "Less", "size": -1})),
        "a fixed without a size",
    ),
    "an enum without symbols": (
        _request(of("more", {"type": "enum", "name": "Empty", "symbols": []})),
        "an enum without symbols",
    ),
    "a union of unions": (_request(of("more", [["null", "string"]])), "a union of nothing, or of unions"),
    "a type within a type": (_request(of("more", {"type": {"type": "string"}})), "a type within a type"),
    "too many levels": (_request(of("more", _deep("string", DEPTH_MAX))), f"deeper than {DEPTH_MAX}"),
    "a thousand levels": (_request(of("more", _deep("string", 300))), f"deeper than {DEPTH_MAX}"),
    "too many levels by name": (
        _request(of("a", _record_of(_deep("string", DEPTH_MAX - 3))), of("b", _deep("Inner", 2))),
        f"deeper than {DEPTH_MAX}",
    ),
    "too many values": (_request(*(of(f"f{n}", "string") for n in range(VALUES_MAX))), f"more than {VALUES_MAX}"),
    "too many values by name": (_request(of("more", _doubled(4))), f"more than {VALUES_MAX}"),
    "too many values in an item": (
        _request(of("more", _array(_record_of("string", ITEM_VALUES_MAX)))),
        f"an item of more than {ITEM_VALUES_MAX} values",
    ),
    "too many values in an entry": (
        _request(of("more", {"type": "map", "values": _record_of("null", ITEM_VALUES_MAX)})),
        f"an item of more than {ITEM_VALUES_MAX} values",
    ),
    "a field that has no default less": (_request(without="event_id"), "event_id is not in it"),
    "another type of a field": (_request(of("kind", "string"), without="kind"), "kind: string is not RequestKind"),
    "another name": ({**TOPICS["requests"].schema, "name": "Order"}, "Order is not Request"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_records_are_undecodable_and_say_why_when_their_schema_is(name: str) -> None:
    schema, said = UNREADABLE[name]
    reader, record = _learned(schema)

    for _ in range(2):
        with pytest.raises(UnreadableSchema, match=f"schema id {LEARNED} of requests: .*{said}") as refused:
            reader.decode(record)
        assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_check_alone_refuses_records_whose_schema_is(name: str) -> None:
    reader, record = _learned(UNREADABLE[name][0])

    with pytest.raises(Undecodable):
        reader.check(record)
    with pytest.raises(Undecodable):
        reader.schema("requests", LEARNED)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_codec_that_learned_rubbish_reads_all_else(name: str) -> None:
    reader, _ = _learned(UNREADABLE[name][0])
    said = event("requests", Random(1))

    assert reader.decode(recorded(reader.encode(said, "test"))) == said
    assert reader.numbers("requests") == {NUMBERS["requests"], LEARNED}


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_schema_of_ours_and_its_next_version_has_a_shape(topic: str) -> None:
    assert shape(TOPICS[topic].schema).name == TOPICS[topic].event.__name__
    assert shape(next_version(TOPICS[topic].schema)).name == TOPICS[topic].event.__name__


def test_a_type_is_known_by_its_full_name_and_within_its_namespace_by_its_short_one() -> None:
    inner = {**_record_of("string"), "namespace": "other"}
    schema = {
        **SAMPLE,
        "fields": [of("a", inner), of("b", "other.Inner"), of("c", _record_of("int")), of("d", "Inner")],
    }

    found = shape(json.loads(json.dumps(schema))).fields

    assert [each.shape.fields[0].shape.kind for each in found] == ["string", "string", "int", "int"]


def test_as_many_levels_and_values_as_there_may_be_are_read() -> None:
    shape(_request(of("more", _deep("string", DEPTH_MAX - 1))))
    shape(_request(of("more", _array(_record_of("string", ITEM_VALUES_MAX - 1)))))


def _learned(schema: Any) -> tuple[Codec, Record]:
    """A codec that knows the schema, and a record that was written with it, as far as its frame tells."""
    reader = codec()
    reader.learn("requests", LEARNED, schema)
    value = b"\0" + LEARNED.to_bytes(4) + bytes(100)
    return reader, Record("requests", 0, 0, 0, b"k", value, [(DIGEST, seal(b"k", value, ()))])
