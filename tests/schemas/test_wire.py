"""Numbers and moments as Avro writes them, over the whole of their ranges."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import Undecodable
from schemas.wire import EIGHT_BYTES_MIN, EPOCH, EXACT, NEAR, NUMBERS, SMALL, long, micros, moment, number, short

LONG = fastavro.parse_schema("long")
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_is_written_as_fastavro_writes_it_and_read(value: int) -> None:
    out = BytesIO()
    fastavro.schemaless_writer(out, LONG, value)

    assert number(value) == out.getvalue()
    assert long(out.getvalue() + b"more", 0) == (value, len(out.getvalue()))


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_short_number_is_written_as_a_long_one(value: int) -> None:
    assert number(value, 32) == number(value)
    assert short(number(value), 0) == (value, len(number(value)))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("beyond", [0, 1, 2**5, 2**64])
def test_a_number_of_more_bits_is_not_written(bits: int, beyond: int) -> None:
    for value in (2 ** (bits - 1) + beyond, -(2 ** (bits - 1)) - 1 - beyond):
        with pytest.raises(OverflowError, match=f"more than {bits} bits"):
            number(value, bits)


def test_the_numbers_near_zero_lie_at_their_own_places() -> None:
    assert all(NUMBERS[value] == number(value) for value in range(-NEAR, NEAR))
    assert all(number(SMALL[byte]) == bytes([byte]) for byte in range(128))


@given(st.integers((FIRST - EPOCH) // timedelta(microseconds=1), (LAST - EPOCH) // timedelta(microseconds=1)))
@example(0)
@example(-1)
@example(EIGHT_BYTES_MIN - 1)
@example(EIGHT_BYTES_MIN)
@example(EXACT // 2 - 1)
@example(EXACT // 2)
@example(EXACT)
@example(2**55)
def test_a_moment_is_read_and_written_to_the_microsecond(value: int) -> None:
    at = EPOCH + timedelta(microseconds=value)

    assert moment(number(value) + b"12345678", 0) == (at, len(number(value)))
    assert moment(number(value), 0)[0].tzinfo is UTC
    assert micros(at) == number(value)


@given(st.integers(0, EXACT // 2), st.integers(-3, 3))
def test_the_microseconds_beside_a_second_are_told_apart(value: int, beside: int) -> None:
    near = max(value // 1_000_000 * 1_000_000 + beside, 0)

    assert moment(number(near), 0)[0] == EPOCH + timedelta(microseconds=near)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_is_a_moment_or_refused(value: int) -> None:
    try:
        at, _ = moment(number(value), 0)
    except Undecodable:
        assert not (FIRST - EPOCH) // timedelta(microseconds=1) <= value <= (LAST - EPOCH) // timedelta(microseconds=1)
    else:
        assert at == EPOCH + timedelta(microseconds=value)
