"""State by key: RocksDB on this machine, a changelog on Kafka; a batch at a time."""

import asyncio
import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import rocksdict

from domain.ports import LogReader, Publisher
from schemas.errors import Unavailable
from streams.changelog import CLAIM, Fenced, Fold, contiguous, stamped

log = logging.getLogger(__name__)

MIB = 1024 * 1024
WRITE_BUFFER_BYTES = MIB
FILE_BYTES = 16 * MIB
"""Of each partition's database."""
BLOCKS_BYTES = 16 * MIB
"""Of what the databases of all tables and partitions in a process have read: blocks, indices, filters."""
CACHE_BYTES = MIB // 4
"""Of decoded states kept in memory for each partition, by the size of their encoding."""
POSITION = b"position"
"""The key under which a database keeps how far it has taken in its changelog."""
STATE = b"state/"
"""Begins the keys of states in a database."""
DAMAGED = "damaged"
"""The file that says that a database cannot be read; the next process begins it anew."""


class Kept(msgspec.Struct):
    """A key's state as it lies in the table, with the last offset applied of each input topic."""

    applied: dict[str, int]
    state: msgspec.Raw


class Position(msgspec.Struct, frozen=True):
    """How far a database has taken in its changelog."""

    offset: int = 0
    epoch: int = -1
    stale: list[bytes] = []
    """Keys that are still to be said once more: see streams.changelog."""


class Claim:
    """Our hold on one partition, from an assignment to the next."""

    __slots__ = ("cache", "cached", "db", "epoch", "generation", "next", "partition")

    def __init__(self, partition: int, generation: int, epoch: int, db: Any) -> None:
        self.partition = partition
        self.generation = generation
        self.epoch = epoch
        self.next = epoch + 1
        self.db = db
        self.cache: dict[bytes, tuple[tuple[dict[str, int], Any], int]] = {}
        """Decoded states, each with the size of its encoding."""
        self.cached = 0

    def keep(self, key: bytes, size: int, kept: tuple[dict[str, int], Any]) -> None:
        """Remembers a decoded state."""
        before = self.cache.get(key)
        if before is not None:
            self.cached -= before[1]
        elif self.cached > CACHE_BYTES:
            self.cache.clear()
            self.cached = 0
        self.cache[key] = kept, size
        self.cached += size


