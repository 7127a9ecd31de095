"""What counts on a changelog: who may write a partition, and which of what was written holds.

A writer claims a partition with a record of its own; the claim's offset is the writer's epoch, and stands before the
value of each record it writes. A record of an epoch older than one that stands before it was written by somebody who
had lost the partition without knowing it (a process frozen and woken): it never counts. Epochs follow from the log
alone, so all who read it agree.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.record import Record

CLAIM = b""
"""The key of claims; no state has an empty key."""
EPOCH_BYTES = 8


class Fenced(Exception):
    """Somebody else writes this partition of the changelog."""


class Change(NamedTuple):
    """A key's value from here on; None when it has none any more."""

    key: bytes
    value: bytes | None


def stamped(epoch: int, value: bytes) -> bytes:
    """Returns the value as it stands on the changelog."""
    return epoch.to_bytes(EPOCH_BYTES) + value


def contiguous(begin: int, places: Iterable[range]) -> int:
    """Returns the offset after the places; raises Fenced unless they follow `begin` without a hole."""
    for place in places:
        if place.start != begin:
            raise Fenced(f"offset {begin} was expected, {place.start} was written")
        begin = place.stop
    return begin


class Fold:
    """Takes a changelog's records in order, and tells what counts."""

    def __init__(self, epoch: int = -1, stale: Iterable[bytes] = ()) -> None:
        self.epoch = epoch
        """Of the last claim or change that counts."""
        self.stale = set(stale)
        """Keys of which a change that does not count lies on the log: compaction would keep it instead of theirs."""

    def take(self, records: Sequence[Record]) -> list[Change]:
        """Returns the changes that count."""
        changes = []
        for record in records:
            key, value = record.key or CLAIM, record.value or b""
            if key == CLAIM:
                self.epoch = max(self.epoch, record.offset)
                continue
            epoch = int.from_bytes(value[:EPOCH_BYTES])
            if not self.epoch <= epoch < record.offset or len(value) < EPOCH_BYTES:  # of the past, or of nobody
                self.stale.add(key)
                continue
            self.epoch = epoch
            self.stale.discard(key)
            changes.append(Change(key, value[EPOCH_BYTES:] or None))
        return changes
