"""What the ledger has billed, attempt by attempt, as it stands now."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from domain.prices import Usage
from domain.sequences import Sequences
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind

BILLING = {EntryKind.SETTLED, EntryKind.EXPIRED, EntryKind.RELEASED}


class Billed(Struct, frozen=True, kw_only=True):
    """One attempt that was billed."""

    tenant_id: str
    hold_id: str
    run_id: str
    call_id: str
    attempt: int
    model: str
    provider: str
    occurred_at: datetime
    """When its hold was asked for, which is the moment it is priced by."""
    sequence: int
    """The tenant's, of the entry that billed it last."""
    usd_micros: int
    """What it costs: as billed, and as an invoice said since."""
    in_doubt: bool = False
    """Nobody knows what it took: billed for its whole hold."""
    reconciled: bool = False
    """It was in doubt until an invoice said what it cost."""
    usage: Usage | None = None
    """What it took; None when the log does not say."""
    prices_digest: str | None = None
    """The price book that priced it; None for the models' own prices."""
    models_digest: str = ""
    workflow: str = ""
    step: str = ""
    principal: str = ""
    team: str = ""


class Attempts:
    """Takes the records of `budget-entries` (each tenant's in order) and of `ai-calls`, in any order of the topics.

    Keeps about a kilobyte of each attempt that was billed.
    """

    def __init__(self) -> None:
        self._sequences = Sequences()
        self._held_at: dict[str, datetime] = {}
        self._holds: dict[str, BudgetEntry] = {}
        self._usd: dict[str, int] = {}
        self._usages: dict[tuple[str, int], Usage] = {}
        self._asked: dict[str, BudgetEntry] = {}

    def call(self, event: AiCall) -> None:
        """Takes a moment of a call: its outcome says what its attempt took."""
        if event.status is CallStatus.COMPLETED:
            usage = Usage(event.input_tokens, event.output_tokens)
            self._usages.setdefault((event.call_id, event.attempt), usage)

    def entry(self, event: BudgetEntry) -> None:
        """Takes an entry of the budgets, asked for or decided."""
        if event.kind is EntryKind.ADJUSTMENT_REQUESTED:
            self._asked.setdefault(event.event_id, event)
        elif not event.sequence or not self._sequences.first(event):
            return
        elif event.kind is EntryKind.HELD:
            self._held_at[event.hold_id] = event.occurred_at
        elif event.kind in BILLING:
            self._holds[event.hold_id] = event
            self._usd[event.hold_id] = self._usd.get(event.hold_id, 0) + event.billed_usd_micros

    @property
    def adjustments(self) -> Iterable[BudgetEntry]:
        """Every adjustment that was asked for, once, each tenant's in order: what is asked for will be decided."""
        return self._asked.values()

    def through(self, tenant_id: str) -> int:
        """Returns the last sequence of the tenant that was read."""
        return self._sequences.last(tenant_id)

    def billed(self) -> list[Billed]:
        """Returns every attempt that was billed something, or is in doubt, in the order in which they were."""
        said: dict[tuple[str, str, int], int] = {}
        for asked in self._asked.values():
            if asked.call_id:
                attempt = (asked.tenant_id, asked.call_id, asked.attempt)
                said[attempt] = said.get(attempt, 0) + asked.amount_usd_micros
        found = [
            self._one(each, said.get((each.tenant_id, each.call_id, each.attempt)))
            for each in self._holds.values()
            if self._usd[each.hold_id] or each.in_doubt
        ]
        return sorted(found, key=lambda each: (each.occurred_at, each.tenant_id, each.sequence))

    def _one(self, entry: BudgetEntry, adjusted: int | None) -> Billed:
        return Billed(
            tenant_id=entry.tenant_id,
            hold_id=entry.hold_id,
            run_id=entry.run_id,
            call_id=entry.call_id,
            attempt=entry.attempt,
            model=entry.model,
            provider=entry.provider,
            occurred_at=self._held_at.get(entry.hold_id, entry.occurred_at),
            sequence=entry.sequence,
            usd_micros=self._usd[entry.hold_id] + (adjusted or 0),
            in_doubt=entry.in_doubt and adjusted is None,
            reconciled=adjusted is not None,
            usage=self._usages.get((entry.call_id, entry.attempt)),
            prices_digest=entry.prices_digest,
            models_digest=entry.models_digest or "",
            workflow=entry.workflow,
            step=entry.step,
            principal=entry.principal,
            team=entry.team,
        )
