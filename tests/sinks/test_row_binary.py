"""Avro bodies become rows without being decoded: what the rows say is what the decoder says, or there is no row."""

from datetime import datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from row_reader import RowReader
from sink_records import codec, record, sealed

from schemas import kernels
from schemas.catalogue import ITEMS_MAX, TOPICS
from schemas.errors import Undecodable
from schemas.events import Event
from schemas.record import PREFIX, Record
from schemas.wire import long, number, string
from sinks.row_binary import ROOM_BYTES, Rows, program
from tests.bounds import bounds_checked
from tests.event_strategies import any_events
from tests.event_strategies import event as made_event

U64 = st.integers(0, 2**64 - 1)


def given_rows(schema: Any, bodies: list[bytes], rows: Rows | None = None) -> tuple[list[int], list[Any]]:
    """Returns which bodies became no row, and what the others' rows say, with their places."""
    rows = rows or Rows()
    rows.clear()
    cuts = np.array([0, *accumulate(map(len, bodies))], np.int64)
    places = np.array([(7, 2**40 + index, 1_700_000_000_000 + index) for index in range(len(bodies))], np.int64)
    spans = np.stack([cuts[:-1], cuts[1:]], axis=1)
    left_out = rows.add(program(schema), b"".join(bodies), spans, places.reshape(-1, 3))
    found = list(RowReader(bytes(rows.content)).rows(schema))
    assert rows.count == len(found) == len(bodies) - len(left_out)
    return left_out, found


def said(event: Event) -> Any:
    return msgspec.to_builtins(event, builtin_types=(datetime, bytes))


def field(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}


def read(kind: Any, body: bytes) -> list[Any]:
    """Returns the field that the body's row says, nothing when it becomes none."""
    return [fields["f"] for fields, _ in given_rows(field(kind), [body])[1]]


@given(st.lists(any_events(), max_size=4))
def test_rows_say_what_their_events_say(events: list[Event]) -> None:
    for topic in {codec().topic(each) for each in events}:
        same = [each for each in events if codec().topic(each) == topic]

        left_out, found = given_rows(TOPICS[topic].schema, [codec().body(each)[PREFIX:] for each in same])

        assert left_out == []
        assert [fields for fields, _ in found] == [said(each) for each in same]
        assert [place for _, place in found] == [
            (7, 2**40 + index, 1_700_000_000_000 + index) for index in range(len(same))
        ]


