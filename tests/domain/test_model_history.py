"""What is known of a model: it follows from its attempts, not from how they came."""

import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import derive
from domain.model_history import MODELS_MAX, SAMPLES_MAX, Evidence, History, after
from schemas.events import AiCall, CallStatus
from tests.domain.events import AT, call


def end(number: int, status: CallStatus = CallStatus.COMPLETED, **fields: Any) -> AiCall:
    """Returns the end of an attempt, so many seconds after the first."""
    said = {"event_id": derive("end", str(number)), "occurred_at": AT + timedelta(seconds=number), "attempt": 1}
    return call(status, **(said | fields))


def of(*calls: AiCall) -> History:
    state = History()
    for each in calls:
        state = after(state, each)
    return state


ENDS = st.lists(
    st.builds(
        end,
        st.integers(0, 300),
        st.sampled_from((CallStatus.COMPLETED, CallStatus.ATTEMPT_FAILED, CallStatus.FAILED)),
        model=st.sampled_from(("a", "b")),
        latency_ms=st.integers(0, 10_000),
    ),
    max_size=30,
    unique_by=lambda each: each.event_id,
)


@given(ENDS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_attempts_gives_the_same_history(
    calls: list[AiCall], chance: random.Random
) -> None:
    turned = [*calls, *calls]
    chance.shuffle(turned)

    assert of(*turned) == of(*calls)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60))
def test_percentiles_are_those_of_the_answers(latencies: list[int]) -> None:
    found = of(*(end(number, latency_ms=each) for number, each in enumerate(latencies))).evidence()["local"]

    for figure, percent in ((found.latency_ms_p50, 50), (found.latency_ms_p95, 95)):
        assert figure in latencies
        assert sum(each <= figure for each in latencies) * 100 >= percent * len(latencies)
        assert sum(each < figure for each in latencies) * 100 < percent * len(latencies)


def test_the_latest_attempts_are_kept_in_whatever_order_they_come() -> None:
    calls = [end(number, latency_ms=number) for number in range(SAMPLES_MAX + 50)]
    state = of(*reversed(calls))

    assert [each.latency_ms for each in state.models["local"]] == list(range(50, SAMPLES_MAX + 50))
    assert state == of(*calls)


def test_failures_count_and_their_latencies_do_not() -> None:
    state = of(end(1, latency_ms=10), end(2, CallStatus.ATTEMPT_FAILED, latency_ms=60_000), end(3, CallStatus.FAILED))

    assert state.evidence()["local"] == Evidence(3, 2, 10, 10)
    assert state.last_failure("local") == AT + timedelta(seconds=3)
    assert state.last_failure("another") is None


@pytest.mark.parametrize(
    "status", [each for each in CallStatus if each not in ("completed", "attempt_failed", "failed")]
)
def test_what_is_no_end_by_the_models_doing_changes_nothing(status: CallStatus) -> None:
    state = of(end(1))

    assert after(state, end(2, status)) is state


def test_the_end_of_a_call_that_asked_nobody_changes_nothing() -> None:
    assert after(History(), end(1, CallStatus.FAILED, attempt=0)) == History()


def test_models_that_nobody_asks_any_more_are_forgotten() -> None:
    state = of(*(end(number, model=f"m{number}") for number in range(MODELS_MAX + 1)))

    assert len(state.models) == MODELS_MAX
    assert "m0" not in state.models


def test_the_state_before_stays_as_it_was() -> None:
    before = of(end(1))
    after(before, end(2))

    assert before == of(end(1))


def test_a_history_is_the_same_after_it_was_written_and_read() -> None:
    state = of(end(1), end(2, CallStatus.ATTEMPT_FAILED))

    assert msgspec.json.decode(msgspec.json.encode(state), type=History) == state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=History) == state
