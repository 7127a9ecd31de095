"""Decides what AI calls may cost: holds before, what was billed after, each against all of its tenant's budgets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from domain.book import DECIDED, Book, Hold, Share, after, ended
from domain.budgets import Pot, pots
from domain.definitions import Definitions
from domain.ids import derive
from schemas.events import Balance, BudgetEntry, BudgetLevel, EntryKind, Event

LEASE_MAX = timedelta(minutes=15)
"""No hold is given for longer."""


class Accounts:
    """budget-entries -> budget-entries."""

    name = "budgets"
    inputs = ("budget-entries",)
    state = Book
    newest = True

    def decide(self, state: Book | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Returns what follows, each under the tenant's next sequence; nothing for what the book has settled already.

        What a tenant asks for lies on one partition in one order, and nothing is read beside it but its budgets as they
        were when it was appended: whoever decides, and however often, decides the same under the same sequence.
        """
        assert isinstance(event, BudgetEntry)
        if event.kind in DECIDED:
            return []
        book = state or Book()
        decided: list[BudgetEntry] = []
        for end in _ended(book, event):
            decided.append(end)
            book = after(book, end)
        decide = _DECIDE.get(event.kind)
        follows = decide(book, event, definitions) if decide is not None else None
        return [*decided, follows] if follows is not None else decided

    def evolve(self, state: Book | None, event: Event) -> Book:
        """Takes in the moment of what was asked for, or what was decided."""
        book = state or Book()
        assert isinstance(event, BudgetEntry)
        if event.kind not in DECIDED:
            newest = max(book.newest or event.occurred_at, event.occurred_at)
            return msgspec.structs.replace(book, newest=newest)
        return after(book, event)


def _ended(book: Book, event: BudgetEntry) -> Iterator[BudgetEntry]:
    """Yields the end of every hold whose lease was over when this was asked for: all of it counts as billed."""
    sequence = book.sequence
    for hold_id, hold in book.holds.items():
        if hold.lease_until <= event.occurred_at:
            sequence += 1
            yield _decided(
                _facts(event, hold_id, hold),
                EntryKind.EXPIRED,
                sequence,
                held=-hold.amount,
                billed=hold.amount,
                in_doubt=True,
                reason=f"the lease ended at {hold.lease_until.isoformat()}",
            )


def _hold(book: Book, event: BudgetEntry, definitions: Definitions) -> BudgetEntry | None:
    if event.hold_id in book.holds or event.hold_id in book.doubts or ended(book, event.hold_id):
        return None
    sequence = book.sequence + 1
    team = definitions.team(event.tenant_id, event.principal)
    event = msgspec.structs.replace(event, team=team)
    now = max(book.newest or event.occurred_at, event.occurred_at)
    if doubt := _unsound(event, now):
        return _decided(event, EntryKind.REFUSED, sequence, level=BudgetLevel.STOP, reason=doubt)
    budgets, digest = definitions.budgets(event.tenant_id)
    found = list(pots(budgets, event, team)) if budgets is not None else []
    level, why = BudgetLevel.WITHIN, ""
    for pot in found:
        held = book.shares.get(pot.key, Share())
        now_level, reason = level_of(pot, held, event.amount_usd_micros, event.level is BudgetLevel.DOWNGRADE)
        if _RANK[now_level] > _RANK[level]:
            level, why = now_level, reason
    refused = level in (BudgetLevel.DOWNGRADE, BudgetLevel.STOP) and bool(why)
    entry = _decided(
        msgspec.structs.replace(event, budgets_digest=digest),
        EntryKind.REFUSED if refused else EntryKind.HELD,
        sequence,
        held=0 if refused else event.amount_usd_micros,
        level=level,
        reason=why if refused else "",
    )
    return msgspec.structs.replace(entry, balances=_balances(book, found, entry))


def _unsound(event: BudgetEntry, now: datetime) -> str:
    if event.amount_usd_micros < 0:
        return f"a hold of {event.amount_usd_micros} micro-dollars"
    if event.lease_until is None or event.lease_until - event.occurred_at > LEASE_MAX:
        return f"a hold without a lease of at most {LEASE_MAX}"
    if event.lease_until <= now:
        return "it comes when its lease is over"
    return ""


