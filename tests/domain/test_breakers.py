"""Circuit breakers: what opens one, how long, and that at most one probe is under way."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.breakers import BUCKETS, Attempted, Breaker, Outcome, Status, Thresholds, Transition, after, may_ask

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Thresholds(failures_in_a_row=3, open_s=5.0, open_max_s=30.0, probe_s=10.0, calls_min=10)
MOMENTS = st.lists(
    st.tuples(st.sampled_from(Outcome), st.sampled_from("abcd"), st.integers(-2, 20), st.none() | st.just(7.0)),
    max_size=60,
)


def _told(
    breaker: Breaker, outcome: Outcome, second: float, attempt: str = "a", retry_after_s: float | None = None
) -> tuple[Breaker, Transition | None]:
    at = START + timedelta(seconds=second)
    return after(breaker, Attempted(attempt_id=attempt, outcome=outcome, at=at, retry_after_s=retry_after_s), LIMITS)


def _opened(retry_after_s: float | None = None) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker, _ = _told(breaker, Outcome.FAILED, 0, retry_after_s=retry_after_s)
    return breaker


def _may(breaker: Breaker, second: float) -> bool:
    return may_ask(breaker, START + timedelta(seconds=second))


def test_failures_in_a_row_open_it_and_the_transition_says_why() -> None:
    breaker, _ = _told(Breaker(), Outcome.FAILED, 0)
    breaker, nothing = _told(breaker, Outcome.FAILED, 1)
    breaker, transition = _told(breaker, Outcome.FAILED, 2)

    assert nothing is None
    assert transition is not None
    assert (transition.before, transition.after) == (Status.CLOSED, Status.OPEN)
    assert transition.reason == "3 failures in a row"
    assert transition.until == breaker.until == START + timedelta(seconds=7)


def test_an_answer_in_between_starts_the_row_anew() -> None:
    breaker = Breaker()
    for outcome in (Outcome.FAILED, Outcome.FAILED, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.FAILED):
        breaker, _ = _told(breaker, outcome, 0)

    assert breaker.status is Status.CLOSED


def test_too_many_failures_of_a_window_open_it() -> None:
    breaker, transition = Breaker(), None
    for number in range(10):
        breaker, transition = _told(breaker, Outcome.FAILED if number % 2 else Outcome.SUCCEEDED, number)

    assert transition is not None
    assert transition.reason == "5 of 10 failed within 60 s"


def test_failures_older_than_the_window_are_forgotten() -> None:
    breaker = Breaker()
    for number in range(40):
        breaker, _ = _told(breaker, Outcome.FAILED if number % 2 else Outcome.SUCCEEDED, number * 10)

    assert breaker.status is Status.CLOSED


def test_an_open_one_lets_nobody_ask_until_its_time_is_over() -> None:
    assert (_may(_opened(), 4.9), _may(_opened(), 5.0)) == (False, True)


def test_a_provider_that_says_how_long_to_wait_is_waited_for() -> None:
    assert (_may(_opened(20.0), 19.9), _may(_opened(20.0), 20.0)) == (False, True)


def test_while_one_probe_is_under_way_there_is_no_second() -> None:
    breaker, transition = _told(_opened(), Outcome.STARTED, 6, "probe")

    assert transition is not None
    assert transition.after is Status.HALF_OPEN
    assert not _may(breaker, 7)


def test_a_probe_of_which_nothing_is_heard_is_given_up() -> None:
    breaker, _ = _told(_opened(), Outcome.STARTED, 6, "probe")

    assert _may(breaker, 16)


def test_a_probe_that_is_answered_closes_it() -> None:
    breaker, _ = _told(_opened(), Outcome.STARTED, 6, "probe")
    breaker, transition = _told(breaker, Outcome.SUCCEEDED, 7, "probe")

    assert transition is not None
    assert (transition.after, transition.reason) == (Status.CLOSED, "the probe was answered")
    assert breaker == Breaker(at=START + timedelta(seconds=7))


def test_each_probe_that_fails_doubles_the_time_up_to_the_limit() -> None:
    breaker, second, waited = _opened(), 5.0, []
    for _ in range(5):
        breaker, _ = _told(breaker, Outcome.STARTED, second, "probe")
        breaker, _ = _told(breaker, Outcome.FAILED, second, "probe")
        waited.append((breaker.until - START).total_seconds() - second)
        second += waited[-1]

    assert waited == [10.0, 20.0, 30.0, 30.0, 30.0]


def test_attempts_from_before_it_opened_decide_nothing() -> None:
    breaker, _ = _told(_opened(), Outcome.STARTED, 6, "probe")
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABANDONED):
        breaker, transition = _told(breaker, outcome, 7, "earlier")
        assert transition is None

    assert (breaker.status, breaker.probe) == (Status.HALF_OPEN, "probe")


def test_an_abandoned_probe_makes_room_for_the_next() -> None:
    breaker, _ = _told(_opened(), Outcome.STARTED, 6, "probe")
    breaker, transition = _told(breaker, Outcome.ABANDONED, 7, "probe")

    assert transition is not None
    assert (transition.after, _may(breaker, 7)) == (Status.OPEN, True)


@given(MOMENTS)
def test_whatever_happens_transitions_tell_all_and_nothing_grows(
    moments: list[tuple[Outcome, str, int, float | None]],
) -> None:
    breaker, status, second, last = Breaker(), Status.CLOSED, 0, Breaker().at
    for outcome, attempt, step, retry_after_s in moments:
        second += step
        breaker, transition = _told(breaker, outcome, second, attempt, retry_after_s)
        assert (transition is None) == (breaker.status is status)
        assert transition is None or (transition.before, transition.after) == (status, breaker.status)
        assert last <= breaker.at, "never back in time"
        assert len(breaker.buckets) <= BUCKETS
        assert (breaker.status is Status.HALF_OPEN) == bool(breaker.probe)
        if breaker.status is Status.OPEN:
            assert (breaker.until - breaker.at).total_seconds() <= LIMITS.open_max_s
        status, last = breaker.status, breaker.at
    late = breaker.at + timedelta(seconds=max(LIMITS.open_max_s, LIMITS.probe_s))
    assert may_ask(breaker, late), "no model is given up for ever"


@given(MOMENTS)
def test_who_asks_first_meets_at_most_one_probe_at_a_time(
    moments: list[tuple[Outcome, str, int, float | None]],
) -> None:
    breaker, second = _opened(), 0
    for number, (outcome, _, step, _) in enumerate(moments):
        second += step
        if _may(breaker, second) and breaker.status is not Status.CLOSED:
            breaker, _ = _told(breaker, Outcome.STARTED, second, f"probe-{number}")
            assert (breaker.status, breaker.probe) == (Status.HALF_OPEN, f"probe-{number}")
            assert not _may(breaker, second), "the next one is not let in beside it"
        elif outcome is not Outcome.STARTED:
            breaker, _ = _told(breaker, outcome, second, breaker.probe or "a")
