"""Which price holds: a tenant's own book before the platform's, both before what the models' definition says."""

from datetime import datetime

from msgspec import Struct

from domain.definitions import Definitions
from domain.identity import PLATFORM
from domain.models import LOCAL, Model
from domain.prices import BOOK, Price, Prices
from schemas.errors import Rejected

KIND = "prices"
BETWEEN = "+"
"""Between the digests of books that were looked into together."""


class UnknownPrice(Rejected):
    """Neither a price book nor the models say what the model costs at that moment."""


class Quote(Struct, frozen=True):
    """A price, and who says it."""

    price: Price
    digest: str | None
    """Of the book; None when the models' own prices hold."""


class Books(Struct, frozen=True):
    """Versions of price books, in the order in which they are looked into."""

    pinned: list[tuple[str, Prices]]

    @property
    def digest(self) -> str:
        """Names the versions: `named` gives the same books for it."""
        return BETWEEN.join(digest for digest, _ in self.pinned)

    def quote(self, model: Model, moment: datetime) -> Quote:
        """Returns the price of the model at the moment.

        Of the local model it is 0. Where no book has one, it is what the models' definition says; there two prices of
        0 say nothing unless the model is said to be free: nothing is free because nobody named a price. Raises
        UnknownPrice.
        """
        if model.id == LOCAL:
            return Quote(_said(model, moment), None)
        for digest, book in self.pinned:
            if (found := book.at(model.id, moment)) is not None:
                return Quote(found, digest)
        said = model.input_usd_micros_per_million or model.output_usd_micros_per_million
        if not said and not getattr(model, "free", False):
            raise UnknownPrice(
                f"no price of {model.id} is known for {moment.isoformat()}: neither book nor models say one"
            )
        return Quote(_said(model, moment), None)


def known(definitions: Definitions, tenant_id: str) -> Books:
    """Returns the newest books that the tenant's calls are priced by; of `definitions.at`, those known then."""
    owners = [tenant_id] if tenant_id == PLATFORM else [tenant_id, PLATFORM]
    found = (definitions.last(owner, KIND, BOOK) for owner in owners)
    return Books([(each.digest, definitions.prices(each.digest)) for each in found if each is not None])


def named(definitions: Definitions, digests: str) -> Books:
    """Returns the books that `Books.digest` names; raises MissingVersion."""
    return Books([(each, definitions.prices(each)) for each in digests.split(BETWEEN) if each])


def quote(definitions: Definitions, tenant_id: str, models_digest: str, model: str, moment: datetime) -> Quote:
    """Returns what the tenant pays for a model of the pinned models at the moment, as far as it is known.

    Raises UnknownPrice, and BadDefinition when the models have no such model.
    """
    found = definitions.models(models_digest).model(model)
    return known(definitions, tenant_id).quote(found, moment)


def _said(model: Model, moment: datetime) -> Price:
    return Price(
        model=model.id,
        valid_from=moment,
        input_usd_micros_per_million=model.input_usd_micros_per_million if model.id != LOCAL else 0,
        output_usd_micros_per_million=model.output_usd_micros_per_million if model.id != LOCAL else 0,
    )
