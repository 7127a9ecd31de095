"""How full a tenant's pots are, and what is held of them, by its book and its budgets."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from domain.accounts import level_of
from domain.book import Book, Share
from domain.budgets import Budget, Budgets, Pot, window
from schemas.events import BudgetLevel


class Filled(Struct, frozen=True):
    """How full a pot is: one member's share of one budget in one window."""

    budget: str
    scope: str
    member: str
    period: str
    window: str
    limit_usd_micros: int
    held_usd_micros: int
    billed_usd_micros: int
    percent: float
    """Held and billed of the limit, rounded down to a tenth."""
    level: BudgetLevel
    """What the next call that costs anything meets."""


class OpenHold(Struct, frozen=True):
    """What is held for an attempt, until it ends, at the latest with its lease."""

    hold_id: str
    amount_usd_micros: int
    run_id: str
    step: str
    call_id: str
    attempt: int
    model: str
    workflow: str
    principal: str
    team: str
    lease_until: datetime


def filled(budgets: Budgets, book: Book, tenant_id: str, now: datetime) -> Iterator[Filled]:
    """Yields the pots that something was held or billed in, and those of a named member, which may be empty still."""
    for budget in budgets.budgets:
        pots = [Pot(budget, *key.split("\x1f")[1:]) for key in book.shares if key.split("\x1f")[0] == budget.id]
        named = tenant_id if budget.scope == "tenant" else budget.of
        if named:
            pots.append(Pot(budget, named, window(budget, now)))
        ours = {pot.key: pot for pot in pots if budget.of in ("", pot.member) and pot.window == window(budget, now)}
        for pot in sorted(ours.values(), key=lambda each: each.member):
            yield _filled(budget, pot, book.shares.get(pot.key, Share()))


def open_holds(book: Book) -> list[OpenHold]:
    """Returns the open holds, the one whose lease ends first before the others."""
    names = ("run_id", "step", "call_id", "attempt", "model", "workflow", "principal", "team", "lease_until")
    return [
        OpenHold(hold_id, hold.amount, **{name: getattr(hold, name) for name in names})
        for hold_id, hold in sorted(book.holds.items(), key=lambda each: each[1].lease_until)
    ]


def _filled(budget: Budget, pot: Pot, share: Share) -> Filled:
    used, limit = share.held + share.billed, budget.limit_usd_micros
    return Filled(
        budget=budget.id,
        scope=budget.scope,
        member=pot.member,
        period=budget.period,
        window=pot.window,
        limit_usd_micros=limit,
        held_usd_micros=share.held,
        billed_usd_micros=share.billed,
        percent=used * 1000 // limit / 10 if limit else 100.0,
        level=level_of(pot, share, 1)[0],
    )
