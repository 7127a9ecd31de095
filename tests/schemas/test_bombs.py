"""Frames made to cost far more than they weigh: each is refused, or read, at the price of an honest one."""

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest

from schemas.catalogue import ITEMS_MAX, TOPICS
from schemas.codec import Codec
from schemas.errors import TooLarge, Undecodable
from schemas.evolution import HEAD, lint
from schemas.record import DIGEST, PREFIX, Record, seal
from schemas.shape import ITEM_VALUES_MAX, VALUES_MAX
from schemas.wire import number
from tests.event_strategies import NUMBERS, codec, event

MIB = 1024 * 1024
SIZES = {"100 KB": 100_000, "1 MB": 1_000_000, "10 MB": 10_000_000}
PEAK_MAX = 64 * MIB
STEPS_MAX = 3 * (VALUES_MAX + ITEMS_MAX * ITEM_VALUES_MAX)
"""A step is a look at the body: for a length, for what it is of, and for the block that an item may stand in alone."""
CPU_S_MAX = 0.5
"""The limit is 50 ms on an idle machine; ten times that tells a bomb, which takes seconds, from a busy machine."""
WIDE = "😀".encode()
"""Makes of a text in which it stands four bytes for each of all its characters."""
LEARNED = 900


class Watched(bytes):
    """A value that counts how often it is looked at."""

    looks = 0

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return super().__getitem__(at)


def _sized(content: bytes) -> bytes:
    return number(len(content)) + content


def _head(topic: str, number_: int | None = None) -> bytes:
    """The frame and the head fields of the topic's record, at 1970."""
    return b"\0" + (number_ or NUMBERS[topic]).to_bytes(4) + _sized(b"e") + _sized(b"t") + _sized(b"c") + b"\0\0"


def _definition(kind: bytes, body: bytes) -> bytes:
    return _head("definitions") + _sized(kind) + _sized(b"i") + b"\2" + _sized(b"d") + _sized(body)


def _before_maps() -> bytes:
    """An `agent-steps` body up to its first map."""
    return _head("agent-steps") + _sized(b"r") + _sized(b"s") + b"\2" + b"\0\0\0" + b"\0" * 4


def _before_findings() -> bytes:
    """A `compliance-decisions` body up to its array of findings."""
    return _head("compliance-decisions") + _sized(b"r") + _sized(b"s") + b"\2\0\0" + b"\0\0" + b"\0" * 3


def _entries(size: int) -> bytes:
    each = size // ITEMS_MAX
    return b"".join(_sized(b"%06d" % n) + _sized(bytes(max(each - 9, 0))) for n in range(ITEMS_MAX))


