"""Prices the past again: what attempts would have cost as prices are known now, and the difference for the ledger."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct, structs

from domain.billed import Billed
from domain.ids import derive
from domain.models import Model
from domain.price_book import Books
from domain.prices import cost
from schemas.errors import Rejected
from schemas.events import BudgetEntry, EntryKind

DIGESTS_MAX = 5
"""Old price books that a restatement names one by one."""
OWN = "models"
"""Stands for the models' own prices where digests of books are listed."""
_REASON = re.compile(r"restated (\S+)\.\.(\S+) through (\d{1,18}): ")


class BadRestatement(Rejected):
    """A restatement on the log cannot be read: what it has changed is not known."""


class Restated(Struct, frozen=True):
    """A restatement that is on the log: the attempts it covers stand at the figures of its books."""

    tenant_id: str
    model: str
    begin: datetime
    end: datetime
    through: int
    """The last sequence of the tenant that it knew."""
    books: str
    """See Books.digest."""

    def covers(self, billed: Billed) -> bool:
        """Returns whether the attempt was priced again by this."""
        whose = billed.tenant_id == self.tenant_id and billed.model == self.model
        return whose and self.begin <= billed.occurred_at < self.end and billed.sequence <= self.through


class Delta(Struct, frozen=True, kw_only=True):
    """What a tenant's attempts at a model cost more as prices are known now; less when it is below zero."""

    tenant_id: str
    model: str
    provider: str
    number: int
    """How many restatements of this tenant and model came before."""
    begin: datetime
    end: datetime
    through: int
    attempts: int
    """That were priced by older versions."""
    old_usd_micros: int
    new_usd_micros: int
    old_digests: list[str]
    books: str

    @property
    def usd_micros(self) -> int:
        """The difference."""
        return self.new_usd_micros - self.old_usd_micros

    @property
    def id(self) -> str:
        """The same for whoever restates this tenant and model next: of two at the same moment, one counts."""
        return derive(self.tenant_id, "restatement", self.model, str(self.number))

    @property
    def reason(self) -> str:
        """The evidence, as `restated` reads it again."""
        old = ", ".join(self.old_digests[:DIGESTS_MAX])
        more = len(self.old_digests) - DIGESTS_MAX
        old += f" and {more} more" if more > 0 else ""
        return (
            f"restated {self.begin.isoformat()}..{self.end.isoformat()} through {self.through}: "
            f"{self.attempts} attempts, {self.old_usd_micros} -> {self.new_usd_micros} micro-dollars; "
            f"prices {old} -> {self.books or OWN}"
        )


class Restatement(Struct, frozen=True):
    """What pricing again gives: a delta for each tenant and model where something changes."""

    deltas: list[Delta]
    unchanged: int
    """Attempts priced as prices are known now."""
    in_doubt: int
    """Left out: nobody knows what they took."""
    reconciled: int
    """Left out: an invoice said what they cost."""
    without_usage: int
    """Left out: the log does not say what they took."""


class Tariffs(Struct, frozen=True):
    """How attempts are priced: by which books, and what model the attempt's name stood for."""

    now: Callable[[str], Books]
    """A tenant's books as they are known now."""
    named: Callable[[str], Books]
    """The books of earlier restatements, by Books.digest."""
    model: Callable[[Billed], Model]


def restated(entry: BudgetEntry) -> Restated | None:
    """Returns the restatement that an entry asked for; None for every other entry. Raises BadRestatement."""
    said = _REASON.match(entry.reason)
    if entry.kind is not EntryKind.ADJUSTMENT_REQUESTED or said is None:
        return None
    try:
        begin, end = datetime.fromisoformat(said[1]), datetime.fromisoformat(said[2])
    except ValueError:
        raise BadRestatement(f"adjustment {entry.event_id} of {entry.tenant_id} says no range: {said[0]}") from None
    return Restated(entry.tenant_id, entry.model, begin, end, int(said[3]), entry.prices_digest or "")


def standing(billed: Iterable[Billed], earlier: Sequence[Restated], tariffs: Tariffs) -> list[Billed]:
    """Returns the attempts as the ledger has them now: restatements that cover them applied in order."""
    return [_standing(each, earlier, tariffs) for each in billed]


def restate(
    billed: Iterable[Billed],
    earlier: Sequence[Restated],
    begin: datetime,
    end: datetime,
    through: Callable[[str], int],
    tariffs: Tariffs,
) -> Restatement:
    """Returns what changes when every attempt of [begin, end) is priced as prices are known now.

    Only what was priced by another version changes. What `earlier` restatements (in the order of the log) have
    changed is not changed again: once a delta is on the log, the same again gives none. Raises UnknownPrice when
    nobody says any more what an attempt costs.
    """
    within = [each for each in billed if begin <= each.occurred_at < end]
    doubt = sum(each.in_doubt for each in within)
    reconciled = sum(each.reconciled for each in within)
    counted = [each for each in within if not each.in_doubt and not each.reconciled]
    unused = sum(each.usage is None for each in counted)
    groups: dict[tuple[str, str], list[tuple[Billed, Billed]]] = defaultdict(list)
    unchanged = 0
    for each in counted:
        if each.usage is None:
            continue
        old = _standing(each, earlier, tariffs)
        new = _priced(old, tariffs.now(each.tenant_id), tariffs)
        if new is old:
            unchanged += 1
        else:
            groups[each.tenant_id, each.model].append((old, new))
    deltas = []
    for (tenant_id, model), pairs in sorted(groups.items()):
        delta = Delta(
            tenant_id=tenant_id,
            model=model,
            provider=pairs[0][0].provider,
            number=sum(each.tenant_id == tenant_id and each.model == model for each in earlier),
            begin=begin,
            end=end,
            through=through(tenant_id),
            attempts=len(pairs),
            old_usd_micros=sum(old.usd_micros for old, _ in pairs),
            new_usd_micros=sum(new.usd_micros for _, new in pairs),
            old_digests=sorted({old.prices_digest or OWN for old, _ in pairs}),
            books=tariffs.now(tenant_id).digest,
        )
        if delta.usd_micros:
            deltas.append(delta)
        else:
            unchanged += len(pairs)
    return Restatement(deltas, unchanged, doubt, reconciled, unused)


def adjustment(delta: Delta, now: datetime) -> BudgetEntry:
    """Returns the request that puts the difference on the ledger; the old figures stay."""
    return BudgetEntry(
        event_id=delta.id,
        tenant_id=delta.tenant_id,
        correlation_id=delta.id,
        occurred_at=now,
        kind=EntryKind.ADJUSTMENT_REQUESTED,
        hold_id=delta.id,
        model=delta.model,
        provider=delta.provider,
        amount_usd_micros=delta.usd_micros,
        prices_digest=delta.books or None,
        reason=delta.reason,
    )


def _standing(billed: Billed, earlier: Sequence[Restated], tariffs: Tariffs) -> Billed:
    if billed.usage is None or billed.in_doubt or billed.reconciled:
        return billed
    for each in earlier:
        if each.covers(billed):
            billed = _priced(billed, tariffs.named(each.books), tariffs)
    return billed


def _priced(billed: Billed, books: Books, tariffs: Tariffs) -> Billed:
    """Returns the attempt priced by these books; the same when it was priced by that version already."""
    assert billed.usage is not None
    quote = books.quote(tariffs.model(billed), billed.occurred_at)
    if quote.digest == billed.prices_digest:
        return billed
    return structs.replace(billed, usd_micros=cost(quote.price, billed.usage), prices_digest=quote.digest)
