"""What is asked and told of money, as the contract says it."""

from collections import defaultdict
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct, field

from domain.identity import PLATFORM
from domain.ledger_sums import Sum
from domain.pots import Filled, OpenHold
from domain.price_list import Listed
from domain.read_models import Entry, moment_of
from domain.recommendations import Recommendation
from domain.restated_figures import figures
from gateway.questions import Asked, Paged, Text
from gateway.run_documents import EntryDocument

HOLDS_MAX = RESTATEMENTS_MAX = 200
"""That are listed; their number is always said."""
By = Literal["tenant", "model", "workflow", "day", "principal", "team"]


class Budgeted(Struct, frozen=True, kw_only=True):
    """How full the pots are now, and the open holds, at most 200 of `open_holds`; `in_doubt` attempts are billed whole
    as nobody knows what they cost; `sequence` is the last entry's."""

    pots: list[Filled]
    holds: list[OpenHold]
    open_holds: int
    in_doubt: int
    sequence: int


class LedgerAsked(Asked, frozen=True):
    """Sums of which entries, by what."""

    by: By = "model"
    begin: datetime | None = field(default=None, name="from")
    """Of what happened then or later."""
    end: datetime | None = field(default=None, name="to")
    """And before."""


class LedgerSums(Struct, frozen=True, kw_only=True):
    """Sums in micro-dollars; a day is one of UTC."""

    by: By
    rows: list[Sum]
    billed_usd_micros: int
    held_usd_micros: int
    entries: int
    as_of: str | None


class EntriesAsked(Paged, frozen=True):
    """Which entries."""

    begin: datetime | None = field(default=None, name="from")
    end: datetime | None = field(default=None, name="to")
    model: Text | None = None
    workflow: Text | None = None
    run_id: Text | None = None
    kind: Literal["held", "refused", "settled", "released", "expired", "adjusted"] | None = None


class EntryList(Struct, frozen=True):
    """A page of entries, the newest first."""

    entries: list[EntryDocument]
    next: str | None
    as_of: str | None


class Recommended(Struct, frozen=True):
    """What could be saved, by the newest `records`; `whole` when there are no others."""

    recommendations: list[Recommendation]
    records: int
    whole: bool


class PriceDocument(Struct, frozen=True, kw_only=True):
    """A price in micro-dollars, for a million tokens and for an image; the owner is `tenant` or `platform`."""

    owner: str
    version: int
    known_from: datetime
    model: str
    valid_from: datetime
    input_usd_micros_per_million: int
    output_usd_micros_per_million: int
    cached_input_usd_micros_per_million: int | None
    embedding_usd_micros_per_million: int | None
    image_usd_micros: int


class PriceList(Struct, frozen=True):
    """The prices of the books that hold for the tenant, its own before the platform's."""

    prices: list[PriceDocument]


class RestatedDocument(Struct, frozen=True, kw_only=True):
    """What pricing again has changed: the old figure stays in the ledger, the difference is an entry of its own."""

    event_id: str
    sequence: int
    at: datetime
    partition: int
    offset: int
    model: str
    attempts: int
    old_usd_micros: int
    new_usd_micros: int
    delta_usd_micros: int
    reason: str


class Difference(Struct, frozen=True):
    """What all restatements of a model come to."""

    model: str
    restatements: int
    delta_usd_micros: int


class Restatements(Struct, frozen=True, kw_only=True):
    """The newest restatements, at most 200, and what all come to, of the tenant's newest 10,000 adjustments."""

    restatements: list[RestatedDocument]
    totals: list[Difference]
    as_of: str | None


def restated(adjusted: list[Entry]) -> list[RestatedDocument]:
    """Returns what those of the adjustments say that were restatements."""
    found = [(each, figures(each.reason)) for each in adjusted]
    return [
        RestatedDocument(
            event_id=each.event_id,
            sequence=each.sequence,
            at=moment_of(each.occurred_at),
            partition=each.partition,
            offset=each.offset,
            model=each.model,
            attempts=said.attempts,
            old_usd_micros=said.old_usd_micros,
            new_usd_micros=said.new_usd_micros,
            delta_usd_micros=each.billed_usd_micros,
            reason=each.reason,
        )
        for each, said in found
        if said is not None
    ]


def differences(found: list[RestatedDocument]) -> list[Difference]:
    """Returns what restatements come to, by model."""
    by_model: dict[str, list[int]] = defaultdict(list)
    for each in found:
        by_model[each.model].append(each.delta_usd_micros)
    return [Difference(model, len(deltas), sum(deltas)) for model, deltas in sorted(by_model.items())]


def price_document(each: Listed) -> PriceDocument:
    """Returns what is told of a price."""
    owner = "platform" if each.tenant_id == PLATFORM else "tenant"
    price = msgspec.structs.asdict(each.price)
    return PriceDocument(owner=owner, version=each.version, known_from=each.known_from, **price)
