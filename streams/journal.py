"""Remembers across crashes which record a stage was at: one that ends the process again and again is found."""

import mmap
from collections.abc import Sequence
from pathlib import Path
from struct import Struct as Layout

import msgspec

from schemas.catalogue import PARTITIONS
from schemas.record import Record

DEATHS_MAX = 3
"""A record at which the process ended so often is guilty."""
_AT = Layout("<qi")
_SLOT_BYTES = _AT.size
_mark = _AT.pack_into

Place = tuple[int, int]
"""Offset, and the topic's number from 1 on; (0, 0): none."""
NONE = (0, 0)


class Journal:
    """A slot for each partition number, and a file of its suspects, which the stage's processes on this machine share.

    A record is marked before it is decoded and decided, and the mark is taken away behind it: what stands there when
    a batch begins is where the last process ended, by whatever cause. It stays a suspect until it has passed; only
    the same record, three times, is guilty, and stays so until what is committed has passed it.
    """

    def __init__(self, folder: Path, stage: str, topics: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._stage = stage
        size = PARTITIONS * _SLOT_BYTES
        with (folder / f"{stage}.journal").open("ab+") as file:
            if file.tell() < size:
                file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)
        self._numbers = {topic: number for number, topic in enumerate(topics, 1)}
        self._suspects: dict[int, dict[Place, int]] = {}
        self._passed: dict[int, set[Place]] = {}
        self._begun: set[tuple[int, int]] = set()

    def begin(self, records: Sequence[Record]) -> None:
        """Looks at what the last process left; to be called before each batch of a partition."""
        partition = records[0].partition
        suspects = self._read(partition)
        at: Place = _AT.unpack_from(self._map, partition * _SLOT_BYTES)
        before = dict(suspects)
        if at != NONE:
            suspects[at] = suspects.get(at, 0) + 1
        for record in records:
            number = self._numbers[record.topic]
            if (
                partition,
                number,
            ) not in self._begun:  # where the topic goes on after a start: behind what is committed
                self._begun.add((partition, number))
                suspects = {
                    place: n for place, n in suspects.items() if place[1] != number or place[0] >= record.offset
                }
        if suspects != before or at != NONE:
            self._write(partition, suspects)
        self._suspects[partition] = suspects
        self._passed[partition] = set()

    def mark(self, record: Record) -> bool:
        """Says that this record is the one at work; returns True when it is guilty and should not be touched."""
        number = self._numbers[record.topic]
        _mark(self._map, record.partition * _SLOT_BYTES, record.offset, number)
        suspects = self._suspects[record.partition]
        if suspects:
            place = (record.offset, number)
            if suspects.get(place, 0) >= DEATHS_MAX:
                return True
            if place in suspects:
                self._passed[record.partition].add(place)
        return False

    def rest(self, partition: int) -> None:
        """Takes the mark away: nothing of the partition is at work."""
        _mark(self._map, partition * _SLOT_BYTES, *NONE)

    def end(self, partition: int) -> None:
        """Says that the batch is through; the suspects that were in it are none any more, the guilty ones are."""
        self.rest(partition)
        if self._passed[partition]:
            suspects = self._suspects[partition]
            for place in self._passed[partition]:
                del suspects[place]
            self._write(partition, suspects)
            self._passed[partition] = set()

    def _read(self, partition: int) -> dict[Place, int]:
        try:
            found = self._file(partition).read_bytes()
        except FileNotFoundError:
            return {}
        try:
            return {(offset, number): deaths for offset, number, deaths in _decode(found)}
        except msgspec.DecodeError:  # cut off by a full disk: they are found again
            return {}

    def _write(self, partition: int, suspects: dict[Place, int]) -> None:
        file = self._file(partition)
        fresh = file.with_suffix(".tmp")
        fresh.write_bytes(msgspec.msgpack.encode([(*place, deaths) for place, deaths in suspects.items()]))
        fresh.replace(file)
        self.rest(partition)

    def _file(self, partition: int) -> Path:
        return self._folder / f"{self._stage}-{partition}.suspects"


_decode = msgspec.msgpack.Decoder(list[tuple[int, int, int]]).decode
