"""Pauses between attempts: longer each time, by chance, never beyond the time left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.pauses import LONGEST_S, pause_s
from domain.ports import ModelUnavailable


def _failed(again: bool = True, retry_after_s: float | None = None) -> ModelUnavailable:
    return ModelUnavailable("no", billed=False, again=again, retry_after_s=retry_after_s)


@given(st.integers(1, 200), st.floats(0.01, 100))
def test_a_pause_is_within_its_limit_and_the_time_left(attempts: int, left_s: float) -> None:
    pause = pause_s(attempts, _failed(), left_s)

    assert pause is None or 0 <= pause <= min(0.4 * 2 ** (attempts - 1), LONGEST_S)
    assert pause is None or pause < left_s


@given(st.floats(0, 50))
def test_what_the_provider_says_is_waited_for_or_not_at_all(retry_after_s: float) -> None:
    pause = pause_s(1, _failed(retry_after_s=retry_after_s), 30.0)

    assert pause is None or retry_after_s <= pause < 30.0
    assert pause is not None or retry_after_s > 29.0


def test_pauses_are_spread() -> None:
    assert len({pause_s(5, _failed(), 60.0) for _ in range(20)}) > 10


@pytest.mark.parametrize(("failed", "left_s"), [(_failed(again=False), 60.0), (_failed(retry_after_s=61.0), 60.0)])
def test_what_makes_no_sense_is_not_waited_for(failed: ModelUnavailable, left_s: float) -> None:
    assert pause_s(1, failed, left_s) is None
