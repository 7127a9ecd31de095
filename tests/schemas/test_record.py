"""The digest over a record, and what its headers say."""

from hashlib import sha256

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from schemas.batch import HEAD
from schemas.record import DIGEST, EVENT_ID, TENANT_ID, Headers, header, named, seal
from schemas.wire import long

OURS = ("ce_specversion", EVENT_ID, "ce_type", "ce_source", TENANT_ID, "ce_time", "ce_datacontenttype", DIGEST)
CONTENTS = st.none() | st.binary(max_size=40) | st.sampled_from([bytes(63), bytes(64), bytes(2000)])
NAMES = st.sampled_from([*OURS, "ce_other", "traceparent", "ce_", "", "ä" * 40])
ANY = st.lists(st.tuples(NAMES, CONTENTS), max_size=10)


def on_kafka(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """Returns the record from its key to the last header, as a client writes it into the first place of a batch."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**30)
    builder.append(0, 0, key, value, list(headers))
    data = bytes(builder.build())
    _, at = long(data, HEAD.size)
    return data[at + 3 :]


@given(key=st.none() | st.binary(max_size=40), value=st.none() | st.binary(max_size=40), headers=ANY)
def test_the_digest_is_over_the_record_as_kafka_has_it_with_the_cloud_event_headers(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    ours = [pair for pair in headers if pair[0].startswith("ce_")]
    mark = b"\x10x-digest\x40"
    digest = seal(key, value, headers)
    written = on_kafka(key, value, [*ours, (DIGEST, digest)])

    assert written.endswith(mark + digest)
    assert digest == sha256(written.removesuffix(mark + digest)).digest()


@pytest.mark.parametrize("size", [63, 64, 1023, 1024, 8191, 8192, 3_000_000])
def test_the_digest_of_a_value_of_any_size_is_over_the_same(size: int) -> None:
    digest = seal(b"key", bytes(size), [])

    assert digest == sha256(on_kafka(b"key", bytes(size), [(DIGEST, digest)])[:-42]).digest()


@given(headers=ANY)
def test_the_first_header_of_a_name_counts(headers: Headers) -> None:
    assert named(headers) == tuple(header(headers, name) for name in (DIGEST, EVENT_ID, TENANT_ID))


@given(headers=ANY)
def test_headers_may_be_any_sequence(headers: Headers) -> None:
    assert named(tuple(headers)) == named(headers)
    assert seal(b"k", b"v", tuple(headers)) == seal(b"k", b"v", headers)
