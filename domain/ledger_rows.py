"""What an entry of the accounts, and a dead letter, say of the read models."""

from domain.read_models import Entry, Letter, micros
from schemas.events import BudgetEntry, DeadLetter
from schemas.record import Record


def entry(event: BudgetEntry, record: Record) -> Entry:
    """Returns the row of an entry that was decided."""
    return Entry(
        tenant_id=event.tenant_id,
        sequence=event.sequence,
        event_id=event.event_id,
        causation_id=event.causation_id or "",
        partition=record.partition,
        offset=record.offset,
        occurred_at=micros(event.occurred_at),
        recorded_ms=record.timestamp_ms,
        kind=event.kind.value,
        hold_id=event.hold_id,
        run_id=event.run_id,
        step=event.step,
        call_id=event.call_id,
        attempt=event.attempt,
        model=event.model,
        provider=event.provider,
        workflow=event.workflow,
        principal=event.principal,
        team=event.team,
        amount_usd_micros=event.amount_usd_micros,
        held_usd_micros=event.held_usd_micros,
        billed_usd_micros=event.billed_usd_micros,
        in_doubt=event.in_doubt,
        level=event.level.value,
        reason=event.reason,
    )


def letter(event: DeadLetter, record: Record) -> Letter:
    """Returns the row of a dead letter, without the bytes."""
    return Letter(
        tenant_id=event.tenant_id,
        event_id=event.event_id,
        partition=record.partition,
        offset=record.offset,
        occurred_at=micros(event.occurred_at),
        recorded_ms=record.timestamp_ms,
        stage=event.stage,
        source_topic=event.source_topic,
        source_partition=event.source_partition,
        source_offset=event.source_offset,
        error=event.error,
        reason=event.reason,
    )