def damaged(chance: Random, value: bytes) -> bytes:
    """Returns the value with some of its bytes changed, moved, gone or added."""
    made = bytearray(value)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(PREFIX, len(made)) if len(made) > PREFIX else PREFIX
        match chance.randrange(5):
            case 0 if at < len(made):
                made[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(made):
                made[at] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF))
            case 2:
                del made[at : at + chance.randrange(1, 9)]
            case 3:
                made[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                made[at:at] = long_number(chance)
    return bytes(made)


def long_number(chance: Random) -> bytes:
    return bytes(0x80 | chance.randrange(128) for _ in range(chance.randrange(11))) + bytes([chance.randrange(128)])


def hold(seeds: range) -> int:
    """Damages a body for each seed; what becomes a row must be what the decoder reads. Returns how many did."""
    rows, kept = Rows(), 0
    known = codec()
    for seed in seeds:
        chance = Random(seed)
        topic = TOPICS[chance.choice(sorted(TOPICS))]
        good = record(made_event(topic.name, chance), 0)
        value = damaged(chance, good.value or b"")
        left_out, found = given_rows(topic.schema, [value[PREFIX:], (good.value or b"")[PREFIX:]], rows)
        assert 1 not in left_out
        in_order = RowReader(bytes(rows.ordered())).rows(topic.schema)
        assert sorted(map(repr, in_order)) == sorted(map(repr, found))
        if not left_out:
            kept += 1
            assert found[0][0] == said(decoded(known, sealed(good, value))), seed
    return kept


def beyond() -> None:
    """Goes beyond the bytes: every index is checked indeed."""
    made = program(field("string"))
    fixed = made.steps, made.symbols, made.cuts, ITEMS_MAX, made.growth
    spans, places, out = np.array([(0, 20)]), np.array([(0, 0, 0)]), np.empty(999, np.uint8)
    with pytest.raises(IndexError):
        kernels.rows(np.frombuffer(b"\x20abc", np.uint8), spans, 0, places, *fixed, out, 0, np.empty(1, np.int64))


def decoded(known: Any, each: Record) -> Any:
    """Returns the event as the topic's reader reads it, whatever the headers say."""
    reader, *_ = known._topics[each.topic].opened(each)
    return reader(each.value, PREFIX)


def test_a_damaged_body_becomes_the_row_that_the_decoder_reads_or_none() -> None:
    assert 100 < hold(range(4_000)) < 3_900


def test_no_damage_leads_beyond_the_bytes(tmp_path: Path) -> None:
    """The same, with every index checked by numba."""
    asked = "from test_row_binary import *; beyond(); print(hold(range(4_000, 7_000)))"

    assert int(bounds_checked(asked, tmp_path, Path(__file__).parent)) > 100


IDENTIFIED = {
    "type": "record",
    "name": "R",
    "fields": [{"name": name, "type": "string"} for name in ("event_id", "tenant_id", "text")],
}


def in_order(events: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Returns the ids of the rows of such events, as they came and in the table's order."""
    rows = Rows()
    bodies = [string(event_id.encode()) + string(tenant.encode()) + string(b"x") for event_id, tenant in events]
    given_rows(IDENTIFIED, bodies, rows)
    return tuple(  # type: ignore[return-value]
        [(said["event_id"], said["tenant_id"]) for said, _ in RowReader(bytes(content)).rows(IDENTIFIED)]
        for content in (rows.content, rows.ordered())
    )


@given(
    st.lists(
        st.tuples(
            st.builds(
                lambda high, low: str(UUID(int=high << 64 | low)), st.integers(0, 3) | U64, st.integers(0, 3) | U64
            ),
            st.sampled_from(["acme", "acm", "zeta", "", "é", "a" * 127, "a" * 128, "b" * 20_000]),
        )
    )
)
def test_rows_are_inserted_in_the_order_of_tenant_and_event(events: list[tuple[str, str]]) -> None:
    came, ordered = in_order(events)

    assert came == events
    assert ordered == sorted(events, key=lambda each: (each[1].encode(), each[0]))


def test_rows_of_many_tenants_are_inserted_in_their_order() -> None:
    chance = Random(1)
    events = [(str(UUID(int=chance.getrandbits(128))), f"t{number}") for number in range(66_000)]

    assert in_order(events)[1] == sorted(events, key=lambda each: (each[1], each[0]))


@pytest.mark.parametrize("event_id", ["", "1", "0" * 35, "0" * 37, "é" * 18 + "é"])
def test_rows_whose_ids_are_no_uuids_are_inserted_as_they_came(event_id: str) -> None:
    events = [(str(UUID(int=2)), "zeta"), (event_id, "acme"), (str(UUID(int=1)), "acme")]

    assert in_order(events) == (events, events)


@given(st.binary(max_size=12))
@example("é".encode())
@example("日本".encode())
@example("\U0001f600".encode())
@example(b"\xed\xa0\x80")  # half of a pair
@example(b"\xc0\xaf")  # longer than need be
@example(b"\xe0\x80\x80")
@example(b"\xf0\x80\x80\x80")
@example(b"\xf4\x90\x80\x80")  # beyond Unicode
@example(b"\xf5\x80\x80\x80")
@example(b"\xe6\x97")
@example(b"\x80")
def test_a_text_is_taken_when_python_takes_it_for_utf_8(content: bytes) -> None:
    try:
        expected = [content.decode()]
    except UnicodeDecodeError:
        expected = []

    assert read("string", string(content)) == expected
    assert read("bytes", string(content)) == [content]


@given(st.binary(max_size=12))
def test_a_number_is_taken_as_the_decoder_takes_it(body: bytes) -> None:
    try:
        value, end = long(body, 0)
        expected = [value] if end == len(body) else []
    except (IndexError, Undecodable):
        expected = []

    assert read("long", body) == expected
    assert read("int", body) in (expected, []) if expected and abs(expected[0]) > 2**31 else True


@pytest.mark.parametrize("value", [0, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_the_greatest_numbers_are_kept(value: int) -> None:
    assert read("long", number(value)) == [value]
    assert read("int", number(value)) == ([value] if -(2**31) <= value < 2**31 else [])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("boolean", b"\x02"),
        ("string", number(-1)),
        ("string", number(2**62) + b"a"),
        ("string", b"\x80" * 10 + b"\x01"),
        (["null", "int"], b"\x04\x00"),
        (["null", "int"], b"\x01"),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, b"\x04"),
        ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, b"\x01"),
        ({"type": "array", "items": "int"}, number(-1) + number(1) + b"\x00\x00"),  # a block that says its size
        ({"type": "array", "items": "int"}, b"\x02\x00\x02\x00\x00"),  # two blocks
        ({"type": "array", "items": "int"}, b"\x02\x00"),
        ({"type": "map", "values": "int"}, number(2**62)),
        ({"type": "long", "logicalType": "timestamp-micros"}, number(253_402_300_800_000_000)),
        ({"type": "long", "logicalType": "timestamp-micros"}, number(-62_135_596_800_000_001)),
    ],
)
def test_what_no_reader_takes_or_takes_otherwise_becomes_no_row(kind: Any, body: bytes) -> None:
    assert read(kind, body) == []
    assert read(kind, b"") == []


