"""Pricing the past again: the ledger ends at what is known now, once, and what nobody knows is left out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billed import Attempts, Billed
from domain.definitions import Definitions
from domain.models import Model
from domain.price_book import UnknownPrice, known, named
from domain.prices import Usage, cost
from domain.restatement import BadRestatement, Restatement, Tariffs, adjustment, restate, restated, standing
from schemas.events import BudgetEntry, EntryKind
from tests.domain.entries import MAY, Writer, answered
from tests.domain.events import definition

NOW = MAY + timedelta(days=30)
MODEL = Model(id="somebody/m", provider="somebody", input_usd_micros_per_million=1_000_000)


def book(*prices: tuple[int, int]) -> dict[str, Any]:
    """Returns a book: from which day on, and what an input token costs in micro-dollars."""
    return {
        "id": "default",
        "prices": [
            {
                "model": "somebody/m",
                "valid_from": MAY + timedelta(days=day),
                "input_usd_micros_per_million": price * 1_000_000,
                "output_usd_micros_per_million": 0,
            }
            for day, price in prices
        ],
    }


def books(*bodies: dict[str, Any]) -> Definitions:
    """Returns the platform's book in these versions."""
    found, last = Definitions(), None
    for body in bodies:
        last = definition("prices", body, last)
        found.add(last)
    return found


def tariffs(definitions: Definitions) -> Tariffs:
    def now(tenant_id: str) -> Any:
        return known(definitions, tenant_id)

    return Tariffs(now, lambda digest: named(definitions, digest), lambda _: MODEL)


def digest(definitions: Definitions) -> str:
    return known(definitions, "acme").digest


