"""What models cost: prices with the moment from which each holds, the cost of a usage, and what it can be at most."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

MILLION = 1_000_000
PRICE_MAX = 10**12
"""Micro-dollars: a million dollars for a million tokens, or for an image."""
BOOK = "default"
"""The id of the price book: a tenant has at most one of its own, over the platform's."""

Micros = Annotated[int, Meta(ge=0, le=PRICE_MAX)]
Moment = Annotated[datetime, Meta(tz=True)]


class Usage(Struct, frozen=True):
    """What an answer took."""

    input_tokens: int = 0
    """All that was read, from a cache or not."""
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Of the input, what the provider had in its cache; what is above the input does not count."""
    embedding_tokens: int = 0
    images: int = 0


class Price(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a model costs from a moment on, in micro-dollars: for a million tokens, and for an image."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    valid_from: Moment
    input_usd_micros_per_million: Micros
    output_usd_micros_per_million: Micros
    cached_input_usd_micros_per_million: Micros | None = None
    """Null: as any other input."""
    embedding_usd_micros_per_million: Micros | None = None
    """Null: as any other input."""
    image_usd_micros: Micros = 0


class Prices(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price book: every price a model has had, or will have."""

    id: str
    prices: list[Price]
    title: str = ""

    def at(self, model: str, moment: datetime) -> Price | None:
        """Returns the model's price that holds at the moment; None before its first, and for a model without any."""
        valid = [each for each in self.prices if each.model == model and each.valid_from <= moment]
        return max(valid, key=lambda each: each.valid_from, default=None)


def cost(price: Price, usage: Usage) -> int:
    """Returns what the usage costs in micro-dollars: summed exactly, then rounded up to a whole one."""
    cached = max(0, min(usage.cached_input_tokens, usage.input_tokens))
    total = (usage.input_tokens - cached) * price.input_usd_micros_per_million
    total += cached * _or_input(price, price.cached_input_usd_micros_per_million)
    total += usage.output_tokens * price.output_usd_micros_per_million
    total += usage.embedding_tokens * _or_input(price, price.embedding_usd_micros_per_million)
    return -(-total // MILLION) + usage.images * price.image_usd_micros


def hold(
    price: Price, input_tokens_max: int, max_tokens: int, images_max: int = 0, embedding_tokens_max: int = 0
) -> int:
    """Returns the most that a usage within these bounds can cost: what is held before the model is asked.

    Whatever part of the input comes from a cache: a cached token may cost more than another.
    """
    dearest = max(price.input_usd_micros_per_million, _or_input(price, price.cached_input_usd_micros_per_million))
    total = input_tokens_max * dearest + max_tokens * price.output_usd_micros_per_million
    total += embedding_tokens_max * _or_input(price, price.embedding_usd_micros_per_million)
    return -(-total // MILLION) + images_max * price.image_usd_micros


def flaw(prices: Prices) -> str:
    """Returns what is wrong with a price book, empty when nothing is."""
    if prices.id != BOOK:
        return f"the price book is called {BOOK}, not {prices.id}"
    known: set[tuple[str, datetime]] = set()
    for each in prices.prices:
        if (each.model, each.valid_from) in known:
            return f"model {each.model} has two prices from {each.valid_from.isoformat()} on"
        known.add((each.model, each.valid_from))
    return ""


def _or_input(price: Price, said: int | None) -> int:
    return price.input_usd_micros_per_million if said is None else said
