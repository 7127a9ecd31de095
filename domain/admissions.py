"""Decides which attempts may begin: those whose hold was accepted by the entry that counts."""

from collections.abc import Sequence

from msgspec import Struct

from domain.book import DECIDED
from domain.definitions import Definitions
from domain.ids import derive
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind, Event

SAID = {EntryKind.HELD: CallStatus.ADMITTED, EntryKind.REFUSED: CallStatus.DOWNGRADED}


class Seen(Struct, frozen=True):
    """The last of a tenant's sequences that was read."""

    sequence: int = 0


class Admissions:
    """budget-entries -> ai-calls."""

    name = "admissions"
    inputs = ("budget-entries",)
    state = Seen
    newest = False

    def decide(self, state: Seen | None, event: Event, definitions: Definitions) -> Sequence[Event]:
        """Admits the attempt whose hold was accepted, and tells the one whose hold was not.

        The first record with a tenant's sequence counts: a writer that was replaced, and says afterwards what it still
        had to say, admits nothing.
        """
        assert isinstance(event, BudgetEntry)
        if event.kind not in SAID or event.sequence <= (state or Seen()).sequence:
            return []
        return [_told(event)]

    def evolve(self, state: Seen | None, event: Event) -> Seen | None:
        """Remembers the sequence."""
        if isinstance(event, BudgetEntry) and event.kind in DECIDED:
            return Seen(max(event.sequence, (state or Seen()).sequence))
        return state


def _told(entry: BudgetEntry) -> AiCall:
    status = SAID[entry.kind]
    return AiCall(
        event_id=derive(entry.hold_id, "ai-calls", status),
        tenant_id=entry.tenant_id,
        correlation_id=entry.correlation_id,
        causation_id=entry.event_id,
        occurred_at=entry.occurred_at,
        run_id=entry.run_id,
        step=entry.step,
        call_id=entry.call_id,
        status=status,
        attempt=entry.attempt,
        model=entry.model,
        provider=entry.provider,
        models_digest=entry.models_digest,
        principal=entry.principal,
        hold_id=entry.hold_id,
        lease_until=entry.lease_until,
        level=entry.level,
        reason=entry.reason,
    )
