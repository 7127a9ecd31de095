"""Where money could be saved: only what the log has evidence for, never across tenants, never against the bar."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.observations import Observations, Observed
from domain.prices import Price, Usage, cost
from domain.recommendations import RUNS_MAX, Confidence, Kind, Recommendation, confidence, recommend
from schemas.events import CallStatus, Finding, Message, Phase, StepStatus
from tests.domain.events import RUN, call, decision, step

AT = datetime(2026, 5, 1, tzinfo=UTC)
MILLION = 1_000_000
COSTS = {"large": 10 * MILLION, "small": MILLION, "local": 0}


def price(_: Observed, model: str) -> Price | None:
    return Price(
        model=model,
        valid_from=AT,
        input_usd_micros_per_million=COSTS[model],
        output_usd_micros_per_million=COSTS[model],
    )


def observed(number: int, model: str = "large", **more: Any) -> Observed:
    said = {"tenant_id": "acme", "run_id": f"r{number}", "call_id": f"c{number}", "workflow": "flow", "step": "a"}
    said |= {"task": "", "asked": f"q{number}", "model": model, "models_digest": "d", "max_tokens": 256}
    said |= {"occurred_at": AT + timedelta(seconds=number), "input_tokens": 100, "output_tokens": 20}
    said |= {"cost_usd_micros": 120 * COSTS[model] // MILLION, "degraded": False, "accepted": True, "findings": 0}
    return Observed(**(said | more))


def found(kind: Kind, calls: list[Observed], others: tuple[str, ...] = ()) -> list[Recommendation]:
    return [each for each in recommend(calls, price, lambda _: others) if each.kind is kind]


def test_a_cheaper_model_is_proposed_when_its_own_answers_met_the_bar() -> None:
    calls = [*(observed(number) for number in range(30)), *(observed(100 + number, "small") for number in range(20))]

    [best] = found(Kind.CHEAPER_MODEL, calls)
    assert (best.model, best.instead, best.calls, best.answers, best.met) == ("large", "small", 30, 20, 20)
    assert best.saving_usd_micros == 30 * (1200 - 120)
    assert best.confidence is Confidence.MEDIUM
    assert best.run_ids == [f"r{number}" for number in range(RUNS_MAX)]
    assert best.evidence_run_ids[0] == "r100"


def test_a_model_nobody_has_tried_is_no_evidence() -> None:
    [said] = found(Kind.CHEAPER_MODEL, [observed(1)], ("small", "large"))

    assert (said.confidence, said.saving_usd_micros) == (Confidence.NONE, 0)
    assert said.text == "no evidence: small would cost less than large, but answered none of these calls"


def test_answers_of_another_operation_or_tenant_are_no_evidence() -> None:
    elsewhere = [observed(2, "small", step="b"), observed(3, "small", tenant_id="bolt"), observed(4, "small", task="t")]

    assert found(Kind.CHEAPER_MODEL, [observed(1), *elsewhere]) == []


def test_a_cheaper_model_that_misses_the_bar_more_often_is_not_proposed() -> None:
    for miss in ({"degraded": True}, {"accepted": False}, {"findings": 1}):
        assert found(Kind.CHEAPER_MODEL, [observed(1), observed(2, "small"), observed(3, "small", **miss)]) == []


def test_a_model_is_as_good_as_one_that_misses_as_often_and_saves_on_those_it_would_meet() -> None:
    calls = [observed(1), observed(2, findings=1), observed(3, "small"), observed(4, "small", findings=1)]

    [best] = found(Kind.CHEAPER_MODEL, calls)
    assert best.saving_usd_micros == 2 * 1080 // 2


def test_a_model_whose_price_nobody_says_for_one_of_the_calls_is_not_proposed() -> None:
    def sometimes(each: Observed, model: str) -> Price | None:
        return None if (each.call_id, model) == ("c2", "small") else price(each, model)

    calls = [observed(1), observed(2), observed(3, "small")]
    assert not [each for each in recommend(calls, sometimes, lambda _: ()) if each.kind is Kind.CHEAPER_MODEL]


def test_a_repeated_question_would_have_come_from_a_cache() -> None:
    calls = [observed(1, asked="q"), observed(2, asked="q"), observed(3), observed(4, asked="q", tenant_id="bolt")]

    [cached] = found(Kind.EXACT_CACHING, calls)
    assert (cached.calls, cached.saving_usd_micros, cached.run_ids) == (1, 1200, ["r2"])


def test_shorter_answers_free_what_was_held_for_longer_ones() -> None:
    [shorter] = found(Kind.SHORTER_MAX_TOKENS, [observed(1), observed(2, output_tokens=30)])

    assert (shorter.instead, shorter.saving_usd_micros) == ("48", 0)
    assert shorter.freed_usd_micros == 2 * (256 - 48) * 10


def test_nobody_shortens_answers_that_were_as_long_as_allowed() -> None:
    assert found(Kind.SHORTER_MAX_TOKENS, [observed(1, max_tokens=4096), observed(2, output_tokens=256)]) == []


def test_confidence_goes_by_counts() -> None:
    assert [confidence(count) for count in (0, 1, 19, 20, 99, 100)] == [
        "none",
        "low",
        "low",
        "medium",
        "medium",
        "high",
    ]


CALLS = st.lists(
    st.tuples(
        st.sampled_from(list(COSTS)),
        st.integers(0, 300),
        st.integers(0, 300),
        st.booleans(),
        st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)


@given(CALLS)
def test_nothing_saves_more_than_was_spent(rows: list[tuple[str, int, int, bool, str]]) -> None:
    calls = [
        observed(
            number,
            model,
            input_tokens=given_,
            output_tokens=taken,
            accepted=good,
            asked=asked,
            cost_usd_micros=cost(price(observed(0), model) or _none(), Usage(given_, taken)),
        )
        for number, (model, given_, taken, good, asked) in enumerate(rows)
    ]
    spent = sum(each.cost_usd_micros for each in calls)

    for kind in Kind:
        assert 0 <= sum(each.saving_usd_micros for each in found(kind, calls, tuple(COSTS))) <= spent
    for each in recommend(calls, price, lambda _: ()):
        assert each.freed_usd_micros >= 0
        assert set(each.run_ids) <= {one.run_id for one in calls}


def test_what_became_of_a_call_is_read_from_three_topics_in_any_order() -> None:
    events = [
        call(CallStatus.REQUESTED, messages=[Message(role="user", content="hi")], max_tokens=9, workflow_digest="w"),
        call(CallStatus.COMPLETED, input_tokens=3, output_tokens=2, answer="yes", task="t", workflow_digest="w"),
        call(CallStatus.COMPLETED, input_tokens=99),
        decision(phase=Phase.BEFORE, findings=[Finding(rule="r", severity="low", action="note")]),
        decision(phase=Phase.AFTER),
        step(status=StepStatus.COMPLETED),
    ]
    one, other = Observations(lambda digest: f"flow {digest}"), Observations(lambda digest: f"flow {digest}")
    for each in events:
        one.take(each)
    for each in [*events[:2][::-1], *events[2:]]:
        other.take(each)

    [seen] = one.observed()
    assert [seen] == list(other.observed())
    assert (seen.run_id, seen.workflow, seen.task, seen.input_tokens, seen.met) == (RUN, "flow w", "t", 3, True)


def test_a_finding_on_the_answer_misses_the_bar() -> None:
    seen = Observations(str)
    seen.take(call(CallStatus.COMPLETED))
    seen.take(step(status=StepStatus.COMPLETED))
    assert next(seen.observed()).met

    seen.take(decision(phase=Phase.AFTER, findings=[Finding(rule="r", severity="low", action="note")]))
    assert not next(seen.observed()).met


def _none() -> Price:
    raise AssertionError("every model here has a price")