def test_at_most_as_many_items_are_read_as_the_decoder_reads() -> None:
    items = {"type": "array", "items": {"type": "array", "items": "boolean"}}

    assert read(items["items"], number(ITEMS_MAX) + bytes(ITEMS_MAX) + b"\0") == [[False] * ITEMS_MAX]
    assert read(items["items"], number(ITEMS_MAX + 1) + bytes(ITEMS_MAX + 1) + b"\0") == []
    assert read(items, number(ITEMS_MAX) + bytes(ITEMS_MAX) + b"\0") == [[[]] * ITEMS_MAX]
    assert read(items, number(ITEMS_MAX) + bytes(ITEMS_MAX - 1) + b"\x02\x00\x00" + b"\0") == []


def test_arrays_within_arrays_and_records_keep_their_shape() -> None:
    inner = {
        "type": "record",
        "name": "I",
        "fields": [{"name": "n", "type": ["null", {"type": "map", "values": "int"}]}],
    }
    body = b"\x06" + b"\x00" + b"\x02\x00" + b"\x02\x04\x02a\x02\x02b\x04\x00" + b"\x00"

    assert read({"type": "array", "items": inner}, body) == [[{"n": None}, {"n": {}}, {"n": {"a": 1, "b": 2}}]]


@pytest.mark.parametrize("span", [(-1, 2), (0, 4), (2, 1), (5, 5)])
def test_a_body_beyond_the_data_is_not_read(span: tuple[int, int]) -> None:
    with pytest.raises(IndexError):
        Rows().add(program(field("string")), b"abc", np.array([span]), np.array([(0, 0, 0)]))


@pytest.mark.parametrize("size", [1, ROOM_BYTES // 9, ROOM_BYTES, 5 * ROOM_BYTES])
def test_rows_of_any_size_find_room(size: int) -> None:
    bodies = [string(bytes([65 + index]) * size) for index in range(3)]

    left_out, found = given_rows(field("string"), bodies)

    assert left_out == []
    assert [fields["f"] for fields, _ in found] == ["A" * size, "B" * size, "C" * size]


def test_a_wrong_body_leaves_no_trace_among_the_others() -> None:
    good, bad = string(b"good"), string(b"bad") + b"more"

    left_out, found = given_rows(field("string"), [bad, good, bad, bad, good, bad])

    assert left_out == [0, 2, 3, 5]
    assert [(fields["f"], place[1] - 2**40) for fields, place in found] == [("good", 1), ("good", 4)]


@pytest.mark.parametrize("avro", ["double", ["string", "int"], {"type": "fixed", "name": "F", "size": 4}])
def test_a_type_no_topic_may_use_has_no_program(avro: Any) -> None:
    with pytest.raises(TypeError):
        program(field(avro))


@settings(max_examples=20)
@given(st.data())
def test_symbols_of_any_length_are_written_whole(data: st.DataObject) -> None:
    symbols = data.draw(st.lists(st.text("abc_", min_size=1, max_size=300), min_size=1, max_size=5, unique=True))
    kind = {"type": "enum", "name": "E", "symbols": symbols}

    assert [read(kind, number(index)) for index in range(len(symbols))] == [[each] for each in symbols]
