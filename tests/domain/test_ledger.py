"""The ledger: sums that no repetition and no order changes, what is open, what is in doubt, and what is missing."""

import random

from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import BY, Ledger, Row, compare
from domain.sequences import Gap
from schemas.events import BudgetEntry, EntryKind
from tests.domain.entries import Writer


def folded(entries: list[BudgetEntry]) -> Ledger:
    ledger = Ledger()
    for each in entries:
        ledger.take(each)
    return ledger


def some(count: int = 6) -> list[BudgetEntry]:
    acme, bolt = Writer(), Writer("bolt")
    entries = []
    for number in range(count):
        entries += acme.attempt(f"c{number}", 10 + number, day=number % 2, model=f"m{number % 3}", principal="user/eve")
        entries += bolt.doubt(f"d{number}", 7)
    return [*entries, acme.write(EntryKind.HELD, "open", held_usd_micros=40)]


def test_sums_are_by_tenant_model_workflow_day_and_principal() -> None:
    ledger = folded(some(2))

    assert (ledger.billed_usd_micros, ledger.held_usd_micros, ledger.entries) == (10 + 11 + 14, 40, 9)
    assert ledger.rows("tenant") == [Row("acme", 21, 40, 5), Row("bolt", 14, 0, 4)]
    assert [each.key for each in ledger.rows("model")] == ["m0", "m1", "somebody/m"]
    assert [each.key for each in ledger.rows("day")] == ["2026-05-01", "2026-05-02"]
    assert ledger.rows("principal")[1] == Row("user/eve", 21, 0, 4)
    assert ledger.rows("workflow") == [Row("flow", 35, 40, 9)]


def test_open_holds_and_attempts_in_doubt_are_told() -> None:
    ledger = folded(some(1))

    assert [(each.call_id, each.usd_micros) for each in ledger.open_holds()] == [("open", 40)]
    assert [(each.call_id, each.usd_micros) for each in ledger.in_doubt()] == [("d0", 7)]


def test_an_attempt_is_in_doubt_no_more_when_it_is_adjusted_or_settled_late() -> None:
    writer = Writer()
    entries = [*writer.doubt("a"), *writer.doubt("b"), *writer.doubt("c")]
    entries.append(writer.write(EntryKind.ADJUSTED, "a", hold_id="x", billed_usd_micros=-90))
    entries.append(writer.write(EntryKind.SETTLED, "b", billed_usd_micros=-95))

    ledger = folded(entries)
    assert [each.call_id for each in ledger.in_doubt()] == ["c"]
    assert ledger.billed_usd_micros == 300 - 185


def test_what_is_only_asked_for_changes_nothing() -> None:
    asked = Writer().write(EntryKind.ADJUSTMENT_REQUESTED, "x", sequence=0, amount_usd_micros=9)

    assert folded([asked]).entries == 0


def test_of_one_sequence_the_first_record_counts() -> None:
    writer, zombie = Writer(), Writer()
    ledger = folded([*writer.attempt("c", 10), *zombie.attempt("c", 99)])

    assert (ledger.billed_usd_micros, ledger.repeated) == (10, 2)


def test_gaps_are_told_until_they_are_filled() -> None:
    entries = [*Writer().attempt("a", 1), Writer("bolt").write(EntryKind.HELD, "b", held_usd_micros=1)]
    writer = Writer()
    many = [entry for number in range(4) for entry in writer.attempt(str(number), 1)]

    assert folded(entries).gaps() == []
    assert folded([many[2], many[6]]).gaps() == [Gap("acme", 1, 2), Gap("acme", 4, 6)]
    assert folded([many[2], many[6], many[4], many[0]]).gaps() == [
        Gap("acme", 2, 2),
        Gap("acme", 4, 4),
        Gap("acme", 6, 6),
    ]


@given(st.integers(0, 2**32), st.integers(0, 8))
def test_no_order_and_no_repetition_changes_a_sum(seed: int, count: int) -> None:
    entries = some(count)
    chance = random.Random(seed)
    again = entries + chance.sample(entries, len(entries) // 2)
    chance.shuffle(again)
    ledger, other = folded(entries), folded(again)

    assert all(compare(ledger.rows(by), other.rows(by)) == [] for by in BY)
    assert (other.gaps(), other.repeated) == ([], len(entries) // 2)
    for by in BY:
        assert sum(each.billed_usd_micros for each in ledger.rows(by)) == ledger.billed_usd_micros
        assert sum(each.held_usd_micros for each in ledger.rows(by)) == ledger.held_usd_micros


def test_two_counts_differ_where_a_sum_does_or_is_missing() -> None:
    one, two, three = Row("a", 1, 0, 1), Row("b", 2, 0, 1), Row("b", 3, 0, 1)

    assert compare([one, two], [one, two]) == []
    assert [(each.key, each.ledger, each.other) for each in compare([one, two], [three])] == [
        ("a", one, None),
        ("b", two, three),
    ]
