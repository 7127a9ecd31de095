"""What tenants may spend: set, listed, and how full each pot is, folded from the tenant's entries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from domain.accounts import Accounts, level_of
from domain.administration import found_client
from domain.book import Book, Share
from domain.budgets import DEFAULT, KIND, Budget, Budgets, Pot, window
from domain.definitions import BadDefinition, Definitions, canonical, parse
from runtime.definitions import load, put, read
from runtime.deployment import checked
from runtime.money import TOPIC, Topics
from schemas.codec import Codec
from schemas.events import BudgetLevel, Definition

CLIENT = "auterity-budgets"


class Filled(Struct, frozen=True):
    """How full a pot is: one member's share of one budget in one window."""

    budget: str
    scope: str
    member: str
    window: str
    limit_usd_micros: int
    held_usd_micros: int
    billed_usd_micros: int
    percent: float
    """Held and billed of the limit, rounded down to a tenth."""
    level: BudgetLevel
    """What the next call that costs anything meets."""


class Standing(Struct, frozen=True):
    """Where a tenant's money stands."""

    pots: list[Filled]
    holds: list[dict[str, Any]]
    in_doubt: int
    """Attempts that are billed whole because nobody knows what they cost."""
    sequence: int
    """The tenant's last entry."""
    unreadable: int


class TenantBudgets:
    """The budgets of tenants, as the log has them."""

    def __init__(self, kafka: str, codec: Codec) -> None:
        self._kafka = kafka
        self._codec = codec
        self._known: Definitions = read(kafka, codec)

    def set(self, tenant_id: str, file: Path) -> list[Definition]:
        """Makes the file's budgets the tenant's newest; nothing when they already are.

        Raises UnknownTenant, and BadDefinition naming the file.
        """
        found_client(tenant_id, self._known.tenant(tenant_id))
        body = load(file)
        if KIND not in body:
            raise BadDefinition(f"{file}: it has no budgets")
        with checked(file):
            parse(KIND, canonical(body))
        return put(self._kafka, CLIENT, [(KIND, body)], self._known, self._codec, datetime.now(UTC), tenant_id)

    def listed(self, tenant_id: str | None) -> list[dict[str, Any]]:
        """Returns every budget of the tenant, or of all; raises UnknownTenant."""
        if tenant_id is not None:
            found_client(tenant_id, self._known.tenant(tenant_id))
        return list(self._rows([tenant_id] if tenant_id is not None else self._known.tenants()))

    def standing(self, tenant_id: str, now: datetime) -> Standing:
        """Returns how full the tenant's pots are in the windows of this moment; raises UnknownTenant."""
        found_client(tenant_id, self._known.tenant(tenant_id))
        topics = Topics(self._kafka, self._codec, tenant_id)
        accounts, book = Accounts(), Book()
        for event in topics.events(TOPIC):
            book = accounts.evolve(book, event) or book
        budgets, _ = self._known.budgets(tenant_id)
        pots = list(filled(budgets, book, tenant_id, now)) if budgets is not None else []
        return Standing(pots, _holds(book), len(book.doubts), book.sequence, topics.unreadable)

    def _rows(self, tenants: list[str]) -> Iterator[dict[str, Any]]:
        for tenant in tenants:
            event, (budgets, _) = self._known.last(tenant, KIND, DEFAULT), self._known.budgets(tenant)
            if event is not None and budgets is not None:
                for each in budgets.budgets:
                    yield {"tenant_id": tenant, "version": event.version, **msgspec.structs.asdict(each)}


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


def _filled(budget: Budget, pot: Pot, share: Share) -> Filled:
    used, limit = share.held + share.billed, budget.limit_usd_micros
    return Filled(
        budget=budget.id,
        scope=budget.scope,
        member=pot.member,
        window=pot.window,
        limit_usd_micros=limit,
        held_usd_micros=share.held,
        billed_usd_micros=share.billed,
        percent=used * 1000 // limit / 10 if limit else 100.0,
        level=level_of(pot, share, 1)[0],
    )


def _holds(book: Book) -> list[dict[str, Any]]:
    """Returns the open holds, the one whose lease ends first before the others."""
    names = ("run_id", "step", "call_id", "attempt", "model", "workflow", "principal", "team", "lease_until")
    return [
        {"hold_id": hold_id, "amount_usd_micros": hold.amount, **{name: getattr(hold, name) for name in names}}
        for hold_id, hold in sorted(book.holds.items(), key=lambda each: each[1].lease_until)
    ]
