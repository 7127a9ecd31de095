"""Price books: set, listed, shown at a moment as known at another, and the past priced again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from domain.definitions import BadDefinition, Definitions
from domain.identity import PLATFORM
from domain.models import Model
from domain.price_book import KIND, known
from domain.price_list import listed
from domain.restatement import Restatement, adjustment, restate
from runtime.definitions import load, put, read
from runtime.money import Bill, Topics, adjust
from schemas.codec import Codec
from schemas.errors import Rejected
from schemas.events import Definition

CLIENT = "auterity-prices"
MODELS = "default"


class PriceBooks:
    """The price books of the platform, and a tenant's own, as the log has them."""

    def __init__(self, kafka: str, codec: Codec, tenant_id: str | None = None) -> None:
        self._kafka = kafka
        self._codec = codec
        self._known: Definitions = read(kafka, codec)
        self._tenant_id = tenant_id

    def set(self, file: Path) -> list[Definition]:
        """Makes the file's book the newest version, the tenant's or the platform's; nothing when it already is."""
        body = load(file)
        if KIND not in body:
            raise BadDefinition(f"{file}: no price book: it has no prices")
        now = datetime.now(UTC)
        return put(self._kafka, CLIENT, [(KIND, body)], self._known, self._codec, now, self._owner)

    def listed(self, known_at_ms: int | None) -> list[dict[str, Any]]:
        """Returns every price of the books that hold for the tenant, its own first."""
        return [
            {
                "tenant_id": each.tenant_id,
                "version": each.version,
                "known_from": each.known_from,
                **msgspec.structs.asdict(each.price),
            }
            for each in listed(self._view(known_at_ms), self._owner)
        ]

    def shown(self, name: str, at: datetime, known_at_ms: int | None) -> dict[str, Any]:
        """Returns what the model costs at the moment, as known at another; raises UnknownPrice."""
        view = self._view(known_at_ms)
        quote = known(view, self._owner).quote(self._model(view, name), at)
        says = "models" if quote.digest is None else KIND
        made = view.version(quote.digest) if quote.digest is not None else None
        whose = {"tenant_id": made.tenant_id, "version": made.version, "digest": made.digest} if made else {}
        return {"at": at, "says": says, **whose, **msgspec.structs.asdict(quote.price)}

    def restate(self, begin: datetime, end: datetime, dry_run: bool) -> tuple[Restatement, int]:
        """Prices the attempts of [begin, end) as prices are known now, and asks for the differences to be adjusted.

        Returns what changes and how many adjustments were asked for; none on a dry run. Raises UnknownPrice, and
        Overtaken when somebody else restates the same at the same moment.
        """
        bill = Bill(Topics(self._kafka, self._codec, self._tenant_id), self._known)
        attempts = bill.attempts
        found = restate(attempts.billed(), bill.earlier, begin, end, attempts.through, bill.tariffs)
        if dry_run:
            return found, 0
        now = datetime.now(UTC)
        adjust(self._kafka, self._codec, [adjustment(each, now) for each in found.deltas])
        return found, len(found.deltas)

    @property
    def _owner(self) -> str:
        return self._tenant_id or PLATFORM

    def _view(self, known_at_ms: int | None) -> Definitions:
        return self._known if known_at_ms is None else self._known.at(known_at_ms)

    def _model(self, view: Definitions, name: str) -> Model:
        """Returns what the models say of the model; one that they do not name may stand in a book all the same."""
        try:
            return view.models(view.pin(self._owner, "models", MODELS).digest).model(name)
        except Rejected:
            return Model(id=name, provider="")
