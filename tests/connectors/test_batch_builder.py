"""What is built is a record batch, to our reader of batches and to aiokafka's."""

from collections.abc import Sequence

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from connectors.batch_builder import BATCH_BYTES, BatchBuilder
from schemas.batch import HEAD, RecordBatch, batches
from schemas.record import Headers, SentHeaders, raw

Content = tuple[bytes | None, bytes | None, Headers]
HEADERS = st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=9)), max_size=3)
CONTENTS = st.lists(
    st.tuples(st.none() | st.binary(max_size=99), st.none() | st.binary(max_size=99), HEADERS), min_size=1
)


def built(contents: Sequence[Content]) -> bytes:
    builder = BatchBuilder()
    for content in contents:
        assert builder.append(*content)
    builder._set_producer_state(7, 3, 40)
    made = builder._build()
    assert len(made) == builder.size()
    assert builder.record_count() == len(contents)
    assert builder._build() is made
    return made


def read(made: bytes) -> RecordBatch:
    [found] = batches("t", 0, made)
    return found


@given(CONTENTS)
def test_a_batch_holds_what_was_put_in(contents: list[Content]) -> None:
    found = read(built(contents)).unpack()

    assert [(each.offset, each.key, each.value, list(each.headers)) for each in found] == [
        (at, key, value, list(headers)) for at, (key, value, headers) in enumerate(contents)
    ]


@given(CONTENTS)
def test_another_reader_finds_the_same(contents: list[Content]) -> None:
    batch = MemoryRecords(built(contents)).next_batch()

    assert batch.validate_crc()
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 3, 40)
    assert [(each.offset, each.key, each.value, list(each.headers)) for each in batch] == [
        (at, key, value, list(headers)) for at, (key, value, headers) in enumerate(contents)
    ]


@given(HEADERS)
def test_headers_that_lie_there_as_kafka_writes_them_are_taken_as_they_are(headers: Headers) -> None:
    one, other = built([(b"k", b"v", SentHeaders(raw(headers)))]), built([(b"k", b"v", headers)])

    assert one[HEAD.size :] == other[HEAD.size :]


def test_more_records_than_are_known_by_heart_keep_their_offsets() -> None:
    found = read(built([(b"%d" % number, None, ()) for number in range(9_000)])).unpack()

    assert [(each.offset, each.key) for each in found] == [(number, b"%d" % number) for number in range(9_000)]


def test_a_batch_is_full_before_it_is_larger_than_it_may_be() -> None:
    builder = BatchBuilder()
    taken = 0
    while builder.append(b"k", bytes(100_000), ()):
        taken += 1

    assert taken == 10
    assert BATCH_BYTES - 100_100 < len(builder._build()) <= BATCH_BYTES
    assert len(read(builder._build()).unpack()) == 10


@pytest.mark.parametrize("size", [BATCH_BYTES, 5 * BATCH_BYTES])
def test_a_large_record_goes_alone(size: int) -> None:
    builder = BatchBuilder()

    assert builder.append(b"k", bytes(size), ())
    assert not builder.append(b"k", b"", ())

    [found] = read(builder._build()).unpack()
    assert found.value == bytes(size)


def test_what_nobody_wrote_belongs_to_no_producer() -> None:
    builder = BatchBuilder()
    builder.append(b"k", b"v", ())

    assert HEAD.unpack_from(builder._build())[9:12] == (-1, -1, -1)