Bomb = Callable[[int], tuple[str, bytes]]
BOMBS: dict[str, Bomb] = {
    "a text with one wide character first": lambda size: ("definitions", _definition(b"k", WIDE + bytes(size))),
    "a text with one wide character last": lambda size: ("definitions", _definition(b"k", bytes(size) + WIDE)),
    "a text of wide characters": lambda size: ("definitions", _definition(b"k", WIDE * (size // 4))),
    "a text that is not UTF-8 at its end": lambda size: ("definitions", _definition(b"k", bytes(size) + b"\xff")),
    "a wide text of slashes in the key": lambda size: ("definitions", _definition(WIDE + b"/" * size, b"")),
    "a wide event id": lambda size: (
        "definitions",
        _head("definitions")[:PREFIX] + _sized(WIDE + bytes(size)) + _definition(b"k", b"")[PREFIX + 2 :],
    ),
    "as many entries as there may be": lambda size: (
        "agent-steps",
        _before_maps() + number(ITEMS_MAX) + _entries(size) + b"\0\0\0",
    ),
    "entries of nothing, counted high": lambda size: ("agent-steps", _before_maps() + number(size) + bytes(size)),
    "entries of nothing, as many as there may be": lambda size: (
        "agent-steps",
        _before_maps() + number(ITEMS_MAX) + bytes(size),
    ),
    "blocks of one entry": lambda size: ("agent-steps", _before_maps() + b"\2\0\0" * (size // 3)),
    "sized blocks of one entry": lambda size: ("agent-steps", _before_maps() + b"\1\4\0\0" * (size // 4)),
    "sized blocks of nothing": lambda size: ("agent-steps", _before_maps() + b"\x80\0" * (size // 2)),
    "records of empty texts, as many as there may be": lambda size: (
        "compliance-decisions",
        _before_findings() + number(ITEMS_MAX) + bytes(size),
    ),
    "records of empty texts, counted high": lambda size: (
        "compliance-decisions",
        _before_findings() + number(2**62) + bytes(size),
    ),
    "records counted below the lowest number": lambda size: (
        "compliance-decisions",
        _before_findings() + number(-(2**63)) + number(size) + bytes(size),
    ),
    "a length beyond the end": lambda size: ("definitions", _definition(b"k", b"")[:-1] + number(2**62) + bytes(size)),
    "a number without an end": lambda size: ("agent-steps", _head("agent-steps")[:-1] + b"\x80" * size),
    "zeros": lambda size: ("agent-steps", _head("agent-steps")[:PREFIX] + bytes(size)),
    "noise": lambda size: ("agent-steps", _head("agent-steps")[:PREFIX] + Random(size).randbytes(size)),
    "noise in a map": lambda size: ("agent-steps", _before_maps() + number(9999) + Random(size).randbytes(size)),
}
EACH = [pytest.param(bomb, size, id=f"{name}, {said}") for name, bomb in BOMBS.items() for said, size in SIZES.items()]


@pytest.mark.parametrize(("bomb", "size"), EACH)
def test_a_bomb_takes_no_more_memory_than_an_honest_frame(bomb: Bomb, size: int) -> None:
    record = _record(*bomb(size))
    reader = _warm(record.topic)
    tracemalloc.start()
    try:
        _read(reader, record)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak <= PEAK_MAX


@pytest.mark.parametrize(("bomb", "size"), EACH)
def test_a_bomb_takes_no_more_steps_than_its_items_allow(bomb: Bomb, size: int) -> None:
    record = _record(*bomb(size))
    assert record.value is not None
    watched = Watched(record.value)

    _read(_warm(record.topic), msgspec.structs.replace(record, value=watched))

    assert watched.looks <= STEPS_MAX


@pytest.mark.parametrize(("bomb", "size"), EACH)
def test_a_bomb_is_read_or_refused_at_once(bomb: Bomb, size: int) -> None:
    record = _record(*bomb(size))
    reader = _warm(record.topic)
    began = time.process_time()
    _read(reader, record)
    took = time.process_time() - began

    print(f"{took * 1000:.1f} ms")
    assert took < CPU_S_MAX


def test_a_reason_is_short_whatever_the_record_says() -> None:
    for bomb in BOMBS.values():
        with pytest.raises(Undecodable) as refused:
            codec().decode(_record(*bomb(SIZES["1 MB"]), key=b"\n" * MIB))

        assert len(str(refused.value)) < 1000
        assert len(str(refused.value).splitlines()) == 1


def test_as_many_items_as_there_may_be_are_written_and_read() -> None:
    said = msgspec.structs.replace(event("agent-steps", Random(1)), input=_map(ITEMS_MAX - 1), output=_map(1))

    assert codec().decode(_record("agent-steps", codec().body(said), said.run_id.encode())) == said  # type: ignore[union-attr]


@pytest.mark.parametrize(("first", "second"), [(ITEMS_MAX + 1, 0), (0, ITEMS_MAX + 1), (ITEMS_MAX, 1), (100_000, 0)])
def test_what_holds_more_items_than_readers_take_is_not_written(first: int, second: int) -> None:
    said = msgspec.structs.replace(event("agent-steps", Random(1)), input=_map(first), output=_map(second))

    with pytest.raises(TooLarge, match=f"more than {ITEMS_MAX}"):
        codec().encode(said, "test")
    with pytest.raises(TooLarge, match=f"more than {ITEMS_MAX}"):
        codec().body(said)


@pytest.mark.parametrize("blocks", [[ITEMS_MAX + 1], [ITEMS_MAX, 1], [1, ITEMS_MAX], [1] * (ITEMS_MAX + 1)])
def test_more_items_than_there_may_be_are_refused_whatever_their_blocks(blocks: list[int]) -> None:
    value = _before_maps() + b"".join(number(count) + b"\0\0" * count for count in blocks) + b"\0" + b"\0\0"

    with pytest.raises(Undecodable, match=f"more than {ITEMS_MAX} items"):
        codec().decode(_record("agent-steps", value))


def test_the_items_of_all_maps_of_a_body_are_counted_together() -> None:
    many = number(ITEMS_MAX - 1) + b"\0\0" * (ITEMS_MAX - 1) + b"\0"

    with pytest.raises(Undecodable, match=f"more than {ITEMS_MAX} items"):
        codec().decode(_record("agent-steps", _before_maps() + many + number(2) + b"\0\0" * 2 + b"\0\0"))


def test_the_items_of_a_field_that_is_not_ours_are_counted_too() -> None:
    reader = _learned({"type": "array", "items": "string"})
    value = _all(_head("definitions", LEARNED)) + number(ITEMS_MAX + 1) + bytes(ITEMS_MAX + 2)

    with pytest.raises(Undecodable, match=f"more than {ITEMS_MAX} items"):
        reader.decode(_record("definitions", value))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_widest_items_that_another_schema_may_have_take_no_more_than_an_honest_frame(size: int) -> None:
    reader = _learned({"type": "array", "items": _wide(ITEM_VALUES_MAX - 1)})
    value = _all(_head("definitions", LEARNED)) + number(ITEMS_MAX) + bytes(size)
    record = _record("definitions", value)
    watched = Watched(value)
    _read(reader, msgspec.structs.replace(record, value=watched))

    began = time.process_time()
    _read(reader, record)
    took = time.process_time() - began

    print(f"{took * 1000:.1f} ms")
    assert took < CPU_S_MAX
    assert watched.looks <= STEPS_MAX


def _all(head: bytes) -> bytes:
    """A whole `definitions` body after this head."""
    return head + _sized(b"k") + _sized(b"i") + b"\2" + _sized(b"d") + _sized(b"b")


def _wide(fields: int) -> dict[str, Any]:
    named = [{"name": f"f{n}", "type": "string", "doc": "F.", "pii": "none"} for n in range(fields)]
    return {"type": "record", "name": "Wide", "fields": named}


def _learned(kind: Any) -> Codec:
    """A codec that knows a schema of `definitions` with one more field of this type at its end."""
    schema = TOPICS["definitions"].schema
    reader = codec()
    more = {"name": "more", "type": kind, "doc": "More.", "pii": "none", "default": []}
    reader.learn("definitions", LEARNED, {**schema, "fields": [*schema["fields"], more]})
    return reader


UNSAFE: dict[str, Any] = {
    "an item of many values": {"type": "array", "items": _wide(ITEM_VALUES_MAX)},
    "an entry of many values": {"type": "map", "values": _wide(ITEM_VALUES_MAX)},
    "an item of many nulls": {
        "type": "array",
        "items": {
            "type": "record",
            "name": "Nulls",
            "fields": [{"name": f"n{n}", "type": ["null"], "doc": "N.", "pii": "none"} for n in range(999)],
        },
    },
    "more values than a schema may have": _wide(VALUES_MAX),
    "a record doubled at each level": {
        "type": "record",
        "name": "Top",
        "fields": [
            {"name": "a", "type": _wide(500), "doc": "A.", "pii": "none"},
            {"name": "b", "type": "Wide", "doc": "B.", "pii": "none"},
        ],
    },
    "a type that nobody named": "Nobody",
    "a field name that is none": {
        "type": "record",
        "name": "Odd",
        "fields": [{"name": "a b", "type": "string", "doc": "A.", "pii": "none"}],
    },
    "a union of unions": [["null", "string"], "long"],
    "a union of nothing": [],
    "a fixed of less than nothing": {"type": "fixed", "name": "Less", "size": -1},
}


@pytest.mark.parametrize("name", UNSAFE)
def test_the_linter_refuses_what_is_unsafe_to_read_too(name: str) -> None:
    head = TOPICS["requests"].schema["fields"][: len(HEAD)]
    fields = [*head, {"name": "it", "type": UNSAFE[name], "doc": "It.", "pii": "none"}]

    assert len(lint({"type": "record", "name": "Sample", "doc": "A sample.", "fields": fields})) == 1


def _map(entries: int) -> dict[str, str]:
    return {str(n): "" for n in range(entries)}


def _record(topic: str, value: bytes, key: bytes = b"k/i") -> Record:
    return Record(topic, 0, 0, 0, key, value, [(DIGEST, seal(key, value, ()))])


def _warm(topic: str) -> Codec:
    """A codec that has compiled what reads this topic."""
    reader = codec()
    reader.schema(topic, NUMBERS[topic])
    return reader


def _read(reader: Codec, record: Record) -> None:
    with suppress(Undecodable):
        reader.decode(record)
