"""Codes of second factors: right for a short while, each good once, and after some wrong ones none is."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pyotp import TOTP

from domain import factors
from domain.doors import Call
from domain.factors import STEP_S, WRONG, WRONG_MAX, Codes, Verdict, digest, number_of, tried, uri
from domain.lockout import WINDOW
from domain.sessions import Sessions
from schemas.events import Session

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
RECOVERY = [f"{number:020x}" for number in range(3)]
NOW = datetime(2026, 11, 22, 8, 0, 7, tzinfo=UTC)
STEP = int(NOW.timestamp()) // STEP_S
NUMBERS = count()


def shown(number: int, at: datetime = NOW, factor: str = "f") -> Session:
    call = Call(id=f"call-{next(NUMBERS)}", at=at, route="POST /auth/login")
    return tried(call, "acme", "ada", factor, number, lambda: f"id-{next(NUMBERS)}")


def judged(codes: Codes, event: Session) -> Verdict | None:
    codes.add(event)
    return codes.judged(event.event_id)


def number(code: str, now: datetime = NOW) -> int:
    return number_of(code, SECRET, [digest(each) for each in RECOVERY], now)


@pytest.mark.parametrize("steps", range(-3, 4))
def test_a_code_is_right_in_its_step_and_in_the_ones_beside_it(steps: int) -> None:
    code = TOTP(SECRET).generate_otp(STEP + steps)

    assert number(code) == (STEP + steps if abs(steps) <= 1 else WRONG)


def test_a_recovery_code_is_right_however_it_is_written_and_known_by_its_place() -> None:
    assert [number(each) for each in RECOVERY] == [-1, -2, -3]
    assert number(" " + RECOVERY[1].upper()[:10] + "-" + RECOVERY[1][10:]) == -2


@given(st.text(max_size=64))
def test_no_other_text_is_a_code(text: str) -> None:
    right = {TOTP(SECRET).generate_otp(STEP + steps) for steps in (-1, 0, 1)} | set(RECOVERY)

    assert (number(text) != WRONG) == (factors.plain(text) in right)


def test_a_code_counts_once_and_none_that_is_older_than_the_newest_used_one() -> None:
    codes = Codes()

    assert judged(codes, shown(STEP)) is Verdict.GOOD
    assert judged(codes, shown(STEP)) is Verdict.WRONG
    assert judged(codes, shown(STEP - 1)) is Verdict.WRONG
    assert judged(codes, shown(STEP + 1)) is Verdict.GOOD
    assert judged(codes, shown(STEP, factor="another")) is Verdict.GOOD


def test_after_five_wrong_codes_none_is_good_until_the_first_is_long_ago() -> None:
    codes = Codes()
    for second in range(WRONG_MAX):
        assert judged(codes, shown(WRONG, NOW + timedelta(seconds=second))) is Verdict.WRONG

    assert codes.wait_s("f", NOW) == WINDOW.total_seconds()
    assert judged(codes, shown(STEP + 1)) is Verdict.LOCKED
    assert judged(codes, shown(-1)) is Verdict.LOCKED
    assert judged(codes, shown(STEP, factor="another")) is Verdict.GOOD
    assert judged(codes, shown(STEP + 30, NOW + WINDOW)) is Verdict.GOOD
    assert judged(codes, shown(-1, NOW + WINDOW)) is Verdict.GOOD  # nothing was used up meanwhile


ATTEMPTS = st.lists(st.tuples(st.integers(-factors.RECOVERY_CODES, 6), st.integers(0, 40), st.booleans()), max_size=60)


@given(ATTEMPTS)
def test_whatever_is_shown_each_code_is_good_once_and_few_wrong_ones_are_looked_at(
    attempts: list[tuple[int, int, bool]],
) -> None:
    """Attempts are codes, minutes since the one before, and whether the record is delivered twice."""
    codes, at, good, wrong = Codes(), NOW, [], []
    for code, minutes, twice in attempts:
        at += timedelta(minutes=minutes)
        event = shown(code, at)
        verdict = judged(codes, event)
        if twice:
            assert judged(codes, event) is verdict
        if verdict is Verdict.GOOD:
            good.append(code)
        elif verdict is Verdict.WRONG:
            wrong.append(at)

    assert WRONG not in good
    assert len(good) == len(set(good))
    assert [each for each in good if each > 0] == sorted(each for each in good if each > 0)
    for end in wrong:
        assert len([each for each in wrong if end - WINDOW < each <= end]) <= WRONG_MAX


@given(ATTEMPTS)
def test_whoever_reads_the_log_comes_to_the_same(attempts: list[tuple[int, int, bool]]) -> None:
    events = [shown(code, NOW + timedelta(minutes=minutes)) for code, minutes, _ in attempts]
    one, another = Sessions(), Sessions()
    for event in events:
        one.add(event)
    for event in [*events[: len(events) // 2], *events]:
        another.add(event)

    for event in events:
        assert one.codes.judged(event.event_id) is another.codes.judged(event.event_id)
    assert one.codes.wait_s("f", NOW) == another.codes.wait_s("f", NOW)


def test_what_became_of_records_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factors, "JUDGED_MAX", 2)
    codes = Codes()
    events = [shown(STEP + later) for later in range(3)]
    for event in events:
        codes.add(event)

    assert [codes.judged(event.event_id) for event in events] == [None, Verdict.GOOD, Verdict.GOOD]
    assert judged(codes, replace(events[0], event_id="again")) is Verdict.WRONG


def test_an_application_for_codes_is_told_who_and_whose() -> None:
    assert uri(SECRET, "acme", "ada") == f"otpauth://totp/Auterity:ada%40acme?secret={SECRET}&issuer=Auterity"
