"""Readers compiled from schemas: what they read is what fastavro reads, and they read nothing else."""

import json
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from random import Random
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import TOPICS
from schemas.errors import Undecodable
from schemas.evolution import HEAD, changes, lint
from schemas.reader import Reader, compile_reader
from schemas.shape import UnreadableSchema
from schemas.wire import number
from tests.event_strategies import event, events
from tests.schemas.sample import SAMPLE, SORT, Sample, Schema, of, values

CORRUPTED = 20_000
EVERY = pytest.mark.parametrize("topic", sorted(TOPICS))
FEW = settings(max_examples=60, deadline=None)


@EVERY
@FEW
@given(data=st.data())
def test_an_event_of_every_topic_is_read_as_fastavro_reads_it(topic: str, data: st.DataObject) -> None:
    schema = TOPICS[topic].schema
    body = _written(schema, _plain(data.draw(events(topic))))

    assert _reader(topic)(body, 0) == msgspec.convert(_read(body, schema), TOPICS[topic].event)


@FEW
@given(said=values(SAMPLE))
def test_every_type_is_read_as_fastavro_reads_it(said: Schema) -> None:
    body = _written(SAMPLE, said)

    assert _plain(SAMPLES(body, 0)) == _read(body, SAMPLE)


@FEW
@given(said=values(SAMPLE))
def test_every_type_of_a_field_that_is_not_ours_is_read_over(said: Schema) -> None:
    own = {**SAMPLE, "fields": [_named("text"), _named("number")]}
    body = _written(SAMPLE, said)

    read = compile_reader(SAMPLE, own, Shortened, "samples")(body, 0)

    assert (read.text, read.number) == (said["text"], said["number"])  # type: ignore[union-attr]


@FEW
@given(said=values(SAMPLE), data=st.data())
def test_a_truncated_body_is_undecodable(said: Schema, data: st.DataObject) -> None:
    body = _written(SAMPLE, said)

    with pytest.raises(Undecodable):
        SAMPLES(body[: data.draw(st.integers(0, len(body) - 1))], 0)


@settings(max_examples=300, deadline=None)
@given(said=values(SAMPLE), data=st.data())
def test_a_flipped_body_is_undecodable_or_reads_as_fastavro_reads_it(said: Schema, data: st.DataObject) -> None:
    body = bytearray(_written(SAMPLE, said))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = SAMPLES(bytes(body), 0)
    except Undecodable as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert repr(_plain(read)) == repr(_read(bytes(body), SAMPLE))  # by its text: a flip makes a NaN