class Log:
    """The log of one tenant, as far as money goes."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.attempts = Attempts()
        self.total = 0

    def take(self, *entries: BudgetEntry) -> None:
        for each in entries:
            self.attempts.entry(each)
            self.total += each.billed_usd_micros

    def spent(self, name: str, tokens: int, price: int, book: str | None, day: int = 0) -> None:
        self.take(*self.writer.attempt(name, tokens * price, day=day, prices_digest=book))
        self.attempts.call(answered(name, tokens, 0))

    def restate(self, definitions: Definitions, first: int = 0, last: int = 100) -> Restatement:
        """Restates the days [first, last) and puts it on the log."""
        found = restate(
            self.attempts.billed(),
            self.earlier(),
            MAY + timedelta(days=first),
            MAY + timedelta(days=last),
            self.attempts.through,
            tariffs(definitions),
        )
        for each in found.deltas:
            asked = adjustment(each, NOW)
            self.take(asked, self.writer.decided(asked))
        return found

    def earlier(self) -> list[Any]:
        return [found for each in self.attempts.adjustments if (found := restated(each)) is not None]

    def standing(self, definitions: Definitions) -> list[Billed]:
        return standing(self.attempts.billed(), self.earlier(), tariffs(definitions))


def test_what_was_priced_by_an_older_version_is_priced_as_known_now() -> None:
    before, definitions = digest(books(book((0, 3)))), books(book((0, 3)), book((0, 2), (5, 7)))
    log = Log()
    log.spent("a", 10, 3, before)
    log.spent("b", 10, 3, before, day=6)

    [delta] = log.restate(definitions).deltas
    assert (delta.attempts, delta.old_usd_micros, delta.new_usd_micros, delta.usd_micros) == (2, 60, 20 + 70, 30)
    assert (delta.old_digests, delta.books, log.total) == ([before], digest(definitions), 90)


def test_the_same_again_gives_nothing() -> None:
    definitions = books(book((0, 2)))
    log = Log()
    log.spent("a", 10, 1, None)

    assert [each.usd_micros for each in log.restate(definitions).deltas] == [10]
    again = log.restate(definitions)
    assert (again.deltas, again.unchanged, log.total) == ([], 1, 20)


def test_before_it_is_decided_the_same_again_gives_nothing_either() -> None:
    definitions = books(book((0, 2)))
    log = Log()
    log.spent("a", 10, 1, None)
    first = log.restate(definitions).deltas[0]
    waiting = Log()
    waiting.spent("a", 10, 1, None)
    waiting.take(adjustment(first, NOW))

    assert waiting.restate(definitions).deltas == []


def test_two_who_restate_at_the_same_moment_make_the_same_id() -> None:
    ids = []
    for first, last in ((0, 50), (-1, 100)):
        log = Log()
        log.spent("a", 10, 1, None)
        ids.append(log.restate(books(book((0, 2))), first, last).deltas[0].id)

    assert ids[0] == ids[1]


def test_what_was_settled_since_is_restated_by_the_next() -> None:
    definitions = books(book((0, 2)))
    log = Log()
    log.spent("a", 10, 1, None)
    log.restate(definitions)
    log.spent("late", 5, 1, None)

    assert [(each.attempts, each.usd_micros, each.number) for each in log.restate(definitions).deltas] == [(1, 5, 1)]
    assert log.total == 30


def test_attempts_outside_the_range_stay_as_they_are() -> None:
    log = Log()
    log.spent("a", 10, 1, None, day=1)
    log.spent("b", 10, 1, None, day=2)

    assert log.restate(books(book((0, 2))), 2, 3).deltas[0].attempts == 1
    assert log.total == 30


def test_what_evens_out_puts_nothing_on_the_ledger() -> None:
    log = Log()
    log.spent("a", 10, 2, None)
    log.spent("b", 10, 2, None, day=1)

    found = log.restate(books(book((0, 1), (1, 3))))
    assert (found.deltas, found.unchanged, log.total) == ([], 2, 40)


def test_an_attempt_is_of_the_moment_at_which_its_hold_was_asked_for() -> None:
    log = Log()
    log.spent("a", 10, 1, None)  # settled two seconds later
    found = restate(
        log.attempts.billed(),
        [],
        MAY,
        MAY + timedelta(seconds=1),
        log.attempts.through,
        tariffs(books(book((0, 2)))),
    )

    assert found.deltas[0].attempts == 1


def test_what_an_attempt_costs_is_the_sum_of_all_that_was_billed_and_adjusted_for_it() -> None:
    log = Log()
    asked = {"sequence": 0, "amount_usd_micros": -1}
    log.take(*log.writer.doubt("a"), log.writer.write(EntryKind.SETTLED, "a", billed_usd_micros=-90))
    for name in ("x", "y"):
        log.take(log.writer.write(EntryKind.ADJUSTMENT_REQUESTED, "a", event_id=name, hold_id=name, **asked))

    [billed] = log.attempts.billed()
    assert (billed.usd_micros, billed.in_doubt) == (100 - 90 - 2, False)


def test_what_nobody_knows_and_what_an_invoice_said_is_left_out_and_counted() -> None:
    log = Log()
    log.take(*log.writer.doubt("a"), *log.writer.doubt("b"))
    log.take(log.writer.write(EntryKind.ADJUSTMENT_REQUESTED, "b", sequence=0, hold_id="x", amount_usd_micros=-40))
    log.writer.sequence -= 1
    log.take(*log.writer.attempt("c", 10))  # its outcome is not on the log

    found = log.restate(books(book((0, 2))))
    assert (found.deltas, found.in_doubt, found.reconciled, found.without_usage) == ([], 1, 1, 1)


def test_a_model_that_has_no_price_any_more_is_refused() -> None:
    log = Log()
    log.spent("a", 10, 1, "gone")
    free = Tariffs(
        lambda tenant: known(Definitions(), tenant),
        lambda _: known(Definitions(), ""),
        lambda _: Model(id="x", provider="y"),
    )

    with pytest.raises(UnknownPrice):
        restate(log.attempts.billed(), [], MAY, NOW, log.attempts.through, free)


def test_the_evidence_is_read_again_as_it_was_written() -> None:
    log = Log()
    log.spent("a", 10, 1, None)
    asked = adjustment(log.restate(books(book((0, 2))), 0, 7).deltas[0], NOW)

    assert asked.reason.startswith(
        "restated 2026-05-01T00:00:00+00:00..2026-05-08T00:00:00+00:00 through 2: 1 attempts, 10 -> 20"
    )
    found = restated(asked)
    assert found is not None
    assert (found.begin, found.through, found.books) == (MAY, 2, asked.prices_digest)
    assert restated(log.writer.write(EntryKind.ADJUSTMENT_REQUESTED, "x", reason="restated")) is None
    with pytest.raises(BadRestatement, match="says no range"):
        restated(log.writer.write(EntryKind.ADJUSTMENT_REQUESTED, "x", reason="restated then..now through 2: all"))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.integers(1, 50), st.integers(0, 9)),
        st.tuples(st.just("restate"), st.integers(0, 5), st.integers(5, 12)),
        st.tuples(st.just("price"), st.integers(0, 5), st.integers(0, 9)),
    ),
    max_size=14,
)


@given(STEPS)
def test_however_often_and_for_whatever_range_it_is_done_the_ledger_is_the_sum_of_its_attempts(
    steps: list[tuple[str, int, int]],
) -> None:
    log, bodies, prices = Log(), [book((0, 1))], [(0, 1)]
    for number, (what, one, two) in enumerate(steps):
        definitions = books(*bodies)
        if what == "spend":
            price = known(definitions, "acme").quote(MODEL, MAY + timedelta(days=two))
            amount = cost(price.price, Usage(one, 0))
            log.take(*log.writer.attempt(f"c{number}", amount, day=two, prices_digest=price.digest))
            log.attempts.call(answered(f"c{number}", one, 0))
        elif what == "restate":
            log.restate(definitions, one, two)
            assert log.restate(definitions, one, two).deltas == []
        else:
            prices = [*((day, price) for day, price in prices if day != one), (one, two)]
            bodies.append({**book(*prices), "title": str(number)})
        assert sum(each.usd_micros for each in log.standing(definitions)) == log.total
    definitions = books(*bodies)
    log.restate(definitions)
    exact: Callable[[Billed], int] = lambda each: cost(  # noqa: E731
        known(definitions, "acme").quote(MODEL, each.occurred_at).price, each.usage or Usage()
    )
    assert log.total == sum(exact(each) for each in log.attempts.billed())
