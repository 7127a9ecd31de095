"""The life of an AI call: who is asked, with which hold, what each attempt means, and what it costs."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.asking import routed
from domain.book import hold_id
from domain.call_ends import completed, doubtful, failed
from domain.calls import (
    ATTEMPTS_MAX,
    DEADLINE,
    LEASE,
    OVER,
    SAVED,
    TRIES_MAX,
    Call,
    Next,
    Phase,
    admitted,
    aligned,
    asked_again,
    begun,
    onward,
    refused,
    started,
    timeout_s,
)
from domain.definitions import Definitions
from domain.ports import Answer
from domain.prices import Usage
from domain.tokens import PER_IMAGE, messages_tokens_max
from schemas.events import AiCall, BudgetEntry, BudgetLevel, CallStatus, EntryKind, Message, Standing
from tests.domain.events import AT, call, definition, digest_of

PRICED = {"input_usd_micros_per_million": 150_000, "output_usd_micros_per_million": 600_000}
BODY = {
    "id": "default",
    "default": "hosted",
    "models": [
        {"id": "local", "provider": "local"},
        {"id": "hosted", "provider": "somebody", **PRICED},
        {"id": "small", "provider": "somebody", "input_usd_micros_per_million": 1000},
    ],
}
MODELS = Definitions([definition("models", BODY)])
ASKED = call(
    CallStatus.REQUESTED,
    model="",
    models_digest=digest_of(BODY),
    input={"note": "hi"},
    messages=[Message(role="user", content="hello")],
    max_tokens=100,
)
LATER = AT + timedelta(milliseconds=1500)
SAID = Answer(text="fine", input_tokens=1000, output_tokens=10)


def fresh(asked: AiCall = ASKED) -> Call:
    return begun(routed(asked, MODELS, {}, (), AT), 7)


def waiting() -> Call:
    _, found = onward(fresh(), ASKED, MODELS, AT)
    return found


def told(status: CallStatus = CallStatus.ADMITTED, **more: Any) -> AiCall:
    said = {"attempt": 1, "model": "hosted", "hold_id": hold_id(ASKED.call_id, 1), "lease_until": AT + LEASE}
    return call(status, **(said | more))


def opened() -> tuple[Call, AiCall]:
    found = msgspec.structs.replace(waiting(), phase=Phase.OPEN)
    return found, started(ASKED, found, AT)


def test_a_routed_call_names_the_ranking_and_asks_the_first_of_it() -> None:
    decision = routed(ASKED, MODELS, {}, (), AT)
    assert (decision.status, decision.model) == (CallStatus.ROUTED, "hosted")
    assert [each.standing for each in decision.ranking] == [
        Standing.CHOSEN,
        Standing.RANKED_LOWER,
        Standing.LAST_RESORT,
    ]
    assert [each.model for each in fresh().choices] == ["hosted", "small", "local"]


def test_a_restricted_call_is_asked_of_the_local_model_only() -> None:
    assert [each.model for each in fresh(msgspec.structs.replace(ASKED, model="local")).choices] == ["local"]


def test_a_call_that_costs_waits_for_its_hold() -> None:
    [hold], found = onward(fresh(), ASKED, MODELS, AT)
    assert isinstance(hold, BudgetEntry)
    assert (hold.kind, hold.model, hold.lease_until) == (EntryKind.HOLD_REQUESTED, "hosted", AT + LEASE)
    assert hold.amount_usd_micros == -(-(messages_tokens_max(ASKED.messages) * 150_000 + 100 * 600_000) // 1_000_000)
    assert (found.phase, found.attempt) == (Phase.WAITING, 1)


def test_a_call_that_costs_nothing_starts_at_once() -> None:
    [start], found = onward(fresh(msgspec.structs.replace(ASKED, model="local")), ASKED, MODELS, AT)
    assert isinstance(start, AiCall)
    assert (start.status, start.attempt, start.model, start.messages) == (CallStatus.STARTED, 1, "local", [])
    assert found.phase is Phase.OPEN


def test_an_admission_begins_its_attempt_once() -> None:
    assert admitted(waiting(), told(), AT) is Next.START
    found, _ = opened()
    assert admitted(found, told(), AT) is Next.DOUBTFUL
    assert admitted(OVER, told(), AT) is Next.NOTHING
    assert admitted(SAVED, told(), AT) is Next.UNSPENT
    assert admitted(waiting(), told(attempt=2), AT) is Next.NOTHING


def test_an_admission_that_comes_too_late_is_not_spent() -> None:
    assert admitted(waiting(), told(), AT + LEASE) is Next.UNSPENT
    assert timeout_s(waiting(), told().lease_until, AT + LEASE) < 0


def test_the_model_that_was_admitted_is_the_one_that_is_asked() -> None:
    found = aligned(waiting(), told(model="small"))
    assert found.choice is not None
    assert found.choice.model == "small"


def test_another_attempt_at_the_model_that_was_admitted_is_held_in_full() -> None:
    hosted, small, local = fresh().choices
    otherwise = msgspec.structs.replace(waiting(), choices=[small, hosted, local])
    found = msgspec.structs.replace(aligned(otherwise, told(model="hosted")), phase=Phase.OPEN)
    _, found = doubtful(found, ASKED, MODELS, LATER)
    said, _ = onward(found, ASKED, MODELS, LATER)
    assert [(each.kind, each.model, each.amount_usd_micros) for each in said if isinstance(each, BudgetEntry)] == [
        (EntryKind.HOLD_REQUESTED, "hosted", hosted.hold)
    ]


def test_a_model_that_was_admitted_and_is_in_the_ranking_no_more_is_asked_once() -> None:
    found = msgspec.structs.replace(aligned(waiting(), told(model="gone")), phase=Phase.OPEN)
    _, found = doubtful(found, ASKED, MODELS, LATER)
    assert [each.model for each in found.choices[found.place :]] == ["hosted", "small", "local"]


def test_a_completed_call_settles_its_hold_with_what_it_cost() -> None:
    found, start = opened()
    (end, settled), after = completed(found, start, ASKED, SAID, MODELS, LATER)
    assert isinstance(end, AiCall)
    assert isinstance(settled, BudgetEntry)
    assert (end.answer, end.input_tokens, end.output_tokens, end.input) == ("fine", 1000, 10, {"note": "hi"})
    assert (end.cost_usd_micros, end.latency_ms, end.causation_id) == (156, 1500, start.event_id)
    assert (settled.kind, settled.amount_usd_micros, settled.in_doubt) == (EntryKind.SETTLE_REQUESTED, 156, False)
    assert settled.hold_id == hold_id(ASKED.call_id, 1)
    assert after.over


def test_a_clock_that_was_turned_back_gives_no_negative_latency() -> None:
    found, start = opened()
    (end, _), _ = completed(found, start, ASKED, SAID, MODELS, AT - timedelta(hours=1))
    assert isinstance(end, AiCall)
    assert (end.latency_ms, end.occurred_at) == (0, AT)


@pytest.mark.parametrize(
    ("billed", "usage", "amount", "doubt"),
    [(False, None, 0, False), (True, None, 0, True), (True, Usage(1000, 10), 156, False)],
)
def test_a_failed_attempt_is_billed_what_is_known_of_it(
    billed: bool, usage: Usage | None, amount: int, doubt: bool
) -> None:
    found, start = opened()
    (end, settled), after = failed(
        found, start, ASKED, MODELS, LATER, reason="too late", again=True, billed=billed, usage=usage
    )
    assert isinstance(end, AiCall)
    assert isinstance(settled, BudgetEntry)
    assert (end.status, end.reason) == (CallStatus.ATTEMPT_FAILED, "too late")
    assert (settled.amount_usd_micros, settled.in_doubt) == (amount, doubt)
    assert found.choice is not None
    assert end.cost_usd_micros == (found.choice.hold if doubt else amount)
    assert (after.phase, after.place) == (Phase.PAUSED, 0)


def test_a_model_is_tried_some_times_and_then_the_next_one() -> None:
    asked = []
    found = fresh()
    for _ in range(2 * TRIES_MAX + 1):
        _, found = onward(found, ASKED, MODELS, AT)
        assert found.choice is not None
        asked.append(found.choice.model)
        start = started(ASKED, found, AT)
        _, found = failed(found, start, ASKED, MODELS, AT, reason="no", again=True, billed=False)
    assert asked == ["hosted"] * TRIES_MAX + ["small"] * TRIES_MAX + ["local"]


def test_a_model_that_would_refuse_again_is_not_tried_again() -> None:
    found, start = opened()
    _, after = failed(found, start, ASKED, MODELS, LATER, reason="wrong key", again=False, billed=False)
    assert after.choice is not None
    assert after.choice.model == "small"


def test_past_its_deadline_or_too_many_attempts_the_last_resort_answers() -> None:
    _, late = onward(fresh(), ASKED, MODELS, AT + DEADLINE)
    many = msgspec.structs.replace(fresh(), attempt=ATTEMPTS_MAX)
    _, after = onward(many, ASKED, MODELS, AT)
    for each in (late, after):
        assert each.choice is not None
        assert each.choice.model == "local"


def test_with_nobody_left_the_call_has_failed() -> None:
    nobody = msgspec.structs.replace(fresh(), place=3)
    [end], found = onward(nobody, ASKED, MODELS, AT)
    assert isinstance(end, AiCall)
    assert (end.status, end.reason, end.input) == (CallStatus.FAILED, "no model has answered", {"note": "hi"})
    assert found.over


def test_an_attempt_nobody_knows_of_is_billed_whole_and_made_again() -> None:
    found, _ = opened()
    (doubt, settled), after = doubtful(found, ASKED, MODELS, LATER)
    assert isinstance(settled, BudgetEntry)
    assert isinstance(doubt, AiCall)
    assert found.choice is not None
    assert (doubt.status, doubt.cost_usd_micros) == (CallStatus.IN_DOUBT, found.choice.hold)
    assert settled.in_doubt
    _, after = onward(after, ASKED, MODELS, LATER)
    assert after.attempt == 2


def test_a_hold_that_is_not_given_asks_a_cheaper_model_or_ends_the_call() -> None:
    said, cheaper = refused(waiting(), told(CallStatus.DOWNGRADED, level=BudgetLevel.DOWNGRADE), ASKED, AT)
    assert said == []
    [hold], _ = onward(cheaper, ASKED, MODELS, AT)
    assert isinstance(hold, BudgetEntry)
    assert (hold.model, hold.level) == ("small", BudgetLevel.DOWNGRADE)

    stop = told(CallStatus.DOWNGRADED, level=BudgetLevel.STOP, reason="budget all: nothing left")
    [end], found = refused(waiting(), stop, ASKED, AT)
    assert isinstance(end, AiCall)
    assert (end.status, end.reason) == (CallStatus.REFUSED, "budget all: nothing left")
    assert found.over


def test_what_was_begun_before_a_crash_goes_on() -> None:
    assert asked_again(waiting()) is Next.NOTHING
    assert asked_again(OVER) is Next.NOTHING
    assert asked_again(fresh()) is Next.ONWARD
    _, local = onward(fresh(msgspec.structs.replace(ASKED, model="local")), ASKED, MODELS, AT)
    assert asked_again(local) is Next.DOUBTFUL


def test_a_call_has_one_outcome_id_whatever_the_number_of_attempts() -> None:
    found, start = opened()
    ends = [
        completed(found, start, ASKED, SAID, MODELS, LATER)[0][0],
        onward(msgspec.structs.replace(fresh(), place=3, attempt=4), ASKED, MODELS, AT)[0][0],
    ]
    assert ends[0].event_id == ends[1].event_id


def test_a_model_without_a_price_is_passed_over() -> None:
    body = {**BODY, "models": [*BODY["models"], {"id": "unpriced", "provider": "x"}]}  # type: ignore[list-item]
    known = Definitions([definition("models", body)])
    decision = routed(msgspec.structs.replace(ASKED, models_digest=digest_of(body)), known, {}, (), AT)
    assert {each.model: each.standing for each in decision.ranking}["unpriced"] is Standing.NO_PRICE


@given(st.lists(st.text(max_size=50), max_size=5), st.integers(0, 3))
def test_a_hold_reckons_with_no_fewer_tokens_than_there_are_bytes(texts: list[str], images: int) -> None:
    messages = [Message(role="user", content=each, images=["data:"] * images) for each in texts]
    assert messages_tokens_max(messages) >= sum(len(each.encode()) + images * PER_IMAGE for each in texts)


@given(st.integers(0, 2000), st.integers(0, 100))
def test_an_attempt_never_costs_more_than_its_hold(read: int, written: int) -> None:
    found, start = opened()
    [hold], _ = onward(fresh(), ASKED, MODELS, AT)
    assert isinstance(hold, BudgetEntry)
    usage = Answer(text="", input_tokens=min(read, messages_tokens_max(ASKED.messages)), output_tokens=written)
    (_, settled), _ = completed(found, start, ASKED, usage, MODELS, AT)
    assert isinstance(settled, BudgetEntry)
    assert settled.amount_usd_micros <= hold.amount_usd_micros
