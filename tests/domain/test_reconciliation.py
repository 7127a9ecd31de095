"""An invoice against the ledger: every line and every attempt has one place, and the sums are those of the sides."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billed import Attempts, Billed
from domain.invoices import BadInvoice, Invoice, invoice
from domain.prices import Usage
from domain.reconciliation import Line, adjustment, reconcile
from tests.domain.entries import Writer

AT = datetime(2026, 5, 1, tzinfo=UTC)
HEADER = "id,model,input_tokens,output_tokens,amount_usd,time"


def billed(hold: str, call: str = "c", **more: Any) -> Billed:
    said = {"tenant_id": "acme", "run_id": "r", "attempt": 1, "model": "openai/m", "provider": "openai"}
    said |= {"occurred_at": AT, "sequence": 1, "usd_micros": 10, "usage": Usage(5, 2)}
    return Billed(**(said | {"hold_id": hold, "call_id": call} | more))


def line(number: int, name: str, **more: Any) -> Line:
    said = {"model": "m", "input_tokens": 5, "output_tokens": 2, "usd_micros": 10, "time": AT}
    return Line(**(said | {"number": number, "id": name} | more))


def read(*rows: str, header: str = HEADER, **columns: str) -> Invoice:
    return invoice([header, *rows], columns)


def test_a_line_that_says_what_the_ledger_says_agrees() -> None:
    found = reconcile([line(2, "h"), line(3, "c2")], [billed("h"), billed("h2", "c2")])

    assert ([each.line.number for each in found.agreed], found.clean) == ([2, 3], True)


def test_a_line_says_in_what_it_differs_and_by_how_much() -> None:
    found = reconcile([line(2, "h", usd_micros=13, output_tokens=3, model="n")], [billed("h")])

    [pair] = found.different
    assert (pair.differs, pair.delta_usd_micros, found.clean) == (["amount", "output_tokens", "model"], 3, False)


def test_a_line_settles_an_attempt_in_doubt() -> None:
    found = reconcile([line(2, "h", usd_micros=4)], [billed("h", in_doubt=True, usage=None)])

    [pair] = found.settles
    assert (pair.delta_usd_micros, pair.differs, found.different) == (-6, ["amount"], [])


def test_a_calls_line_for_another_model_is_for_its_attempt_all_the_same() -> None:
    [pair] = reconcile([line(2, "c", model="n")], [billed("h")]).different

    assert pair.differs == ["model"]


def test_a_line_for_another_model_settles_nothing() -> None:
    found = reconcile([line(2, "h", model="n")], [billed("h", in_doubt=True)])

    assert (found.settles, len(found.different)) == ([], 1)


def test_what_an_invoice_says_of_an_attempt_in_doubt_goes_on_the_ledger_once() -> None:
    [pair] = reconcile([line(7, "h", usd_micros=4)], [billed("h", in_doubt=True, usage=None)]).settles
    asked = adjustment(pair, AT)

    assert (asked.call_id, asked.attempt, asked.amount_usd_micros) == ("c", 1, -6)
    assert asked.reason == "invoice line 7: 10 -> 4 micro-dollars; h"
    writer, attempts = Writer(), Attempts()
    for each in [*writer.doubt("c", 10), asked, asked, writer.decided(asked)]:
        attempts.entry(each)
    [known] = attempts.billed()
    assert (known.usd_micros, known.in_doubt, known.reconciled) == (4, False, True)


def test_a_second_line_for_one_attempt_is_only_on_the_invoice() -> None:
    found = reconcile([line(2, "c"), line(3, "c")], [billed("h")])

    assert ([each.line.number for each in found.agreed], found.only_invoice) == ([2], [line(3, "c")])


def test_of_a_calls_attempts_a_line_takes_the_one_that_agrees_then_the_settled_then_the_one_in_doubt() -> None:
    doubt, settled = billed("h1", in_doubt=True, usd_micros=50, usage=None), billed("h2", sequence=2)

    assert reconcile([line(2, "c")], [doubt, settled]).agreed[0].billed == settled
    assert reconcile([line(2, "c", usd_micros=11)], [doubt, settled]).different[0].billed == settled
    both = reconcile([line(2, "c", usd_micros=11), line(3, "c")], [doubt, settled])
    assert [(each.line.number, each.billed) for each in (*both.agreed, *both.settles)] == [(3, settled), (2, doubt)]


def test_attempts_of_another_time_are_not_missed() -> None:
    early, late = billed("h1", "c1", occurred_at=AT - timedelta(days=1)), billed("h2", "c2")

    after = billed("h3", "c3", occurred_at=AT + timedelta(days=1))
    found = reconcile([], [early, late, after], AT, AT + timedelta(days=1))
    assert (found.only_ledger, found.outside) == ([late], [early, after])
    assert reconcile([line(2, "c1")], [early], AT).clean


NAMES = st.sampled_from(["h1", "h2", "h3", "c1", "c2", "nobody"])
LINES = st.lists(st.tuples(NAMES, st.sampled_from(["m", "n"]), st.integers(0, 2), st.integers(0, 3)), max_size=8).map(
    lambda rows: [
        line(number, name, model=model, input_tokens=tokens, usd_micros=amount)
        for number, (name, model, tokens, amount) in enumerate(rows, 2)
    ]
)
ATTEMPTS = st.lists(
    st.tuples(st.sampled_from(["c1", "c2"]), st.booleans(), st.integers(0, 3), st.integers(-1, 2)), max_size=5
).map(
    lambda rows: [
        billed(f"h{number}", call, in_doubt=doubt, usd_micros=amount, occurred_at=AT + timedelta(days=day))
        for number, (call, doubt, amount, day) in enumerate(rows)
    ]
)


@given(LINES, ATTEMPTS)
def test_every_line_and_every_attempt_has_one_place_and_the_sums_are_those_of_the_sides(
    lines: list[Line], attempts: list[Billed]
) -> None:
    found = reconcile(lines, attempts, AT, AT + timedelta(days=1))
    pairs = [*found.agreed, *found.different, *found.settles]

    assert sorted([each.line.number for each in pairs] + [each.number for each in found.only_invoice]) == [
        each.number for each in lines
    ]
    assert Counter(
        [each.billed.hold_id for each in pairs] + [each.hold_id for each in (*found.only_ledger, *found.outside)]
    ) == Counter(each.hold_id for each in attempts)
    assert found.invoice_usd_micros == sum(each.usd_micros for each in lines)
    inside = sum(each.usd_micros for each in attempts) - sum(each.usd_micros for each in found.outside)
    assert found.ledger_usd_micros == inside
    assert found.invoice_usd_micros - found.ledger_usd_micros == (
        sum(each.delta_usd_micros for each in pairs)
        + sum(each.usd_micros for each in found.only_invoice)
        - sum(each.usd_micros for each in found.only_ledger)
    )
    assert all(each.line.id in (each.billed.hold_id, each.billed.call_id) for each in pairs)


def test_amounts_are_read_exactly_and_each_is_rounded_up_to_a_micro_dollar() -> None:
    found = read(
        "a,m,1,2,0.0000001,2026-05-01", "b,m,1,2,12.34,2026-05-01T10:00:00+02:00", "", "c,m,1,2,999999999999,2026-05-01"
    )

    assert [each.usd_micros for each in found.lines] == [1, 12_340_000, 999_999_999_999_000_000]
    assert found.exact_usd == "1000000000011.3400001"
    assert [each.number for each in found.lines] == [2, 3, 5]
    assert found.lines[1].time == datetime(2026, 5, 1, 8, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 10**12 - 1), st.text("0123456789", max_size=18)), max_size=5))
def test_an_invoices_sum_is_that_of_its_amounts_to_the_last_digit(amounts: list[tuple[int, str]]) -> None:
    found = read(*(f"a,m,1,2,{whole}{'.' if rest else ''}{rest},2026-05-01" for whole, rest in amounts))

    exact = sum(whole * 10**18 + int(rest.ljust(18, "0")) for whole, rest in amounts)
    whole, _, rest = found.exact_usd.partition(".")
    assert int(whole) * 10**18 + int(rest.ljust(18, "0")) == exact
    assert 0 <= sum(each.usd_micros for each in found.lines) * 10**12 - exact < max(1, len(amounts)) * 10**12


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a,m,1,2,1e3,2026-05-01", "amount_usd '1e3' is no amount"),
        ("a,m,1,2,-1,2026-05-01", "amount_usd '-1' is no amount"),
        ("a,m,1,2,NaN,2026-05-01", "amount_usd 'NaN' is no amount"),
        ("a,m,1,2,\u0663,2026-05-01", "is no amount"),
        ("a,m,x,2,1,2026-05-01", "input_tokens 'x' is no whole number"),
        ("a,m,1,2,1,yesterday", "time 'yesterday' is not one"),
        (",m,1,2,1,2026-05-01", "id has 0 characters"),
        ("a,m,1", "3 fields, fewer than the first line has"),
        ('"a,m,1,2,1,2026-05-01', "unexpected end of data"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_takes_no_other_with_it(row: str, says: str) -> None:
    found = read("a,m,1,2,1,2026-05-01", row, "b,m,1,2,1,2026-05-01")

    assert [each.id for each in found.lines] == ["a", "b"]
    [bad] = found.bad
    assert bad.number == 3
    assert says in bad.reason


def test_columns_may_have_other_names_and_there_may_be_more() -> None:
    header = "when,request,model,input_tokens,output_tokens,amount_usd,who"
    found = read("2026-05-01,a,m,1,2,3,me", header=header, id="request", time="when")

    assert (found.lines[0].id, found.lines[0].usd_micros) == ("a", 3_000_000)


@pytest.mark.parametrize(
    ("header", "columns", "says"),
    [
        ("", {}, "line 1: no column 'id' in nothing"),
        (f"{HEADER},id", {}, "line 1: two columns 'id'"),
        (HEADER, {"id": "request"}, "no column 'request'"),
        (HEADER, {"colour": "red"}, "no column is called colour here"),
    ],
)
def test_an_invoice_whose_columns_are_not_there_is_refused(header: str, columns: dict[str, str], says: str) -> None:
    with pytest.raises(BadInvoice, match=says):
        read(header=header, **columns)
