"""Positions go out and come back; anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.log_position import CHARACTERS_MAX, OFFSET_MAX, BadPosition, LogPosition, decode
from schemas.catalogue import TOPICS

PLACES = st.sampled_from([(name, number) for name, topic in TOPICS.items() for number in range(topic.partitions)])
OFFSETS = st.dictionaries(PLACES, st.integers(1, OFFSET_MAX), min_size=1, max_size=10)


@given(OFFSETS)
def test_a_position_comes_back_as_it_went_out(offsets: dict[tuple[str, int], int]) -> None:
    text = LogPosition(offsets).encode()

    assert decode(text) == LogPosition(offsets)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert LogPosition(dict(reversed(offsets.items()))).encode() == text


@given(OFFSETS, PLACES)
def test_a_position_is_reached_when_every_place_of_it_is(offsets: dict[tuple[str, int], int], place: object) -> None:
    position = LogPosition(offsets)
    first = next(iter(offsets))

    assert position.reached(offsets)
    assert position.reached({each: offset + 1 for each, offset in offsets.items()})
    assert not position.reached(offsets | {first: offsets[first] - 1})
    assert not position.reached({})


@given(st.text() | st.binary().map(lambda each: each.decode("latin-1")))
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(BadPosition):
        decode(text)


@pytest.mark.parametrize(
    "offsets",
    [
        {("nowhere", 0): 1},
        {("requests", 8): 1},
        {("requests", -1): 1},
        {("requests", 0): 0},
        {("requests", 0): 2**63},
        {},
    ],
)
def test_a_place_that_there_cannot_be_is_refused(offsets: dict[tuple[str, int], int]) -> None:
    with pytest.raises(BadPosition):
        decode(LogPosition(offsets).encode())


def test_a_long_one_is_refused() -> None:
    with pytest.raises(BadPosition, match="4097 characters"):
        decode("A" * (CHARACTERS_MAX + 1))
