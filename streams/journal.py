"""Remembers across crashes which record a stage was at: one that ends the process again and again is found."""

import mmap
from pathlib import Path
from struct import Struct as Layout

from schemas.catalogue import PARTITIONS
from schemas.record import Record

DEATHS_MAX = 3
"""A record at which the process ended so often is given up."""
_AT = Layout("<qi")
_SUSPECT = Layout("<qii")
_SLOT_BYTES = _AT.size + _SUSPECT.size
_mark = _AT.pack_into

Place = tuple[int, int]
"""Offset, and the topic's number from 1 on; (0, 0): none."""
NONE = (0, 0)


class Journal:
    """One slot for each partition number, in a file that the stage's processes on this machine share.

    A record is marked before it is decoded and decided, and the mark is taken away after the batch: what stands there
    when a batch begins is where the last process ended, by whatever cause. It stays a suspect until it has passed;
    only the same record, three times in a row, is guilty.
    """

    def __init__(self, folder: Path, stage: str, topics: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        size = PARTITIONS * _SLOT_BYTES
        with (folder / f"{stage}.journal").open("ab+") as file:
            if file.tell() < size:
                file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)
        self._numbers = {topic: number for number, topic in enumerate(topics, 1)}
        self._suspects: dict[int, tuple[Place, int]] = {}
        self._passed: set[int] = set()

    def begin(self, partition: int) -> None:
        """Looks at what the last process left; to be called before each batch of the partition."""
        at, suspect, deaths = self._read(partition)
        if at != NONE:
            deaths = deaths + 1 if at == suspect else 1
            suspect = at
            self._write(partition, suspect, deaths)
        if suspect != NONE:
            self._suspects[partition] = suspect, deaths
        else:
            self._suspects.pop(partition, None)

    def mark(self, record: Record) -> bool:
        """Says that this record is the one at work; returns True when it is guilty and should not be touched."""
        number = self._numbers[record.topic]
        _mark(self._map, record.partition * _SLOT_BYTES, record.offset, number)
        if record.partition in self._suspects:
            suspect, deaths = self._suspects[record.partition]
            if suspect == (record.offset, number):
                self._passed.add(record.partition)
                return deaths >= DEATHS_MAX
        return False

    def end(self, partition: int) -> None:
        """Says that the batch is through; a suspect that was in it is none any more."""
        if partition in self._passed:
            self._passed.discard(partition)
            self._suspects.pop(partition, None)
            self._write(partition, NONE, 0)
        else:
            _mark(self._map, partition * _SLOT_BYTES, *NONE)

    def _read(self, partition: int) -> tuple[Place, Place, int]:
        begin = partition * _SLOT_BYTES
        offset, number, deaths = _SUSPECT.unpack_from(self._map, begin + _AT.size)
        at: Place = _AT.unpack_from(self._map, begin)
        return at, (offset, number), deaths

    def _write(self, partition: int, suspect: Place, deaths: int) -> None:
        begin = partition * _SLOT_BYTES
        _SUSPECT.pack_into(self._map, begin + _AT.size, *suspect, deaths)
        _mark(self._map, begin, *NONE)
