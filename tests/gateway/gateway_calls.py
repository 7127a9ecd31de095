"""What calls say, and what is said of them."""

from typing import Any

from schemas.codec import Codec
from schemas.events import Request, RequestKind
from tests.harness import events

SAID = {"occurred_at": "2026-11-22T08:00:00Z", "source": "crm", "subject": "S-1", "type": "Opened"}


def calls(log: Any, codec: Codec) -> list[Request]:
    """Returns the calls on the log, by when they came."""
    found = [event for event in events(log, codec, "requests") if event.kind is RequestKind.CALL]
    return sorted(found, key=lambda call: call.event_id)
