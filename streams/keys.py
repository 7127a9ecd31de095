"""The states of the keys that one run touches."""

from typing import Any

from schemas.record import Record
from streams.table import StateTable


class Keys:
    """The states of the keys of one run: read once, changed in memory, written once."""

    def __init__(self, table: StateTable | None, partition: int) -> None:
        self._table = table
        self._partition = partition
        self._read: dict[bytes, tuple[dict[str, int], Any]] = {}
        self._changed: set[bytes] = set()

    def applied(self, record: Record) -> bool:
        """Returns True when the key's state already holds this record."""
        return self._table is not None and record.offset <= self._get(record)[0].get(record.topic, -1)

    def state(self, record: Record) -> Any:
        """Returns the state of the record's key, None at first."""
        return self._get(record)[1] if self._table is not None else None

    def put(self, record: Record, state: Any) -> None:
        """Takes the state after the record; one that is the same object as before is not written."""
        if self._table is None:
            return
        applied, before = self._get(record)
        if state is not before:
            key = record.key or b""
            self._read[key] = ({**applied, record.topic: record.offset}, state)
            self._changed.add(key)

    async def write(self) -> None:
        """Writes every changed key."""
        if self._table is None:
            return
        states = {}
        for key in self._changed:
            states[key] = self._table.encode(*self._read[key])
        self._changed.clear()
        await self._table.write(self._partition, states)

    def _get(self, record: Record) -> tuple[dict[str, int], Any]:
        key = record.key or b""
        found = self._read.get(key)
        if found is None:
            assert self._table is not None
            found = self._read[key] = self._table.get(self._partition, key)
        return found