@EVERY
def test_a_corrupted_body_never_raises_anything_but_undecodable(topic: str) -> None:
    random = Random(f"corrupted {topic}")
    read = _reader(topic)
    for turn in range(CORRUPTED // len(TOPICS) + 1):
        if turn % 20 == 0:
            whole = _written(TOPICS[topic].schema, _plain(event(topic, random)))
        body = bytearray(whole)
        for _ in range(random.randrange(1, 5)):
            body[random.randrange(len(body))] = random.randrange(256)
        cut = random.randrange(len(body)) if turn % 3 == 0 else len(body)
        try:
            read(bytes(body[:cut]), 0)
        except Undecodable:
            continue


def test_it_reads_from_the_offset_it_is_given() -> None:
    said = event("requests", Random(1))
    body = _written(TOPICS["requests"].schema, _plain(said))

    assert _reader("requests")(b"12345" + body, 5) == said


WRONG: dict[str, tuple[str, Any, bytes, str]] = {
    "a boolean of two": ("boolean", False, b"\2", "a boolean of 2"),
    "a number of 33 bits": ("int", 0, number(2**31), "more than 32 bits"),
    "a number of 65 bits": ("long", 0, b"\xff" * 9 + b"\x02", "more than 64 bits"),
    "a number of eleven bytes": ("long", 0, b"\x80" * 10 + b"\0", "more than 64 bits"),
    "a number that never ends": ("long", 0, b"\x80", "ends too early"),
    "a negative length": ("string", "", number(-1), "a length of -1"),
    "a length beyond the end": ("string", "", number(2), "ends too early"),
    "a length far beyond the end": ("string", "", number(2**62), "where 0 bytes are left"),
    "bytes of a negative length": ("bytes", "", number(-3), "a length of -3"),
    "text that is not UTF-8": ("string", "", b"\4\xc3\x28", "not UTF-8"),
    "half a surrogate": ("string", "", b"\6\xed\xa0\x80", "not UTF-8"),
    "a moment after the year 9999": (SAMPLE["fields"][6]["type"], 0, number(253402300800000000), "a moment"),
    "a moment before the year 1": (SAMPLE["fields"][6]["type"], 0, number(-62135596800000001), "a moment"),
    "half a float": ("double", 0.0, b"\0\0\0", "ends too early"),
    "half a fixed": ({"type": "fixed", "name": "Four", "size": 4}, "abcd", b"\0\0", "ends too early"),
    "a symbol that is none": ({**SORT, "name": "Kind"}, "unknown", b"\6", "no symbol"),
    "a symbol below zero": ({**SORT, "name": "Kind"}, "unknown", b"\1", "no symbol"),
    "a branch that is none": (["null", "string"], None, b"\4", "no branch"),
    "a branch below zero": (["null", "string"], None, b"\1", "no branch"),
    "a block of another size than it says": (
        {"type": "array", "items": "int"},
        [],
        number(-2) + number(3) + b"\2\2\0",
        "another size",
    ),
    "a block of less than no size": ({"type": "array", "items": "int"}, [], number(-2) + number(-1), "a block of -1"),
    "a block that ends beyond the end": ({"type": "array", "items": "int"}, [], number(-1) + b"\x08\2\0", "block of 4"),
    "an array that does not end": ({"type": "array", "items": "int"}, [], b"\2\2", "ends too early"),
    "bytes left over": ("int", 0, b"\0\0\0", "2 bytes left over"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("ours", [True, False], ids=["of ours", "of theirs"])
def test_a_body_is_refused_for(name: str, ours: bool) -> None:
    kind, default, content, said = WRONG[name]
    own = {"type": "record", "name": "Any", "fields": [of("it", kind, default=default)]}
    kinds = msgspec.defstruct("Any", [("it", Kind if "Kind" in str(kind) else Any, None)])
    if not ours:
        own = {**own, "fields": []}

    with pytest.raises(Undecodable, match=said):
        compile_reader({**own, "fields": [of("it", kind)]}, own, kinds, "any")(content, 0)


def test_a_block_that_says_its_size_is_read() -> None:
    read = _one({"type": "array", "items": "int"})(number(-2) + number(2) + b"\2\4\2\6\0", 0)

    assert read.it == [1, 2, 3]  # type: ignore[union-attr]


def test_numbers_longer_than_they_need_be_are_read() -> None:
    assert _one("long")(b"\x84\x80\x00", 0).it == 2  # type: ignore[union-attr]
    assert _one(["null", "string"])(b"\x82\x00\x02a", 0).it == "a"  # type: ignore[union-attr]
    assert _one({"type": "array", "items": "int"})(b"\x82\x00\x02\x80\x00", 0).it == [1]  # type: ignore[union-attr]


ADDED: list[tuple[Any, Any]] = [
    ("string", "none yet"),
    ("long", 5),
    ("int", -1),
    ("boolean", True),
    ("double", 0.5),
    ("float", 0.25),
    ("bytes", "\u00ff"),
    (["null", "string"], None),
    ({"type": "map", "values": "string"}, {}),
    ({"type": "array", "items": "long"}, []),
    ({"type": "long", "logicalType": "timestamp-micros"}, 0),
    ({"type": "fixed", "name": "Later", "size": 3}, "abc"),
    ({"type": "enum", "name": "Laters", "symbols": ["unknown", "x"], "default": "unknown"}, "x"),
    (["null", {"type": "record", "name": "New", "fields": [of("a", "string"), of("b", ["null", "long"])]}], None),
    ({"type": "array", "items": {"type": "record", "name": "Newer", "fields": [of("a", "string")]}}, []),
]


@EVERY
@FEW
@given(data=st.data())
def test_whatever_a_later_release_may_write_reads_as_fastavro_resolves_it(topic: str, data: st.DataObject) -> None:
    own = TOPICS[topic].schema
    later = _evolved(own, data)
    assert changes(own, later) == []
    assert lint(later) == []
    body = _written(later, data.draw(values(later)))

    read = compile_reader(later, own, TOPICS[topic].event, topic)(body, 0)

    assert read == msgspec.convert(_read(body, later, own), TOPICS[topic].event)


@EVERY
@FEW
@given(data=st.data())
def test_whatever_an_earlier_release_may_have_written_reads_as_fastavro_resolves_it(
    topic: str, data: st.DataObject
) -> None:
    own = TOPICS[topic].schema
    earlier = _before(own, data)
    assert changes(earlier, own) == []
    body = _written(earlier, data.draw(values(earlier)))

    read = compile_reader(earlier, own, TOPICS[topic].event, topic)(body, 0)

    assert read == msgspec.convert(_read(body, earlier, own), TOPICS[topic].event)


@pytest.mark.parametrize(
    ("theirs", "ours", "content", "expected"),
    [
        ("int", "long", b"\4", 2),
        ("int", "double", b"\4", 2.0),
        ("long", "float", b"\4", 2.0),
        ("float", "double", b"\0\0\0\x3f", 0.5),
        ("string", "bytes", b"\2a", b"a"),
        ("bytes", "string", b"\2a", "a"),
        ("string", ["null", "string"], b"\2a", "a"),
        (["null", "string"], "string", b"\2\2a", "a"),
        (["string", "null"], ["null", "string"], b"\0\2a", "a"),
        (["null", "int"], ["null", "long"], b"\2\2", 1),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, b"\2\2\0", [1]),
    ],
)
def test_what_avro_lets_a_reader_take_for_another_type_is_taken(
    theirs: Any, ours: Any, content: bytes, expected: Any
) -> None:
    assert _one(theirs, ours)(content, 0).it == expected  # type: ignore[union-attr]


def test_a_branch_that_is_none_of_ours_is_refused_where_it_stands() -> None:
    read = _one(["null", "string"], "string")

    with pytest.raises(Undecodable, match="it is null, none of ours"):
        read(b"\0", 0)


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ("string", "long", "it: string is not long"),
        ("long", "int", "it: long is not int"),
        ({"type": "array", "items": "string"}, {"type": "array", "items": "long"}, r"it\[\]: string is not long"),
        ({"type": "array", "items": "string"}, {"type": "map", "values": "string"}, "array is not map"),
        ("long", {"type": "long", "logicalType": "timestamp-micros"}, "long is not timestamp-micros"),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            {"type": "long", "logicalType": "timestamp-micros"},
            "timestamp-millis is not timestamp-micros",
        ),
        ({**SORT, "name": "Other"}, SORT, "Other is not Sort"),
        ({"type": "fixed", "name": "M", "size": 3}, {"type": "fixed", "name": "M", "size": 4}, "M is not M"),
        ("string", ["null", "long"], "it: string is in no union of ours"),
    ],
)
def test_a_schema_that_says_something_else_than_ours_is_unreadable(theirs: Any, ours: Any, said: str) -> None:
    with pytest.raises(UnreadableSchema, match=said):
        _one(theirs, ours)


