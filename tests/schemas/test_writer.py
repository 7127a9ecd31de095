"""Writers compiled from schemas: their bytes are fastavro's, and nothing is written that could not be read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from random import Random
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import ITEMS_MAX, TOPICS
from schemas.errors import Rejected, TooLarge
from schemas.events import Message
from schemas.reader import compile_reader
from schemas.writer import Unwritable, compile_writer
from tests.event_strategies import codec, event, events
from tests.schemas.sample import SAMPLE, Inner, Sample, Schema, values

WRITE = compile_writer(SAMPLE, Sample)
READ = compile_reader(SAMPLE, SAMPLE, Sample, "samples")


@pytest.mark.parametrize("topic", sorted(TOPICS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_event_of_every_topic_is_written_as_fastavro_writes_it(topic: str, data: st.DataObject) -> None:
    schema = TOPICS[topic].schema
    said = data.draw(events(topic))

    assert compile_writer(schema, TOPICS[topic].event)(said, b"") == _written(schema, _plain(said))


@settings(max_examples=200, deadline=None)
@given(said=values(SAMPLE))
def test_every_type_is_written_as_fastavro_writes_it(said: Schema) -> None:
    assert WRITE(_sample(said), b"") == _written(SAMPLE, said)


@settings(max_examples=200, deadline=None)
@given(said=values(SAMPLE))
def test_every_type_is_read_as_it_was_written(said: Schema) -> None:
    assert READ(WRITE(_sample(said), b""), 0) == _sample(said)


def test_it_writes_behind_the_bytes_it_is_given() -> None:
    said = event("requests", Random(1))
    write = compile_writer(TOPICS["requests"].schema, TOPICS["requests"].event)

    assert write(said, b"first") == b"first" + write(said, b"")


@pytest.mark.parametrize("size", [0, 63, 64, 1023, 1024, 8191, 8192, 100_000])
def test_a_text_of_any_length_is_written_and_read(size: int) -> None:
    said = msgspec.structs.replace(_any(), text="x" * size, raw=bytes(size))

    assert READ(WRITE(said, b""), 0) == said


@pytest.mark.parametrize("number", [0, -1, 63, 64, -64, -65, 1023, 1024, -1024, -1025, 2**31 - 1, -(2**31)])
def test_a_number_of_any_length_is_written_and_read(number: int) -> None:
    said = msgspec.structs.replace(_any(), small=number, large=number * 2**32)

    assert READ(WRITE(said, b""), 0) == said


@pytest.mark.parametrize("hours", [-12, 0, 5.5, 14])
def test_a_moment_of_another_zone_is_written_as_the_same_moment(hours: float) -> None:
    at = datetime(2012, 5, 1, 8, tzinfo=UTC)
    said = msgspec.structs.replace(_any(), at=at.astimezone(timezone(timedelta(hours=hours))))

    assert READ(WRITE(said, b""), 0).at == at  # type: ignore[union-attr]


def test_an_event_that_differs_from_another_in_a_maps_order_is_written_in_its_own() -> None:
    one = msgspec.structs.replace(_any(), table={"a": {}, "b": {}})
    other = msgspec.structs.replace(_any(), table={"b": {}, "a": {}})

    assert one == other
    assert WRITE(one, b"") != WRITE(other, b"")


WRONG: dict[str, tuple[str, Any, str]] = {
    "text that is null": ("text", None, r"got `null` - at `\$.text`"),
    "text that is bytes": ("text", b"abc", r"Expected `str`.* - at `\$.text`"),
    "text that is a number": ("text", 5, r"Expected `str`, got `int` - at `\$.text`"),
    "text with half a surrogate": ("text", "\ud800", "surrogates not allowed"),
    "bytes that are text": ("raw", "abc", ""),
    "bytes that are null": ("raw", None, r"\$.raw"),
    "a list for bytes": ("raw", [1, 2], r"\$.raw"),
    "a number for a boolean": ("flag", 1, r"\$.flag"),
    "null for a boolean": ("flag", None, r"\$.flag"),
    "null for a number": ("small", None, r"\$.small"),
    "text for a number": ("large", "5", r"\$.large"),
    "a fraction for a number": ("small", 0.5, r"\$.small"),
    "a round fraction for a number": ("large", 5.5, r"\$.large"),
    "a large fraction for a number": ("large", 1e10, ""),
    "a number of 33 bits": ("small", 2**31, "more than 32 bits"),
    "a number of 33 bits below zero": ("small", -(2**31) - 1, "more than 32 bits"),
    "a number of 65 bits": ("large", 2**63, ""),
    "a number of 65 bits below zero": ("large", -(2**63) - 1, ""),
    "text for a fraction": ("real", "0.5", r"\$.real"),
    "a moment without a zone": ("at", datetime(2012, 5, 1), "naive"),  # noqa: DTZ001
    "a moment before the year 1 in UTC": ("at", datetime(1, 1, 1, tzinfo=timezone(timedelta(minutes=1))), "moment -"),
    "a moment after the year 9999 in UTC": (
        "at",
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(minutes=1))),
        "moment 2",
    ),
    "a number for a moment": ("at", 0, r"\$.at"),
    "something for nothing": ("nothing", 0, r"\$.nothing"),
    "a fixed that is too short": ("mark", b"abc", ""),
    "a fixed that is text": ("mark", "abcd", ""),
    "a symbol that is none": ("sort", "c", r"\$.sort"),
    "null for a symbol": ("sort", None, r"\$.sort"),
    "a list for a symbol": ("sort", [], r"\$.sort"),
    "another class for a record": ("inner", Message(role="r", content="c"), r"\$.inner"),
    "null for a record": ("inner", None, r"\$.inner"),
    "null for an array": ("inners", None, r"\$.inners"),
    "text for an array": ("inners", "", r"\$.inners"),
    "a map for an array": ("inners", {}, r"\$.inners"),
    "null in an array": ("inners", [None], r"\$.inners\[0\]"),
    "text in an array of arrays": ("grid", ["12"], r"\$.grid\[0\]"),
    "null for a map": ("table", None, r"\$.table"),
    "an array for a map": ("table", [], r"\$.table"),
    "pairs for a map": ("table", [("a", {})], r"\$.table"),
    "null in a map": ("table", {"a": {"b": None}}, r"\$.table"),
    "a number as a key": ("table", {5: {}}, ""),
    "a number where text or null may be": ("maybe", 5, r"\$.maybe"),
    "what no branch takes": ("either", b"bytes", ""),
    "a number that no branch takes": ("either", 2**70, ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_refuses_to_write(name: str) -> None:
    field, value, said = WRONG[name]

    with pytest.raises(Unwritable, match=f"Sample cannot be written: .*{said}"):
        WRITE(msgspec.structs.replace(_any(), **{field: value}), b"")


def test_what_cannot_be_written_is_rejected_by_the_codec() -> None:
    said = msgspec.structs.replace(event("requests", Random(1)), event_id=None)

    with pytest.raises(Rejected, match="Request cannot be written"):
        codec().encode(said, "test")


def test_a_class_that_lacks_a_field_of_its_schema_is_refused() -> None:
    schema = json.loads(json.dumps(TOPICS["requests"].schema))
    schema["fields"].append({"name": "more", "type": "string", "default": ""})

    with pytest.raises(Unwritable, match="Request has no more"):
        compile_writer(schema, TOPICS["requests"].event)


@pytest.mark.parametrize("row", [1, 100, ITEMS_MAX // 2])
def test_items_within_items_are_counted_as_readers_count_them(row: int) -> None:
    rows = ITEMS_MAX // (row + 1)
    full = msgspec.structs.replace(_any(), grid=[[0] * row] * rows)
    over = msgspec.structs.replace(full, inners=[Inner(text="")] * (ITEMS_MAX - rows * (row + 1) + 1))

    assert READ(WRITE(full, b""), 0) == full
    with pytest.raises(TooLarge, match=f"more than {ITEMS_MAX}"):
        WRITE(over, b"")


def _any() -> Sample:
    return Sample(
        text="t",
        raw=b"",
        flag=True,
        small=0,
        large=0,
        real=0.0,
        at=datetime(2012, 5, 1, tzinfo=UTC),
        nothing=None,
        mark=b"mark",
        sort=msgspec.convert("a", Sample.__annotations__["sort"]),
        inner=Inner(text=""),
        inners=[],
        grid=[],
        table={},
    )


def _sample(said: Schema) -> Sample:
    return msgspec.convert(said, Sample)


def _plain(said: Any) -> Any:
    return msgspec.to_builtins(said, builtin_types=(datetime, bytes))


def _written(schema: Schema, said: Schema) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), said)
    return out.getvalue()
