"""Calls of a model, as the steps of runs request them."""

from datetime import datetime

from domain.ids import derive
from schemas.events import AiCall, CallStatus, Message


def requested(
    tenant_id: str, call_id: str, models_digest: str, messages: list[Message], at: datetime, max_tokens: int
) -> AiCall:
    """Returns the event that requests a call of the first model that these models name."""
    return AiCall(
        event_id=derive(call_id, "requested"),
        tenant_id=tenant_id,
        correlation_id=call_id,
        causation_id=call_id,
        occurred_at=at,
        run_id=derive(call_id, "run"),
        step="ask",
        call_id=call_id,
        status=CallStatus.REQUESTED,
        model="",
        models_digest=models_digest,
        max_tokens=max_tokens,
        messages=messages,
    )
