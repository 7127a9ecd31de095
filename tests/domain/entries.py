"""Entries of the budgets as their one writer puts them on the log, with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.ids import derive
from schemas.events import AiCall, BudgetEntry, CallStatus, EntryKind

MAY = datetime(2026, 5, 1, tzinfo=UTC)


class Writer:
    """The one writer of a tenant: what it writes has the tenant's next sequence."""

    def __init__(self, tenant_id: str = "acme") -> None:
        self.tenant_id = tenant_id
        self.sequence = 0

    def write(self, kind: EntryKind, hold: str, **more: Any) -> BudgetEntry:
        """Returns the next entry."""
        self.sequence += 1
        said = {"hold_id": derive(hold, "1", "hold"), "call_id": hold, "attempt": 1, "run_id": f"run-{hold}"}
        said |= {"model": "somebody/m", "provider": "somebody", "workflow": "flow", "occurred_at": MAY}
        said |= {"event_id": derive(self.tenant_id, "budget-entries", str(self.sequence)), "tenant_id": self.tenant_id}
        said |= {"correlation_id": derive("root"), "sequence": self.sequence, "kind": kind}
        return BudgetEntry(**(said | more))

    def attempt(self, hold: str, cost: int, held: int = 100, day: int = 0, **more: Any) -> list[BudgetEntry]:
        """Returns what an attempt that cost something leaves."""
        at = MAY + timedelta(days=day)
        return [
            self.write(EntryKind.HELD, hold, occurred_at=at, held_usd_micros=held, **more),
            self.write(
                EntryKind.SETTLED,
                hold,
                occurred_at=at + timedelta(seconds=2),
                held_usd_micros=-held,
                billed_usd_micros=cost,
                **more,
            ),
        ]

    def doubt(self, hold: str, held: int = 100, day: int = 0, **more: Any) -> list[BudgetEntry]:
        """Returns what an attempt leaves of which nobody knows what it took."""
        at = MAY + timedelta(days=day)
        end = {"held_usd_micros": -held, "billed_usd_micros": held, "in_doubt": True}
        return [
            self.write(EntryKind.HELD, hold, occurred_at=at, held_usd_micros=held, **more),
            self.write(EntryKind.EXPIRED, hold, occurred_at=at, **end, **more),
        ]

    def decided(self, asked: BudgetEntry) -> BudgetEntry:
        """Returns the adjustment that was asked for."""
        return self.write(
            EntryKind.ADJUSTED,
            asked.hold_id,
            hold_id=asked.hold_id,
            call_id=asked.call_id,
            attempt=asked.attempt,
            model=asked.model,
            workflow=asked.workflow,
            billed_usd_micros=asked.amount_usd_micros,
            reason=asked.reason,
            causation_id=asked.event_id,
        )


def answered(hold: str, input_tokens: int, output_tokens: int, tenant_id: str = "acme") -> AiCall:
    """Returns the end of the call whose attempt this is."""
    return AiCall(
        event_id=derive(hold, "outcome"),
        tenant_id=tenant_id,
        correlation_id=derive("root"),
        occurred_at=MAY,
        run_id=f"run-{hold}",
        step="a",
        call_id=hold,
        status=CallStatus.COMPLETED,
        attempt=1,
        model="somebody/m",
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )
