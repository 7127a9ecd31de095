"""Sessions: the newest token renews, an older one ends, and of two that renew at once one does."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.doors import Call
from domain.sessions import (
    ACCESS,
    FORGET_EVERY,
    LIFE,
    LOGGED_OUT,
    RENEWAL,
    REUSED,
    Claims,
    Sessions,
    begun,
    claimed,
    doubt,
    ended,
    held_by,
    renewed,
)
from schemas.events import Session

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NUMBERS = count()


def new_id() -> str:
    return f"id-{next(NUMBERS)}"


def call(at: datetime = NOW) -> Call:
    return Call(id=new_id(), at=at, route="POST /auth/refresh")


def start(sessions: Sessions, name: str = "s") -> Session:
    event = begun(call(), "acme", "ada", name, new_id)
    sessions.add(event)
    return event


def judged(sessions: Sessions, claims: Claims, now: datetime = NOW, epoch: int = 0) -> str:
    return doubt(claims, sessions.get(claims.session), now, epoch)


def test_a_session_is_renewed_by_its_newest_token_only() -> None:
    sessions = Sessions()
    first = claimed("s", held_by(start(sessions)), "refresh")
    assert judged(sessions, first) == ""

    again = renewed(call(), first, new_id)
    sessions.add(again)

    assert judged(sessions, claimed("s", held_by(again), "refresh")) == ""
    assert judged(sessions, first) == REUSED


def test_access_tokens_are_good_until_their_hour_is_over_or_the_session_ends() -> None:
    sessions = Sessions()
    access = claimed("s", held_by(start(sessions)), "access")
    sessions.add(renewed(call(), replace(access, use="refresh"), new_id))

    assert judged(sessions, access, NOW + ACCESS - timedelta(seconds=1)) == ""
    assert judged(sessions, access, NOW + ACCESS) == "token is expired"
    held = sessions.get("s")
    assert held is not None
    sessions.add(ended(call(), "s", held, LOGGED_OUT, new_id))
    assert judged(sessions, access) == "session has ended"


def test_an_ended_session_is_not_begun_or_renewed_again() -> None:
    sessions = Sessions()
    first = start(sessions)
    held = sessions.get("s")
    assert held is not None
    sessions.add(ended(call(), "s", held, LOGGED_OUT, new_id))

    sessions.add(renewed(call(), claimed("s", held_by(first), "refresh"), new_id))
    start(sessions)

    assert judged(sessions, claimed("s", held_by(first), "refresh")) == "session has ended"


@pytest.mark.parametrize("claims", [{"tenant_id": "other"}, {"user": "eve"}, {"session": "another"}])
def test_a_token_of_another_s_session_is_unknown(claims: dict[str, str]) -> None:
    sessions = Sessions()
    access = claimed("s", held_by(start(sessions)), "access")

    assert judged(sessions, replace(access, **claims)) == "unknown session"


@pytest.mark.parametrize("whose", [{"tenant_id": "other"}, {"user": "eve"}])
def test_records_of_others_change_nothing(whose: dict[str, str]) -> None:
    sessions = Sessions()
    first = start(sessions)
    held = sessions.get("s")
    assert held is not None

    sessions.add(replace(renewed(call(), claimed("s", held_by(first), "refresh"), new_id), **whose))
    sessions.add(replace(ended(call(), "s", held, LOGGED_OUT, new_id), **whose))

    assert sessions.get("s") == held


@given(st.lists(st.integers(0, 3), max_size=12))
def test_of_records_with_the_same_number_the_first_counts_whatever_is_repeated(order: list[int]) -> None:
    first = begun(call(), "acme", "ada", "s", new_id)
    mine, theirs = (renewed(call(), claimed("s", held_by(first), "refresh"), new_id) for _ in range(2))
    second = renewed(call(), claimed("s", held_by(mine), "refresh"), new_id)
    sessions = Sessions()
    for event in (first, mine, theirs, *([first, mine, theirs, second][index] for index in order)):
        sessions.add(event)

    held = sessions.get("s")
    assert held is not None
    assert held.event_id == (second if 3 in order else mine).event_id


def test_sessions_that_have_run_out_are_forgotten() -> None:
    sessions = Sessions()
    start(sessions, "old")
    for number in range(FORGET_EVERY):
        sessions.add(begun(call(NOW + RENEWAL), "acme", "ada", f"new-{number}", new_id))

    assert sessions.get("old") is None
    assert sessions.get("new-0") is not None


def test_no_session_lives_longer_than_a_month_however_often_it_is_renewed() -> None:
    sessions = Sessions()
    event = start(sessions)
    for day in range(0, 30, 6):
        at = NOW + timedelta(days=day)
        event = renewed(call(at), claimed("s", held_by(event), "refresh"), new_id)
        sessions.add(event)
        assert judged(sessions, claimed("s", held_by(event), "refresh"), at) == ""

    assert judged(sessions, claimed("s", held_by(event), "refresh"), NOW + LIFE) == "session is too old"


def test_a_session_of_an_earlier_epoch_is_worth_nothing_though_it_is_renewed_in_a_later_one() -> None:
    sessions = Sessions()
    later = NOW + timedelta(hours=2)
    again = renewed(call(later), claimed("s", held_by(start(sessions)), "refresh"), new_id)
    sessions.add(again)
    access = claimed("s", held_by(again), "access")

    assert judged(sessions, access, later, epoch=0) == ""
    assert judged(sessions, access, later, epoch=1) == "session is too old"


def test_a_call_with_an_idempotency_key_renews_with_the_same_event_and_no_other_does() -> None:
    sessions = Sessions()
    claims = claimed("s", held_by(start(sessions)), "refresh")

    def event_id(key: str | None) -> str:
        return renewed(replace(call(), idempotency_key=key), claims, new_id).event_id

    assert event_id("a") == event_id("a") != event_id("b")
    assert event_id(None) != event_id(None)
