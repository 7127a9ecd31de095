"""The life of an AI call: attempts, their outcomes, the fallback to the local model, and what it costs."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calls import ATTEMPTS_MAX, Attempt, Calls, attempt, attempt_failed, completed, cost, evolve, failed
from domain.definitions import Definitions
from domain.models import Model
from domain.ports import Answer
from schemas.events import AiCall, CallStatus
from tests.domain.events import AT, business, call, definition, digest_of

BODY = {
    "id": "default",
    "default": "hosted",
    "models": [
        {"id": "local", "provider": "local"},
        {
            "id": "hosted",
            "provider": "somebody",
            "input_usd_micros_per_million": 150_000,
            "output_usd_micros_per_million": 600_000,
        },
    ],
}
MODELS = Definitions([definition("models", BODY)])
ASKED = call(CallStatus.REQUESTED, model="hosted", models_digest=digest_of(BODY), input={"note": "hi"})
LATER = AT + timedelta(milliseconds=1500)
SAID = Answer(text="fine", input_tokens=1000, output_tokens=10)


def test_the_first_attempt_starts_with_the_model_that_was_asked_for() -> None:
    [started] = _start(Calls())

    assert (started.status, started.attempt, started.model, started.provider) == ("started", 1, "hosted", "somebody")


def test_an_attempt_starts_when_the_clock_says() -> None:
    assert _start(Calls())[0].occurred_at == AT


def test_an_attempt_carries_no_messages() -> None:
    assert _start(Calls())[0].messages == []


def test_an_attempt_without_an_outcome_is_in_doubt_before_the_next_starts() -> None:
    state = Calls().after(_start(Calls())[0])

    assert [(each.status, each.attempt) for each in _start(state)] == [("in_doubt", 1), ("started", 2)]


def test_an_attempt_that_failed_is_followed_by_the_next() -> None:
    state = _failed_times(1)

    assert [(each.status, each.attempt) for each in _start(state)] == [("started", 2)]


def test_the_local_model_answers_after_the_last_attempt_at_the_one_asked_for() -> None:
    models = [_start(_failed_times(count))[-1].model for count in range(ATTEMPTS_MAX + 2)]

    assert models == ["hosted"] * ATTEMPTS_MAX + ["local"] * 2


@pytest.mark.parametrize("status", [CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED, CallStatus.CANCELLED])
def test_a_call_that_is_over_is_not_attempted_again(status: CallStatus) -> None:
    assert _start(Calls().after(call(status))) == []


def test_a_call_that_is_over_stays_over() -> None:
    over = Calls().after(call(CallStatus.COMPLETED))

    for status in CallStatus:
        assert over.after(call(status)).over == over.over


def test_a_call_that_is_over_holds_no_attempt() -> None:
    started = Calls().after(_start(Calls())[0])

    assert started.begun == {ASKED.call_id: Attempt(1, True)}
    assert started.after(call(CallStatus.COMPLETED)).begun == {}


def test_other_calls_of_the_run_are_left_alone() -> None:
    other = call(CallStatus.COMPLETED, call_id="other")

    assert _start(Calls().after(other))


def test_an_attempts_ids_follow_from_the_call_and_its_number() -> None:
    assert _start(Calls())[0] == _start(Calls())[0]
    assert _start(Calls())[0].event_id != _start(_failed_times(1))[0].event_id


def test_a_call_has_one_outcome_id_whatever_the_number_of_attempts() -> None:
    first, second = _start(Calls())[-1], _start(_failed_times(1))[-1]

    ends = [
        completed(ASKED, first, SAID, MODELS, LATER),
        completed(ASKED, second, SAID, MODELS, LATER),
        failed(ASKED, first, "no", LATER),
    ]

    assert len({each.event_id for each in ends}) == 1


def test_a_completed_call_carries_answer_tokens_and_input() -> None:
    end = completed(ASKED, _start(Calls())[0], SAID, MODELS, LATER)

    assert (end.answer, end.input_tokens, end.output_tokens, end.input) == ("fine", 1000, 10, {"note": "hi"})


def test_a_completed_call_is_priced_by_the_pinned_models() -> None:
    assert completed(ASKED, _start(Calls())[0], SAID, MODELS, LATER).cost_usd_micros == 156


def test_a_call_that_the_local_model_answered_instead_costs_what_the_local_model_costs() -> None:
    started = _start(_failed_times(ATTEMPTS_MAX))[-1]

    assert completed(ASKED, started, SAID, MODELS, LATER).cost_usd_micros == 0


def test_latency_is_from_start_to_outcome() -> None:
    assert completed(ASKED, _start(Calls())[0], SAID, MODELS, LATER).latency_ms == 1500


def test_a_clock_that_was_turned_back_gives_no_negative_latency() -> None:
    end = completed(ASKED, _start(Calls())[0], SAID, MODELS, AT - timedelta(hours=1))

    assert (end.latency_ms, end.occurred_at) == (0, AT)


def test_a_degraded_answer_is_marked() -> None:
    said = Answer(text="", input_tokens=0, output_tokens=0, degraded=True)

    assert completed(ASKED, _start(Calls())[0], said, MODELS, LATER).degraded


def test_a_failed_attempt_says_why_and_is_no_outcome() -> None:
    end = attempt_failed(_start(Calls())[0], "too late", LATER)

    assert (end.status, end.reason, end.attempt) == (CallStatus.ATTEMPT_FAILED, "too late", 1)
    assert Calls().after(end).over == []


def test_a_failed_call_says_why() -> None:
    end = failed(ASKED, _start(Calls())[0], "wrong key", LATER)

    assert (end.status, end.reason, end.input) == (CallStatus.FAILED, "wrong key", {"note": "hi"})


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "micros"),
    [(0, 0, 0), (1, 0, 1), (6, 0, 1), (7, 0, 2), (0, 1, 1), (1_000_000, 1_000_000, 750_000), (20, 0, 3)],
)
def test_a_cost_is_rounded_up_to_a_whole_micro_dollar(input_tokens: int, output_tokens: int, micros: int) -> None:
    model = MODELS.models(digest_of(BODY)).model("hosted")

    assert cost(model, Answer(text="", input_tokens=input_tokens, output_tokens=output_tokens)) == micros


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cost_is_never_less_than_the_exact_one_and_less_than_a_micro_dollar_more(
    tokens: int, price: int, others: int
) -> None:
    model = Model(id="m", provider="p", input_usd_micros_per_million=price, output_usd_micros_per_million=others)
    exact = tokens * price + tokens * others

    assert 0 <= cost(model, Answer(text="", input_tokens=tokens, output_tokens=tokens)) * 1_000_000 - exact < 1_000_000


def test_only_moments_of_calls_change_the_state() -> None:
    assert evolve(None, business()) is None
    assert evolve(None, call(CallStatus.COMPLETED)) == Calls(over=[ASKED.call_id])


def _start(state: Calls) -> Sequence[AiCall]:
    return attempt(ASKED, state, MODELS, AT)


def _failed_times(count: int) -> Calls:
    state = Calls()
    for _ in range(count):
        [started] = _start(state)
        state = state.after(started).after(attempt_failed(started, "no answer", AT))
    return state
