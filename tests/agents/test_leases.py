"""Holds end with their leases, also when nobody asks for anything any more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.codec import Codec
from schemas.events import BudgetEntry, EntryKind
from tests.agents.running import Asking
from tests.harness import events, feed, until


def test_the_hold_that_nobody_spends_or_gives_back_ends_with_its_lease(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    asked = BudgetEntry(
        event_id="6f1b1c1e-0000-4000-8000-000000000001",
        tenant_id="acme",
        correlation_id="6f1b1c1e-0000-4000-8000-000000000001",
        occurred_at=now,
        kind=EntryKind.HOLD_REQUESTED,
        hold_id="h",
        amount_usd_micros=70,
        lease_until=now + timedelta(seconds=4),
    )
    feed(log, [registered.encode(asked, "test")])
    asking = Asking(log, prefix, tmp_path)
    try:
        asking.start("nobody")

        def decided() -> list[BudgetEntry]:
            return [each for each in events(log, registered, "budget-entries") if each.sequence]

        until(lambda: len(decided()) == 2, 60)
    finally:
        asking.kill()
    held, expired = decided()
    assert (held.kind, expired.kind) == (EntryKind.HELD, EntryKind.EXPIRED)
    assert (held.held_usd_micros, expired.held_usd_micros, expired.billed_usd_micros) == (70, -70, 70)
    assert expired.in_doubt
    assert asked.lease_until is not None
    assert asked.lease_until <= expired.occurred_at
