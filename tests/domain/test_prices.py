"""The price book: which price holds at which moment as known at which time, and what a usage costs at most."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.definitions import BadDefinition, Definitions, canonical, parse
from domain.identity import PLATFORM
from domain.price_book import UnknownPrice, known, named, quote
from domain.prices import MILLION, Price, Prices, Usage, cost, hold
from tests.domain.events import definition, digest_of

MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
MODELS = {
    "id": "default",
    "default": "local",
    "models": [
        {"id": "local", "provider": "local", "input_usd_micros_per_million": 5},
        {"id": "small", "provider": "somebody", "input_usd_micros_per_million": 7},
        {"id": "large", "provider": "somebody"},
    ],
}
PINNED = digest_of(MODELS)


def entry(model: str, since: datetime, given_: int, taken: int = 0, **more: Any) -> dict[str, Any]:
    said = {"input_usd_micros_per_million": given_, "output_usd_micros_per_million": taken}
    return {"model": model, "valid_from": since, **said, **more}


def book(*entries: dict[str, Any], name: str = "default") -> dict[str, Any]:
    return {"id": name, "prices": list(entries)}


def priced(definitions: Definitions, model: str, moment: datetime, tenant: str = "acme") -> int:
    return quote(definitions, tenant, PINNED, model, moment).price.input_usd_micros_per_million


def test_the_price_of_a_moment_is_the_newest_that_holds_then() -> None:
    definitions = Definitions(
        [definition("models", MODELS), definition("prices", book(entry("small", JUNE, 20), entry("small", MAY, 10)))]
    )

    assert priced(definitions, "small", JUNE - timedelta(microseconds=1)) == 10
    assert priced(definitions, "small", JUNE) == 20


def test_before_its_first_price_and_without_one_a_model_costs_what_the_models_say() -> None:
    definitions = Definitions([definition("models", MODELS), definition("prices", book(entry("small", MAY, 10)))])

    found = quote(definitions, "acme", PINNED, "small", MAY - timedelta(days=1))
    assert (found.price.input_usd_micros_per_million, found.digest) == (7, None)


def test_a_model_that_nobody_says_a_price_of_is_refused_rather_than_free() -> None:
    definitions = Definitions([definition("models", MODELS), definition("prices", book(entry("large", JUNE, 1)))])

    with pytest.raises(UnknownPrice, match="no price of large is known for 2026-05-01"):
        priced(definitions, "large", MAY)


def test_a_model_is_free_when_a_book_says_so() -> None:
    definitions = Definitions([definition("models", MODELS), definition("prices", book(entry("large", MAY, 0)))])

    assert priced(definitions, "large", JUNE) == 0


def test_the_local_model_costs_nothing_whatever_anybody_says() -> None:
    definitions = Definitions([definition("models", MODELS), definition("prices", book(entry("local", MAY, 10)))])

    assert priced(definitions, "local", JUNE) == 0


def test_a_tenants_own_price_comes_before_the_platforms_and_is_nobody_elses() -> None:
    own = definition("prices", book(entry("small", JUNE, 3)), tenant="acme")
    definitions = Definitions(
        [
            definition("models", MODELS),
            definition("prices", book(entry("small", MAY, 10), entry("large", MAY, 30))),
            own,
        ]
    )

    assert [priced(definitions, "small", JUNE, tenant) for tenant in ("acme", "bolt", PLATFORM)] == [3, 10, 10]
    assert priced(definitions, "small", MAY) == 10  # the own one does not hold yet
    assert quote(definitions, "acme", PINNED, "small", JUNE).digest == own.digest


def test_what_was_known_then_is_the_version_appended_until_then() -> None:
    first = definition("prices", book(entry("small", MAY, 10)))
    second = definition("prices", book(entry("small", MAY, 9)), first)
    definitions = Definitions([definition("models", MODELS)])
    definitions.add(first, 1000)
    definitions.add(second, 2000)

    assert [priced(definitions.at(known_ms), "small", JUNE) for known_ms in (999, 1999, 2000)] == [7, 10, 9]
    assert definitions.at(1999).appended(PLATFORM, "prices", "default") == [(1000, first)]
    assert definitions.appended(PLATFORM, "prices", "default") == [(1000, first), (2000, second)]


def test_the_digests_of_books_name_the_same_books() -> None:
    platform = definition("prices", book(entry("small", MAY, 10)))
    definitions = Definitions([platform, definition("prices", book(entry("small", MAY, 3)), tenant="acme")])

    found = known(definitions, "acme")
    assert named(definitions, found.digest) == found
    assert known(definitions, "bolt").digest == platform.digest
    assert named(definitions, "").pinned == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (book(entry("m", MAY, 1), entry("m", MAY, 2)), "model m has two prices from 2026-05-01T00:00:00.00:00 on"),
        (book(entry("m", MAY, -1)), r"`int` >= 0"),
        (book(entry("m", MAY, 10**12 + 1)), r"`int` <= 1000000000000"),
        (book(entry("", MAY, 1)), r"length >= 1"),
        (book(entry("m", datetime(2026, 5, 1), 1)), "timezone"),  # noqa: DTZ001
        (book(entry("m", MAY, 1, colour=1)), "unknown field `colour`"),
        (book(entry("m", MAY, 1.5)), "Expected `int`"),  # type: ignore[arg-type]
        (book(name="other"), "the price book is called default, not other"),
    ],
)
def test_a_price_book_that_says_nonsense_is_refused(body: Any, says: str) -> None:
    with pytest.raises(BadDefinition, match=says):
        parse("prices", canonical(body))


def test_two_prices_from_one_moment_on_are_found_whatever_their_time_zones() -> None:
    with pytest.raises(BadDefinition, match="two prices"):
        parse("prices", f'{{"id":"default","prices":[{_written("02:00+02:00")},{_written("00:00Z")}]}}')


def test_a_cost_is_rounded_up_once() -> None:
    price = Price(
        model="m", valid_from=MAY, input_usd_micros_per_million=150_000, output_usd_micros_per_million=600_000
    )

    assert cost(price, Usage(1000, 10)) == 156
    assert cost(price, Usage(1, 1)) == 1
    assert cost(price, Usage()) == 0


def test_cached_and_embedded_tokens_and_images_have_prices_of_their_own() -> None:
    price = Price(
        model="m",
        valid_from=MAY,
        input_usd_micros_per_million=MILLION,
        output_usd_micros_per_million=0,
        cached_input_usd_micros_per_million=MILLION // 2,
        embedding_usd_micros_per_million=2 * MILLION,
        image_usd_micros=40,
    )

    assert cost(price, Usage(input_tokens=10, cached_input_tokens=4)) == 6 + 2
    assert cost(price, Usage(input_tokens=10, cached_input_tokens=99)) == 5
    assert cost(price, Usage(embedding_tokens=3, images=2)) == 6 + 80


AMOUNTS = st.integers(0, 10**9)
MAYBE = st.none() | AMOUNTS
PRICES = st.builds(
    Price,
    model=st.just("m"),
    valid_from=st.just(MAY),
    input_usd_micros_per_million=AMOUNTS,
    output_usd_micros_per_million=AMOUNTS,
    cached_input_usd_micros_per_million=MAYBE,
    embedding_usd_micros_per_million=MAYBE,
    image_usd_micros=AMOUNTS,
)
COUNTS = st.integers(0, 200_000)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, st.integers(0, 20))


@given(PRICES, USAGES, USAGES)
def test_no_usage_within_the_bounds_costs_more_than_was_held(price: Price, bound: Usage, used: Usage) -> None:
    within = Usage(
        min(used.input_tokens, bound.input_tokens),
        min(used.output_tokens, bound.output_tokens),
        used.cached_input_tokens,
        min(used.embedding_tokens, bound.embedding_tokens),
        min(used.images, bound.images),
    )
    most = hold(price, bound.input_tokens, bound.output_tokens, bound.images, bound.embedding_tokens)

    assert 0 <= cost(price, within) <= most


@given(PRICES, USAGES, USAGES)
def test_more_of_anything_costs_no_less_and_the_parts_no_less_than_the_whole(
    price: Price, one: Usage, other: Usage
) -> None:
    each = Usage(one.input_tokens, one.output_tokens, 0, one.embedding_tokens, one.images)
    more = Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        0,
        one.embedding_tokens + other.embedding_tokens,
        one.images + other.images,
    )
    rest = Usage(other.input_tokens, other.output_tokens, 0, other.embedding_tokens, other.images)

    assert cost(price, each) <= cost(price, more) <= cost(price, each) + cost(price, rest)


@given(st.lists(st.integers(0, 50), min_size=1, unique=True), st.integers(-5, 60))
def test_the_price_of_a_moment_never_depends_on_the_order_of_the_book(days: list[int], day: int) -> None:
    entries = [
        Price(
            model="m",
            valid_from=MAY + timedelta(days=each),
            input_usd_micros_per_million=each,
            output_usd_micros_per_million=0,
        )
        for each in days
    ]
    found = Prices(id="default", prices=entries).at("m", MAY + timedelta(days=day))

    assert (found and found.input_usd_micros_per_million) == max((each for each in days if each <= day), default=None)


def _written(at: str) -> str:
    return (
        f'{{"model":"m","valid_from":"2026-05-01T{at[:5]}:00{at[5:]}",'
        '"input_usd_micros_per_million":1,"output_usd_micros_per_million":1}'
    )
