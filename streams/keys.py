"""The states of the keys that one batch touches."""

from typing import Any

from schemas.record import Record
from streams.table import Claim, StateTable


class Keys:
    """The states of the keys of one batch: read once, changed in memory, written once."""

    def __init__(self, table: StateTable, claim: Claim) -> None:
        self._table = table
        self._claim = claim
        self._held: dict[bytes, tuple[dict[str, int], Any]] = {}
        self._changed: dict[bytes, tuple[dict[str, int], Any]] = {}

    def applied(self, record: Record) -> bool:
        """Returns True when the key's state already holds this record."""
        return record.offset <= self._get(record)[0].get(record.topic, -1)

    def state(self, record: Record) -> Any:
        """Returns the state of the record's key, None at first."""
        return self._get(record)[1]

    def put(self, record: Record, state: Any) -> None:
        """Takes the state after the record; one that is the same object as before is not written."""
        applied, before = self._get(record)
        if state is not before:
            key = record.key or b""
            self._held[key] = self._changed[key] = {**applied, record.topic: record.offset}, state

    async def write(self) -> None:
        """Writes every changed key."""
        await self._table.write(self._claim, self._changed)

    def _get(self, record: Record) -> tuple[dict[str, int], Any]:
        key = record.key or b""
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = self._table.get(self._claim, key)
        return found
