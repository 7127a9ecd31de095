"""The prices of the books that hold for a tenant, one by one, with the moment from which each book was known."""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from domain.definitions import Definitions
from domain.identity import PLATFORM
from domain.price_book import KIND
from domain.prices import BOOK, Price


class Listed(Struct, frozen=True):
    """A price, whose book it is of, and since when that version is known."""

    tenant_id: str
    version: int
    known_from: datetime
    price: Price


def listed(known: Definitions, owner: str) -> Iterator[Listed]:
    """Yields every price of the books that hold for an owner as they are known in this view, its own before the
    platform's, each by model and by when it holds."""
    for each in dict.fromkeys((owner, PLATFORM)):
        if not (versions := known.appended(each, KIND, BOOK)):
            continue
        recorded_ms, event = versions[-1]
        since = datetime.fromtimestamp(recorded_ms / 1000, UTC)
        prices = known.prices(event.digest).prices
        for price in sorted(prices, key=lambda one: (one.model, one.valid_from)):
            yield Listed(each, event.version, since, price)
