"""What is said of an AI call on `ai-calls` and `budget-entries`: every moment of it, with ids that follow from it."""

from datetime import datetime

import msgspec

from domain.definitions import Definitions
from domain.ids import derive
from schemas.events import AiCall, BudgetEntry, BudgetLevel, CallStatus, EntryKind


def moment(requested: AiCall, status: CallStatus, attempt: int, model: str, provider: str, now: datetime) -> AiCall:
    """Returns a moment of an attempt; it carries nothing of what is asked."""
    return AiCall(
        event_id=derive(requested.call_id, str(attempt), status),
        tenant_id=requested.tenant_id,
        correlation_id=requested.correlation_id,
        causation_id=requested.event_id,
        occurred_at=now,
        run_id=requested.run_id,
        step=requested.step,
        call_id=requested.call_id,
        status=status,
        attempt=attempt,
        model=model,
        provider=provider,
        models_digest=requested.models_digest,
        workflow_digest=requested.workflow_digest,
        rules_digest=requested.rules_digest,
        rules_version=requested.rules_version,
        max_tokens=requested.max_tokens,
        principal=requested.principal,
        task=requested.task,
    )


def outcome(requested: AiCall, status: CallStatus, attempt: int, now: datetime, reason: str = "") -> AiCall:
    """Returns how the call ended: of whatever it says there is one for each call."""
    end = moment(requested, status, attempt, "", "", now)
    return msgspec.structs.replace(
        end,
        event_id=derive(requested.call_id, "outcome"),
        input=requested.input,
        conversation=requested.conversation,
        reason=reason,
    )


def entry(
    requested: AiCall,
    definitions: Definitions,
    kind: EntryKind,
    hold_id: str,
    now: datetime,
    *,
    attempt: int,
    model: str,
    provider: str,
    amount: int = 0,
    prices: str | None = None,
    in_doubt: bool = False,
    lease_until: datetime | None = None,
    level: BudgetLevel = BudgetLevel.UNKNOWN,
) -> BudgetEntry:
    """Returns what an attempt asks of the budgets."""
    digest = requested.workflow_digest
    return BudgetEntry(
        event_id=derive(hold_id, kind, "in doubt" if in_doubt else ""),
        tenant_id=requested.tenant_id,
        correlation_id=requested.correlation_id,
        causation_id=requested.event_id,
        occurred_at=now,
        kind=kind,
        hold_id=hold_id,
        run_id=requested.run_id,
        step=requested.step,
        call_id=requested.call_id,
        attempt=attempt,
        model=model,
        provider=provider,
        workflow=definitions.workflow(digest).id if digest is not None else "",
        principal=requested.principal,
        amount_usd_micros=amount,
        in_doubt=in_doubt,
        lease_until=lease_until,
        level=level,
        models_digest=requested.models_digest,
        prices_digest=prices,
    )
