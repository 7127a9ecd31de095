"""How far each file has been taken, as ingest asks for it."""

from typing import Protocol

from schemas.events import IngestPosition


class Positions(Protocol):
    """Knows the positions on the log."""

    def last(self, tenant: str, source: str, file: str) -> IngestPosition | None:
        """Returns the position last written for this file (the digest of its head), None when there is none.

        Asked up to some thousand times for one file, so it answers from memory.
        """


class MemoryPositions:
    """Positions as they were read from `ingest-positions`; the one kept last counts."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], IngestPosition] = {}

    def keep(self, position: IngestPosition) -> None:
        """Takes the next record of the topic, in the order of its partition."""
        self._last[position.tenant_id, position.source, position.file] = position

    def last(self, tenant: str, source: str, file: str) -> IngestPosition | None:
        """Returns the position last kept for this file, None when there is none."""
        return self._last.get((tenant, source, file))
