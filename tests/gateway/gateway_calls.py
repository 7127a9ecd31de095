"""What calls say, and what is said of them."""

from typing import Any

from argon2 import PasswordHasher

from domain.workflows import CALLS
from gateway.passwords import Passwords
from runtime.secrets import signing_key
from schemas.codec import Codec
from schemas.events import Request
from tests.harness import events

PASSWORD = "a horse, a battery"
PASSWORDS = Passwords(bytes(32), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
SIGNING = signing_key()
"""What signs the tokens."""
SAID = {"occurred_at": "2026-11-22T08:00:00Z", "source": "crm", "subject": "S-1", "type": "Opened"}


def calls(log: Any, codec: Codec) -> list[Request]:
    """Returns the calls on the log, by when they came."""
    found = [event for event in events(log, codec, "requests") if event.kind in CALLS]
    return sorted(found, key=lambda call: call.event_id)