def test_a_schema_without_a_field_that_has_no_default_is_unreadable() -> None:
    fields = [each for each in SAMPLE["fields"] if each["name"] != "text"]

    with pytest.raises(UnreadableSchema, match="text is not in it"):
        compile_reader({**SAMPLE, "fields": fields}, SAMPLE, Sample, "samples")


class Kind(StrEnum):
    UNKNOWN = "unknown"


class Shortened(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    number: int = 7


Shortened.__name__ = "Sample"


def _evolved(schema: Schema, data: st.DataObject) -> Schema:
    """Draws a schema that may follow on this one."""
    later: Schema = json.loads(json.dumps(schema))
    for number_, (kind, default) in enumerate(data.draw(st.lists(st.sampled_from(ADDED), max_size=4, unique_by=str))):
        at = data.draw(st.integers(len(HEAD), len(later["fields"])))
        later["fields"].insert(at, json.loads(json.dumps(of(f"added_{number_}", kind, default=default))))
    for each in _inner(later):
        if each["type"] == "enum":
            each["symbols"] += [f"later_{number_}" for number_ in range(data.draw(st.integers(0, 70)))]
        elif data.draw(st.booleans()):
            each["fields"].append(of("added_within", "string", default=""))
    return later


def _before(schema: Schema, data: st.DataObject) -> Schema:
    """Draws a schema that this one may follow on."""
    earlier: Schema = json.loads(json.dumps(schema))
    kept = data.draw(st.sets(st.sampled_from([each["name"] for each in earlier["fields"]])))
    head = set(HEAD)
    earlier["fields"] = [each for each in earlier["fields"] if each["name"] in kept | head or "default" not in each]
    for each in _inner(earlier):
        if each["type"] == "enum":
            del each["symbols"][data.draw(st.integers(1, len(each["symbols"]))) :]
        elif data.draw(st.booleans()):
            each["fields"] = [field for field in each["fields"] if "default" not in field]
    return earlier


def _inner(schema: Schema) -> list[Schema]:
    """The enums and records within a topic's schema."""
    found: list[Schema] = []
    for each in schema["fields"]:
        for kind in each["type"] if isinstance(each["type"], list) else [each["type"]]:
            inner = kind.get("items", kind) if isinstance(kind, dict) else kind
            if isinstance(inner, dict) and inner["type"] in ("enum", "record") and not inner["name"].startswith("New"):
                found.append(inner)
    return found


def _named(name: str) -> Schema:
    return next(each for each in SAMPLE["fields"] if each["name"] == name)


def _reader(topic: str) -> Reader:
    schema = TOPICS[topic].schema
    return compile_reader(schema, schema, TOPICS[topic].event, topic)


SAMPLES = compile_reader(SAMPLE, SAMPLE, Sample, "samples")


def _one(theirs: Any, ours: Any = None) -> Reader:
    """A reader of a record of one field, `it`."""

    def schema(kind: Any) -> Schema:
        return {"type": "record", "name": "One", "fields": [of("it", kind)]}

    return compile_reader(schema(theirs), schema(ours or theirs), msgspec.defstruct("One", [("it", Any)]), "ones")


def _plain(said: Any) -> Any:
    return msgspec.to_builtins(said, builtin_types=(datetime, bytes))


def _written(schema: Schema, said: Schema) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), said)
    return out.getvalue()


def _read(body: bytes, writer: Schema, own: Schema | None = None) -> Any:
    stream = BytesIO(body)
    parsed = [fastavro.parse_schema(json.loads(json.dumps(each))) for each in (writer, own) if each is not None]
    read = fastavro.schemaless_reader(stream, parsed[0], parsed[1] if own is not None else None)
    assert stream.tell() == len(body)
    return read
