"""The digest over a record, and what its headers say."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import DIGEST, EVENT_ID, LARGE, SHORT, TENANT_ID, Headers, header, opened, seal

OURS = ("ce_specversion", EVENT_ID, "ce_type", "ce_source", TENANT_ID, "ce_time", "ce_datacontenttype", DIGEST)
CONTENTS = st.none() | st.binary(max_size=40) | st.sampled_from([bytes(SHORT - 1), bytes(SHORT), bytes(2000)])
ANY = st.lists(st.tuples(st.sampled_from([*OURS, "ce_other", "traceparent", "ce_", ""]), CONTENTS), max_size=10)


@st.composite
def _nearly_ours(draw: st.DrawFn) -> Headers:
    """The headers that we write, with some left out, put elsewhere, doubled or changed."""
    headers = [(name, draw(CONTENTS)) for name in OURS[: draw(st.sampled_from([5, 7, 8]))]]
    if len(headers) == 5 and draw(st.booleans()):
        headers.append((DIGEST, b"d"))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(headers) - 1))
        headers[at:at] = draw(ANY)[:2]
        if draw(st.booleans()):
            del headers[draw(st.integers(0, len(headers) - 1))]
    return headers


def _reference(key: bytes, value: bytes, headers: Headers) -> bytes:
    parts = [key, value]
    for name, content in headers:
        if name.startswith("ce_"):
            parts += [name.encode(), content or b""]
    return sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


@given(key=st.binary(max_size=40), value=st.binary(max_size=40), headers=ANY | _nearly_ours())
def test_the_digest_is_over_key_value_and_cloud_event_headers(key: bytes, value: bytes, headers: Headers) -> None:
    assert seal(key, value, headers) == _reference(key, value, headers)


@pytest.mark.parametrize("size", [1023, 1024, LARGE, LARGE + 1, 3 * LARGE])
@pytest.mark.parametrize("count", [0, 5, 8])
def test_the_digest_of_a_value_of_any_size_is_over_the_same(size: int, count: int) -> None:
    headers = [(name, b"said") for name in OURS[:count]]

    assert seal(b"key", bytes(size), headers) == _reference(b"key", bytes(size), headers)


@given(headers=ANY | _nearly_ours())
def test_the_first_header_of_a_name_counts(headers: Headers) -> None:
    digest, _, event_id, tenant_id = opened(b"", b"", headers)

    assert (digest, event_id, tenant_id) == tuple(header(headers, name) for name in (DIGEST, EVENT_ID, TENANT_ID))


@given(headers=_nearly_ours())
def test_headers_may_be_any_sequence(headers: Headers) -> None:
    assert opened(b"k", b"v", tuple(headers)) == opened(b"k", b"v", headers)
