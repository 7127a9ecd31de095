"""Record batches: what they say of themselves, and what their bytes must be."""

from random import Random
from typing import Any

import msgspec
import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch import APPEND_TIME, batches
from schemas.errors import Undecodable
from schemas.record import Record, SentHeaders, said_by
from tests.event_strategies import codec, event, recorded
from tests.record_batches import GZIP, as_sent, batch

TOPIC = "business-events"


def records(*offsets: int) -> list[Record]:
    written = [codec().encode(event(TOPIC, Random(offset)), "tests") for offset in offsets]
    return [
        msgspec.structs.replace(recorded(each), offset=at, timestamp_ms=1_700_000_000_000)
        for at, each in zip(offsets, written, strict=True)
    ]


def test_a_batch_says_its_place_and_gives_its_records() -> None:
    found = records(70, 71, 72)
    made = batch(found)

    assert (made.topic, made.partition, made.offset, made.last, made.count) == (TOPIC, 0, 70, 72, 3)
    assert [msgspec.structs.replace(each, headers=list(each.headers)) for each in made.unpack()] == [
        msgspec.structs.replace(each, headers=list(each.headers)) for each in found
    ]


def test_several_batches_of_a_fetch_come_one_by_one_and_a_cut_off_one_not_at_all() -> None:
    data = as_sent(records(0, 1)) + as_sent(records(2)) + as_sent(records(3))[:-1]

    assert [(made.offset, made.last) for made in batches(TOPIC, 0, data)] == [(0, 1), (2, 2)]


def test_a_control_batch_has_a_place_and_no_records() -> None:
    [made] = batches(TOPIC, 0, as_sent(records(0), attributes=APPEND_TIME | 0x20))

    assert (made.last, made.count, made.unpack()) == (0, 0, [])


def test_a_flipped_bit_of_a_batch_is_found_by_its_checksum() -> None:
    random = Random(3)
    data = as_sent(records(0, 1))
    for _ in range(200):
        bad = bytearray(data)
        bad[random.randrange(21, len(bad))] ^= 1 << random.randrange(8)
        with pytest.raises(CorruptRecordException):
            list(batches(TOPIC, 0, bytes(bad)))


HEADERS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=100)), max_size=8)
SHAPES = st.lists(
    st.tuples(st.none() | st.binary(max_size=100), st.none() | st.binary(max_size=9000), HEADERS),
    min_size=1,
    max_size=90,
)
ATTRIBUTES = st.sampled_from([0, APPEND_TIME, GZIP, APPEND_TIME | GZIP])


@given(shapes=SHAPES, attributes=ATTRIBUTES, late=st.integers(0, 10**6))
def test_records_of_every_shape_are_those_that_aiokafka_reads(shapes: Any, attributes: int, late: int) -> None:
    stamp = 1_700_000_000_000
    sent = as_sent(
        [Record(TOPIC, 0, 70 + n, stamp + n * late, *shape) for n, shape in enumerate(shapes)], attributes=attributes
    )

    [made] = batches(TOPIC, 0, sent)

    assert [(r.offset, r.timestamp_ms, r.key, r.value, list(r.headers)) for r in made.unpack()] == [
        (r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in MemoryRecords(sent).next_batch()
    ]


@given(headers=HEADERS, at=st.integers(0))
def test_headers_that_end_early_or_late_are_undecodable(headers: Any, at: int) -> None:
    [made] = batches(TOPIC, 0, as_sent([Record(TOPIC, 0, 0, 0, b"k", b"v", headers)]))
    [record] = made.unpack()
    assert isinstance(record.headers, SentHeaders)
    raw = record.headers.raw

    for damaged in (raw[: at % len(raw)], raw + b"\0"):
        with pytest.raises(Undecodable):
            list(SentHeaders(damaged))


def test_who_said_a_record_is_told_by_its_source_alone() -> None:
    named = [("other", b"auterity/rules"), ("ce_source", b"auterity/triggers")]
    [made] = batches(TOPIC, 0, as_sent([Record(TOPIC, 0, 0, 0, b"k", b"v", named)]))
    [record] = made.unpack()

    assert said_by(record, b"auterity/triggers")
    assert not said_by(record, b"auterity/rules")
    assert not said_by(record, b"auterity/steps")