def level_of(pot: Pot, share: Share, amount: int, cheaper: bool = False) -> tuple[BudgetLevel, str]:
    """Returns how full the pot would be with so much more, and why it has no room for this, when it has none."""
    budget, used = pot.budget, share.held + share.billed
    after, limit = used + amount, budget.limit_usd_micros
    said = f"budget {budget.id} of {pot.member} ({pot.window}): {used} of {limit} micro-dollars are used"
    if amount and used >= limit:
        return BudgetLevel.STOP, said
    if after > limit:
        return BudgetLevel.DOWNGRADE, f"{said}, {amount} more are asked for"
    if 100 * after > budget.downgrade_percent * limit and amount:
        return BudgetLevel.DOWNGRADE, "" if cheaper else f"{said}: only cheaper models are paid"
    if 100 * after > budget.warn_percent * limit:
        return BudgetLevel.WARN, ""
    return BudgetLevel.WITHIN, ""


def _settle(book: Book, event: BudgetEntry, _: Definitions) -> BudgetEntry | None:
    sequence = book.sequence + 1
    if (hold := book.holds.get(event.hold_id)) is not None:
        billed = hold.amount if event.in_doubt else event.amount_usd_micros
        facts = _facts(event, event.hold_id, hold)
        return _decided(facts, EntryKind.SETTLED, sequence, held=-hold.amount, billed=billed, in_doubt=event.in_doubt)
    if (doubt := book.doubts.get(event.hold_id)) is not None and not event.in_doubt:
        facts, delta = _facts(event, event.hold_id, doubt), event.amount_usd_micros - doubt.amount
        return _decided(facts, EntryKind.ADJUSTED, sequence, billed=delta, reason="what it cost became known")
    return None


def _release(book: Book, event: BudgetEntry, _: Definitions) -> BudgetEntry | None:
    sequence = book.sequence + 1
    if (hold := book.holds.get(event.hold_id)) is not None:
        return _decided(_facts(event, event.hold_id, hold), EntryKind.RELEASED, sequence, held=-hold.amount)
    if (doubt := book.doubts.get(event.hold_id)) is not None:
        facts = _facts(event, event.hold_id, doubt)
        return _decided(facts, EntryKind.ADJUSTED, sequence, billed=-doubt.amount, reason="it was never spent")
    return None


def _adjust(book: Book, event: BudgetEntry, _: Definitions) -> BudgetEntry | None:
    if event.event_id in book.adjusted:
        return None
    return _decided(event, EntryKind.ADJUSTED, book.sequence + 1, billed=event.amount_usd_micros, reason=event.reason)


_DECIDE: Mapping[EntryKind, Callable[[Book, BudgetEntry, Definitions], BudgetEntry | None]] = {
    EntryKind.HOLD_REQUESTED: _hold,
    EntryKind.SETTLE_REQUESTED: _settle,
    EntryKind.RELEASE_REQUESTED: _release,
    EntryKind.ADJUSTMENT_REQUESTED: _adjust,
}
_RANK = {BudgetLevel.WITHIN: 0, BudgetLevel.WARN: 1, BudgetLevel.DOWNGRADE: 2, BudgetLevel.STOP: 3}


def _facts(event: BudgetEntry, hold_id: str, hold: Hold) -> BudgetEntry:
    """Returns the entry with what the hold was given for, whatever the entry says of it."""
    return msgspec.structs.replace(
        event,
        hold_id=hold_id,
        amount_usd_micros=event.amount_usd_micros if event.hold_id == hold_id else 0,
        run_id=hold.run_id,
        step=hold.step,
        call_id=hold.call_id,
        attempt=hold.attempt,
        model=hold.model,
        provider=hold.provider,
        workflow=hold.workflow,
        principal=hold.principal,
        team=hold.team,
        correlation_id=hold.correlation_id,
        models_digest=hold.models_digest,
        prices_digest=hold.prices_digest,
        lease_until=None,
        reason="",
    )


def _decided(
    event: BudgetEntry,
    kind: EntryKind,
    sequence: int,
    *,
    held: int = 0,
    billed: int = 0,
    in_doubt: bool = False,
    level: BudgetLevel = BudgetLevel.WITHIN,
    reason: str = "",
) -> BudgetEntry:
    return msgspec.structs.replace(
        event,
        event_id=derive(event.tenant_id, "budget-entries", str(sequence)),
        causation_id=event.event_id,
        kind=kind,
        sequence=sequence,
        held_usd_micros=held,
        billed_usd_micros=billed,
        in_doubt=in_doubt,
        level=level,
        reason=reason,
    )


def _balances(book: Book, found: Sequence[Pot], entry: BudgetEntry) -> list[Balance]:
    return [
        Balance(
            budget=pot.budget.id,
            member=pot.member,
            window=pot.window,
            limit_usd_micros=pot.budget.limit_usd_micros,
            held_usd_micros=book.shares.get(pot.key, Share()).held + entry.held_usd_micros,
            billed_usd_micros=book.shares.get(pot.key, Share()).billed,
        )
        for pot in found
    ]