class StateTable:
    """Keeps bytes by key for each partition of a stage's inputs.

    The changelog is acknowledged first; then keys and the changelog's offset go into RocksDB in one batch, so that
    what is on disk never runs ahead of the log. Whoever takes over a partition claims it and reads what the disk
    lacks; see streams.changelog for what a writer that lost it can no longer do.
    """

    def __init__(
        self,
        changelog: str,
        folder: Path,
        state: type[Any],
        publisher: Publisher,
        reader: LogReader,
        generation: Callable[[], int],
    ) -> None:
        self.changelog = changelog
        self._folder = folder
        self._decoder = msgspec.msgpack.Decoder(state)
        self._publisher = publisher
        self._reader = reader
        self._generation = generation
        self._claims: dict[int, Claim] = {}
        self._dbs: dict[int, Any] = {}
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def claim(self, partition: int) -> Claim:
        """Returns the hold on the partition, with all state there is; made anew after each assignment."""
        async with self._locks[partition]:
            held = self._claims.get(partition)
            generation = self._generation()
            if held is None or held.generation != generation:
                held = self._claims[partition] = await self._claimed(partition, generation)
            return held

    def get(self, claim: Claim, key: bytes) -> tuple[dict[str, int], Any]:
        """Returns the offsets applied by topic, and the state of the key; nothing and None when there is none."""
        held = claim.cache.get(key)
        if held is not None:
            return held[0]
        with self._reading(claim.partition):
            value = claim.db.get(STATE + key)
        if value is None:
            return {}, None
        kept = msgspec.msgpack.decode(value, type=Kept)
        found = kept.applied, self._decoder.decode(kept.state)
        claim.keep(key, len(value), found)
        return found

    def states(self) -> Iterator[tuple[bytes, Any]]:
        """Yields every key that is ours now, and its state: as it lies on disk, so without what is being written."""
        for claim in list(self._claims.values()):
            if claim.generation != self._generation():
                continue
            with self._reading(claim.partition):
                found = [(key, value) for key, value in claim.db.items() if key.startswith(STATE)]
            for key, value in found:
                yield key[len(STATE) :], self._decoder.decode(msgspec.msgpack.decode(value, type=Kept).state)

    async def write(self, claim: Claim, states: Mapping[bytes, tuple[dict[str, int], Any]]) -> None:
        """Writes each changed key once (offsets applied, state); returns when changelog and disk have it.

        Raises Fenced when the partition is no longer ours, ValueError for a key that is empty.
        """
        if not states:
            return
        if CLAIM in states:
            raise ValueError("a state has no key")
        values = {key: encode(*kept) for key, kept in states.items()}
        async with self._locks[claim.partition]:  # one after the other, or the disk's offset passes what is not on it
            if self._claims.get(claim.partition) is not claim:
                raise Fenced(f"partition {claim.partition} of {self.changelog} was assigned anew")
            await self._append(claim, values)
            for key, value in values.items():
                claim.keep(key, len(value), states[key])

    async def verify(self) -> None:
        """Raises Fenced when somebody else wrote to a partition that is ours; a write would find it too."""
        expected = {
            partition: claim.next for partition, claim in self._claims.items() if not self._locks[partition].locked()
        }
        if not expected:
            return
        ends = await asyncio.to_thread(self._reader.ends, self.changelog)
        for partition, offset in expected.items():
            claim = self._claims[partition]
            still = not self._locks[partition].locked() and claim.next == offset
            if still and claim.generation == self._generation() and ends.get(partition, 0) > offset:
                raise Fenced(f"partition {partition} of {self.changelog} ends at {ends[partition]}, not at {offset}")

    def close(self) -> None:
        """Closes the databases."""
        for db in self._dbs.values():
            db.close()
        self._dbs.clear()
        self._claims.clear()

    async def _claimed(self, partition: int, generation: int) -> Claim:
        """Claims the partition, and takes in what was written since the disk was last at the log's end."""
        place = (await self._publisher.append(self.changelog, partition, [(CLAIM, b"claim")]))[0]
        fold = await asyncio.to_thread(self._catch_up, partition, place.start)
        claim = Claim(partition, generation, place.start, self._dbs[partition])
        if fold.stale:  # said once more in our name, or compaction would keep what does not count
            log.warning("changes of a former writer", extra={"changelog": self.changelog, "keys": len(fold.stale)})
            with self._reading(partition):
                values = {key: claim.db.get(STATE + key) for key in fold.stale}
            await self._append(claim, values)
        return claim

    async def _append(self, claim: Claim, values: Mapping[bytes, bytes | None]) -> None:
        pairs = [(key, stamped(claim.epoch, value or b"")) for key, value in values.items()]
        places = await self._publisher.append(self.changelog, claim.partition, pairs)
        claim.next = contiguous(claim.next, places)
        self._take(claim.partition, claim.db, values.items(), Position(claim.next, claim.epoch))

    def _catch_up(self, partition: int, end: int) -> Fold:
        """Brings the partition's database to the claim at `end`; begins anew when it is of another log."""
        db = self._open(partition)
        at = self._position(partition, db)
        if at.offset > end:
            log.warning("state of another log", extra={"changelog": self.changelog, "partition": partition})
            db = self._anew(partition)
            at = Position()
        fold = Fold(at.epoch, at.stale)
        if at.offset < end:
            for records in self._reader.read(self.changelog, partition, at.offset, end):
                changes = fold.take(records)
                self._take(partition, db, changes, Position(records[-1].offset + 1, fold.epoch, sorted(fold.stale)))
        self._take(partition, db, (), Position(end + 1, end, sorted(fold.stale)))
        return fold

    def _take(self, partition: int, db: Any, changes: Iterable[tuple[bytes, bytes | None]], at: Position) -> None:
        """Puts changes and position on disk, together or not at all."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            if value:
                batch.put(STATE + key, value)
            else:
                batch.delete(STATE + key)
        batch.put(POSITION, msgspec.msgpack.encode(at))
        with self._reading(partition):
            db.write(batch)

    def _position(self, partition: int, db: Any) -> Position:
        with self._reading(partition):
            found = db.get(POSITION)
        return Position() if found is None else msgspec.msgpack.decode(found, type=Position)

    @contextmanager
    def _reading(self, partition: int) -> Iterator[None]:
        """Lets the next process begin the partition's database anew when this one finds it damaged."""
        try:
            yield
        except Exception as error:
            (self._folder / f"{partition}.{DAMAGED}").touch()
            log.critical("state on disk is damaged", extra={"partition": partition, "error": str(error)})
            raise

    def _open(self, partition: int) -> Any:
        if (self._folder / f"{partition}.{DAMAGED}").exists():
            return self._anew(partition)
        if partition not in self._dbs:
            path = self._folder / str(partition)
            try:
                self._dbs[partition] = _opened(path)
            except Exception as error:
                if str(error).startswith("IO error") and "lock" in str(error):
                    raise Unavailable(f"{path} is held by another process") from error
                log.warning("state on disk cannot be read", extra={"path": str(path), "error": str(error)})
                return self._anew(partition)
        return self._dbs[partition]

    def _anew(self, partition: int) -> Any:
        """Returns an empty database in place of what is there: the changelog has it all."""
        found = self._dbs.pop(partition, None)
        if found is not None:
            found.close()
        path = self._folder / str(partition)
        shutil.rmtree(path, ignore_errors=True)
        self._dbs[partition] = _opened(path)
        (self._folder / f"{partition}.{DAMAGED}").unlink(missing_ok=True)
        return self._dbs[partition]


def encode(applied: dict[str, int], state: Any) -> bytes:
    """Returns the bytes of a key's state as the table keeps it."""
    return msgspec.msgpack.encode(Kept(applied, msgspec.Raw(msgspec.msgpack.encode(state))))


@cache
def _read_blocks() -> Any:
    return rocksdict.Cache(BLOCKS_BYTES)


def _opened(path: Path) -> Any:
    path.mkdir(parents=True, exist_ok=True)
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_block_cache(_read_blocks())
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_bloom_filter(10, False)
    options = rocksdict.Options(raw_mode=True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_target_file_size_base(FILE_BYTES)
    options.set_keep_log_file_num(2)
    return rocksdict.Rdict(str(path), options)
