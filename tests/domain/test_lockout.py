"""Who guesses has to wait."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import lockout
from domain.lockout import WINDOW, Lockout

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_after_some_failures_all_has_to_wait_until_the_first_is_long_ago() -> None:
    known = Lockout(3)
    for second in range(3):
        assert known.wait_s("ada", NOW + second * SECOND) == 0
        known.failed("ada", NOW + second * SECOND)

    assert known.wait_s("ada", NOW + 10 * SECOND) == 890
    assert known.wait_s("ada", NOW + WINDOW - SECOND / 2) == 1
    assert known.wait_s("ada", NOW + WINDOW) == 0
    assert known.wait_s("bob", NOW) == 0


def test_failures_far_from_each_other_lock_nobody_out() -> None:
    known = Lockout(3)
    for number in range(10):
        known.failed("ada", NOW + number * WINDOW)
        assert known.wait_s("ada", NOW + number * WINDOW) == 0


def test_who_gets_it_right_begins_anew() -> None:
    known = Lockout(2)
    known.failed("ada", NOW)
    known.passed("ada")
    known.failed("ada", NOW)

    assert known.wait_s("ada", NOW) == 0


def test_a_failure_can_be_taken_back() -> None:
    known = Lockout(2)
    for _ in range(2):
        known.failed("ada", NOW)
    known.undone("ada")
    known.undone("nobody")

    assert known.wait_s("ada", NOW) == 0
    known.failed("ada", NOW)
    assert known.wait_s("ada", NOW) > 0


def test_only_so_many_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "NAMES_MAX", 2)
    known = Lockout(1)
    for name in ("a", "b", "a", "c"):
        known.failed(name, NOW)

    assert [known.wait_s(name, NOW) > 0 for name in "abc"] == [True, False, True]
