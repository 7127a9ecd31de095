"""Deliveries as a sender makes them: signed with the secret of the tests' webhooks, unless it is another one."""

import json
import time
from typing import Any

from gateway_calls import SAID

from domain.webhooks import signature
from tests.gateway.conftest import SIGNED_WITH, WEBHOOKS

HOOK = f"/hooks/{WEBHOOKS['acme']}"


def content_of(said: Any) -> bytes:
    """Returns a body."""
    return said if isinstance(said, bytes) else json.dumps(said).encode()


def signed(said: Any = SAID, name: str = "msg_1", secret: bytes = SIGNED_WITH, late_s: int = 0) -> dict[str, str]:
    """Returns the headers of a delivery that was signed so many seconds ago."""
    timestamp = str(int(time.time()) - late_s)
    shown = signature(secret, name, timestamp, content_of(said)).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{shown}",
    }
