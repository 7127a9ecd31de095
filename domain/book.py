"""A tenant's accounts: what is held and billed, folded from the entries that were decided."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

from msgspec import Struct, field

from domain.ids import derive
from schemas.events import BudgetEntry, EntryKind

T = TypeVar("T")
MARK = 8
POTS_MAX = 20_000
"""Pots that are remembered: those that something was last held or billed in. Another one begins anew."""
CLOSED_MAX = 10_000
"""Holds in doubt, and adjustments, that are remembered: a tenant's latest."""
DECIDED = frozenset(
    {EntryKind.HELD, EntryKind.REFUSED, EntryKind.SETTLED, EntryKind.RELEASED, EntryKind.EXPIRED, EntryKind.ADJUSTED}
)


class Share(Struct, frozen=True, array_like=True):
    """What open holds may still cost, and what is billed, in one pot."""

    held: int = 0
    billed: int = 0


class Hold(Struct, frozen=True, array_like=True):
    """What was held for an attempt, and what is billed for it while nobody knows better."""

    amount: int
    lease_until: datetime
    pots: list[str]
    run_id: str
    step: str
    call_id: str
    attempt: int
    model: str
    provider: str
    workflow: str
    principal: str
    team: str
    correlation_id: str
    models_digest: str | None
    prices_digest: str | None


class Book(Struct, frozen=True):
    """A tenant's accounts."""

    sequence: int = 0
    newest: datetime | None = None
    """The latest moment at which anything was asked for: no hold is given whose lease ended before it."""
    shares: dict[str, Share] = field(default_factory=dict)
    """By pot."""
    holds: dict[str, Hold] = field(default_factory=dict)
    """Those that are open."""
    doubts: dict[str, Hold] = field(default_factory=dict)
    """Those that were billed whole because nobody knows what the provider billed."""
    closed: dict[str, bytes] = field(default_factory=dict)
    """Marks of the holds that have ended, or were refused for want of money, by the minute of their lease: until it is
    over one may be asked for again."""
    adjusted: list[str] = []
    """Ids of the adjustments that were made: one that is asked for again adds nothing."""


def mark(hold: str) -> bytes:
    """Returns eight bytes that stand for a hold."""
    return sha256(hold.encode()).digest()[:MARK]


def ended(book: Book, hold: str) -> bool:
    """Returns whether the hold has ended, or was refused, as far as its lease is not over."""
    wanted = mark(hold)
    return any(_holds(marks, wanted) for marks in book.closed.values())


def after(book: Book, entry: BudgetEntry) -> Book:
    """Returns the book after a decided entry; one whose sequence is not above the last changes nothing."""
    if entry.sequence <= book.sequence:
        return book
    holds, doubts, adjusted, closed = book.holds, book.doubts, book.adjusted, book.closed
    counts: list[str] = []
    if entry.kind is EntryKind.HELD:
        counts = ["\x1f".join((each.budget, each.member, each.window)) for each in entry.balances]
        holds = {**holds, entry.hold_id: _held(entry, counts)}
    elif entry.kind is EntryKind.REFUSED and entry.balances and entry.lease_until is not None:
        closed = _closed(closed, entry.hold_id, entry.lease_until, book.newest)
    elif entry.hold_id in holds:
        hold = holds[entry.hold_id]
        counts = hold.pots
        closed = _closed(closed, entry.hold_id, hold.lease_until, book.newest)
        holds = {name: each for name, each in holds.items() if name != entry.hold_id}
        if entry.in_doubt:
            doubts = _latest({**doubts, entry.hold_id: hold}, CLOSED_MAX)
    elif entry.hold_id in doubts:
        counts = doubts[entry.hold_id].pots
        doubts = {name: each for name, each in doubts.items() if name != entry.hold_id}
    elif entry.kind is EntryKind.ADJUSTED and (doubt := paid(entry)) in doubts:
        counts = doubts[doubt].pots
        doubts = {name: each for name, each in doubts.items() if name != doubt}
    if entry.kind is EntryKind.ADJUSTED and entry.causation_id is not None:
        adjusted = [*adjusted, entry.causation_id][-CLOSED_MAX:]
    shares = book.shares
    if counts:
        shares = {name: each for name, each in shares.items() if name not in counts}
        for pot in counts:
            share = book.shares.get(pot, Share())
            shares[pot] = Share(share.held + entry.held_usd_micros, share.billed + entry.billed_usd_micros)
        shares = _latest(shares, POTS_MAX)
    return Book(entry.sequence, book.newest, shares, holds, doubts, closed, adjusted)


def _closed(closed: dict[str, bytes], hold: str, lease_until: datetime, newest: datetime | None) -> dict[str, bytes]:
    """Returns the marks with this one, without those whose lease is over."""
    minute = _minute(lease_until)
    kept = {each: marks for each, marks in closed.items() if newest is None or each >= _minute(newest)}
    return {**kept, minute: kept.get(minute, b"") + mark(hold)}


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _holds(marks: bytes, wanted: bytes) -> bool:
    at = marks.find(wanted)
    while at >= 0 and at % MARK:
        at = marks.find(wanted, at + 1)
    return at >= 0


def hold_id(call_id: str, attempt: int) -> str:
    """Returns the id of the hold that pays an attempt."""
    return derive(call_id, str(attempt), "hold")


def paid(entry: BudgetEntry) -> str:
    """Returns the id of the hold that paid the attempt that an entry speaks of."""
    return hold_id(entry.call_id, entry.attempt)


def _held(entry: BudgetEntry, counts: list[str]) -> Hold:
    assert entry.lease_until is not None
    return Hold(
        entry.amount_usd_micros,
        entry.lease_until,
        counts,
        entry.run_id,
        entry.step,
        entry.call_id,
        entry.attempt,
        entry.model,
        entry.provider,
        entry.workflow,
        entry.principal,
        entry.team,
        entry.correlation_id,
        entry.models_digest,
        entry.prices_digest,
    )


def _latest(found: dict[str, T], most: int) -> dict[str, T]:
    """Returns the last of them, at most so many."""
    return dict(list(found.items())[-most:]) if len(found) > most else found
