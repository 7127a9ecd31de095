"""What AI calls may cost: held before, billed after, and never more than there is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.accounts import Accounts
from domain.admissions import Admissions
from domain.book import Book
from domain.decider import step
from domain.definitions import Definitions, define
from schemas.events import BudgetEntry, BudgetLevel, CallStatus, EntryKind

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAP = 1000
LEASE = timedelta(seconds=60)


def definitions(*budgets: dict[str, Any]) -> Definitions:
    body = {"id": "default", "budgets": list(budgets)}
    said = define("acme", "budgets", body, None, AT)
    assert said is not None
    return Definitions([said])


CAPPED = definitions({"id": "all", "limit_usd_micros": CAP, "period": "total", "downgrade_percent": 100})


def asked(kind: EntryKind, hold: str, amount: int = 0, at: datetime = AT, **more: Any) -> BudgetEntry:
    said: dict[str, Any] = {
        "event_id": f"{kind}:{hold}:{more.pop('again', '')}",
        "tenant_id": "acme",
        "correlation_id": "c",
        "occurred_at": at,
        "kind": kind,
        "hold_id": hold,
        "call_id": f"call-{hold}",
        "run_id": f"run-{hold}",
        "workflow": "triage",
        "attempt": 1,
        "amount_usd_micros": amount,
        "lease_until": at + LEASE if kind is EntryKind.HOLD_REQUESTED else None,
    }
    return BudgetEntry(**(said | more))


def hold(name: str, amount: int = 100, at: datetime = AT, **more: Any) -> BudgetEntry:
    return asked(EntryKind.HOLD_REQUESTED, name, amount, at, **more)


def settle(name: str, amount: int, at: datetime = AT, **more: Any) -> BudgetEntry:
    return asked(EntryKind.SETTLE_REQUESTED, name, amount, at, **more)


def run(said: Sequence[BudgetEntry], known: Definitions = CAPPED) -> tuple[list[BudgetEntry], Book]:
    """Returns what was decided, and the book after it."""
    decided: list[Any] = []
    state = None
    for each in said:
        more, state = step(Accounts(), state, each, known)
        decided += more
    return decided, state or Book()


def kinds(decided: Sequence[BudgetEntry]) -> list[EntryKind]:
    return [each.kind for each in decided]


def test_of_as_many_holds_as_there_is_money_for_twice_half_are_accepted() -> None:
    decided, book = run([hold(str(number)) for number in range(20)])

    assert kinds(decided) == [EntryKind.HELD] * 10 + [EntryKind.REFUSED] * 10
    assert decided[-1].level is BudgetLevel.STOP
    assert "budget all of acme (total): 1000 of 1000 micro-dollars are used" in decided[-1].reason
    assert [each.sequence for each in decided] == list(range(1, 21))
    assert sum(each.amount for each in book.holds.values()) == CAP


def test_a_settled_hold_gives_back_what_the_call_did_not_cost() -> None:
    decided, book = run([hold("a", 900), settle("a", 300), hold("b", 700), hold("c", 1)])

    assert kinds(decided) == [EntryKind.HELD, EntryKind.SETTLED, EntryKind.HELD, EntryKind.REFUSED]
    assert (decided[1].held_usd_micros, decided[1].billed_usd_micros) == (-900, 300)
    assert decided[2].balances[0].billed_usd_micros == 300
    assert list(book.holds) == ["b"]


def test_a_released_hold_costs_nothing() -> None:
    decided, _ = run([hold("a", 900), asked(EntryKind.RELEASE_REQUESTED, "a"), hold("b", 900)])
    assert kinds(decided) == [EntryKind.HELD, EntryKind.RELEASED, EntryKind.HELD]
    assert decided[1].billed_usd_micros == 0


def test_an_attempt_in_doubt_is_billed_whole_until_somebody_knows_better() -> None:
    decided, book = run([hold("a", 900), settle("a", 0, in_doubt=True), settle("a", 400, again="later")])
    assert [each.billed_usd_micros for each in decided] == [0, 900, -500]
    assert decided[1].in_doubt
    assert (book.holds, book.doubts) == ({}, {})
    assert next(iter(book.shares.values())).billed == 400


def test_a_hold_ends_with_its_lease_and_is_billed_whole() -> None:
    late = AT + LEASE
    decided, book = run([hold("a", 900), asked(EntryKind.EXPIRY_REQUESTED, "", at=late), settle("a", 500, late)])
    assert kinds(decided) == [EntryKind.HELD, EntryKind.EXPIRED, EntryKind.ADJUSTED]
    assert decided[1].run_id == "run-a"
    assert [each.billed_usd_micros for each in decided] == [0, 900, -400]
    assert book.holds == {}


def test_whatever_is_asked_for_ends_the_leases_that_are_over() -> None:
    decided, _ = run([hold("a", 400), hold("b", 400, AT + 2 * LEASE)])
    assert kinds(decided) == [EntryKind.HELD, EntryKind.EXPIRED, EntryKind.HELD]


def test_a_hold_that_comes_when_its_lease_is_over_is_refused() -> None:
    decided, _ = run([hold("a", at=AT + 2 * LEASE), hold("b")])
    assert kinds(decided) == [EntryKind.HELD, EntryKind.REFUSED]
    assert decided[1].reason == "it comes when its lease is over"


def test_what_is_asked_for_again_changes_nothing() -> None:
    said = [hold("a"), settle("a", 50), asked(EntryKind.ADJUSTMENT_REQUESTED, "", 7)]
    once, book = run(said)
    again, after = run([said[0], said[0], said[1], said[1], said[2], said[2]])
    assert again == once
    assert after == book
    assert sum(each.billed_usd_micros for each in once) == 57


def test_a_refused_hold_that_is_asked_for_again_when_there_is_money_stays_refused() -> None:
    """Its call was told so: what was held now nobody would spend or give back."""
    refused = hold("b", 200)
    decided, book = run([hold("a", 900), refused, settle("a", 100), refused])
    assert kinds(decided) == [EntryKind.HELD, EntryKind.REFUSED, EntryKind.SETTLED]
    assert book.holds == {}


def test_near_the_limit_only_cheaper_models_are_paid() -> None:
    known = definitions({"id": "all", "limit_usd_micros": CAP, "warn_percent": 50, "downgrade_percent": 90})
    decided, _ = run(
        [hold("a", 400), hold("b", 200), hold("c", 350), hold("d", 350, level=BudgetLevel.DOWNGRADE), hold("e", 80)],
        known,
    )
    assert [each.level for each in decided] == [
        BudgetLevel.WITHIN,
        BudgetLevel.WARN,
        BudgetLevel.DOWNGRADE,
        BudgetLevel.DOWNGRADE,
        BudgetLevel.DOWNGRADE,
    ]
    assert kinds(decided) == [EntryKind.HELD, EntryKind.HELD, EntryKind.REFUSED, EntryKind.HELD, EntryKind.REFUSED]


@pytest.mark.parametrize(
    ("scope", "same", "other"),
    [
        ("run", {"run_id": "r1"}, {"run_id": "r2"}),
        ("workflow", {"workflow": "w1"}, {"workflow": "w2"}),
        ("principal", {"principal": "user/ada"}, {"principal": "user/bob"}),
    ],
)
def test_each_member_has_its_own_budget_and_all_budgets_need_room(
    scope: str, same: dict[str, str], other: dict[str, str]
) -> None:
    known = definitions(
        {"id": "each", "scope": scope, "limit_usd_micros": 100, "downgrade_percent": 100},
        {"id": "all", "limit_usd_micros": 250, "downgrade_percent": 100},
    )
    said = [hold("a", **same), hold("b", **same), hold("c", **other), hold("d", **{**same, next(iter(same)): "third"})]
    decided, _ = run(said, known)
    assert kinds(decided) == [EntryKind.HELD, EntryKind.REFUSED, EntryKind.HELD, EntryKind.REFUSED]
    assert "budget each" in decided[1].reason
    assert "budget all" in decided[3].reason


def test_a_day_begins_anew() -> None:
    known = definitions({"id": "daily", "period": "day", "limit_usd_micros": 100, "downgrade_percent": 100})
    tomorrow = AT + timedelta(days=1)
    decided, _ = run([hold("a"), settle("a", 100), hold("b"), hold("c", at=tomorrow)], known)
    assert kinds(decided) == [EntryKind.HELD, EntryKind.SETTLED, EntryKind.REFUSED, EntryKind.HELD]


def test_without_budgets_everything_is_paid() -> None:
    decided, _ = run([hold("a", 10**12)], Definitions())
    assert (kinds(decided), decided[0].level) == ([EntryKind.HELD], BudgetLevel.WITHIN)


def test_who_writes_after_being_replaced_admits_nothing() -> None:
    """The same sequences again, by a writer that held another opinion: the first record with each counts."""
    decided, _ = run([hold(str(number)) for number in range(12)])
    woken = [msgspec.structs.replace(each, kind=EntryKind.HELD, event_id=f"woken-{each.sequence}") for each in decided]
    state: Any = None
    admitted = []
    for each in [*decided, *woken]:
        more, state = step(Admissions(), state, each, Definitions())
        admitted += [call for call in more if getattr(call, "status", None) is CallStatus.ADMITTED]
    assert len(admitted) == 10


def story(random: Random) -> list[BudgetEntry]:
    """Everything that may happen, in any order, some of it twice."""
    said: list[BudgetEntry] = []
    moment = AT
    for number in range(random.randrange(1, 40)):
        moment += timedelta(seconds=random.randrange(20))
        name = str(random.randrange(12))
        kind = random.choice(["hold"] * 3 + ["settle", "release", "expire", "doubt", "adjust", "again"])
        if kind == "hold":
            said.append(hold(name, random.randrange(400), moment, again=number, run_id=f"run-{random.randrange(3)}"))
        elif kind == "settle":
            said.append(settle(name, random.randrange(400), moment, again=number))
        elif kind == "doubt":
            said.append(settle(name, 0, moment, again=number, in_doubt=True))
        elif kind == "release":
            said.append(asked(EntryKind.RELEASE_REQUESTED, name, at=moment, again=number))
        elif kind == "expire":
            said.append(asked(EntryKind.EXPIRY_REQUESTED, "", at=moment, again=number))
        elif kind == "adjust":
            said.append(asked(EntryKind.ADJUSTMENT_REQUESTED, "", random.randrange(-50, 50), moment, again=number))
        elif said:
            said.append(random.choice(said))
    return said


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_the_book_is_always_the_sum_of_the_entries_and_holds_never_pass_the_limit(seed: int) -> None:
    said = story(Random(seed))
    decided, book = run(said)

    assert [each.sequence for each in decided] == list(range(1, len(decided) + 1))
    assert sum(each.held_usd_micros for each in decided) == sum(each.amount for each in book.holds.values())
    pot = sum(each.held for each in book.shares.values())
    assert pot == sum(each.amount for each in book.holds.values())
    for each in decided:
        if each.kind is EntryKind.HELD and each.amount_usd_micros:
            (balance,) = each.balances
            assert balance.held_usd_micros + balance.billed_usd_micros <= CAP
    newest = max((each.occurred_at for each in said), default=AT)
    expired, after = run([*said, asked(EntryKind.EXPIRY_REQUESTED, "", at=newest + LEASE)])
    assert after.holds == {}
    assert expired[: len(decided)] == decided
