"""What the ledger has billed, attempt by attempt."""

from datetime import datetime

from msgspec import Struct

from domain.prices import Usage


class Billed(Struct, frozen=True, kw_only=True):
    """One attempt that was billed, as it stands now."""

    tenant_id: str
    hold_id: str
    run_id: str
    call_id: str
    attempt: int
    model: str
    provider: str
    occurred_at: datetime
    sequence: int
    """The tenant's, of the entry that billed it."""
    usd_micros: int
    """What it costs: as billed, and adjusted since."""
    in_doubt: bool = False
    """Nobody knows what it took: billed for its whole hold."""
    usage: Usage | None = None
    """What it took; None when the log does not say."""
    prices_digest: str = ""
    """The definition that priced it."""
    models_digest: str = ""
    """The models it was pinned to."""
