"""What tenants may spend: set, listed, and how full each pot is, folded from the tenant's entries."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from domain.accounts import Accounts
from domain.administration import found_client
from domain.book import Book
from domain.budgets import DEFAULT, KIND
from domain.definitions import BadDefinition, Definitions, canonical, parse
from domain.pots import Filled, OpenHold, filled, open_holds
from runtime.definitions import load, put, read
from runtime.deployment import checked
from runtime.money import TOPIC, Topics
from schemas.codec import Codec
from schemas.events import Definition

CLIENT = "auterity-budgets"


class Standing(Struct, frozen=True):
    """Where a tenant's money stands."""

    pots: list[Filled]
    holds: list[OpenHold]
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
        return Standing(pots, open_holds(book), len(book.doubts), book.sequence, topics.unreadable)

    def _rows(self, tenants: list[str]) -> Iterator[dict[str, Any]]:
        for tenant in tenants:
            event, (budgets, _) = self._known.last(tenant, KIND, DEFAULT), self._known.budgets(tenant)
            if event is not None and budgets is not None:
                for each in budgets.budgets:
                    yield {"tenant_id": tenant, "version": event.version, **msgspec.structs.asdict(each)}
