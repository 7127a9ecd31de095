"""State by key: a Faust table on RocksDB, written a run at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import faust
import msgspec
import rocksdict

from domain.ports import Publisher
from schemas.catalogue import PARTITIONS

NAME = "state"
MIB = 1024 * 1024
MEMORY = {
    "write_buffer_size": 4 * MIB,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * MIB,
    "block_cache_size": 8 * MIB,
}
"""Of each partition's database; Faust's defaults let one take hundreds of megabytes."""


class Kept(msgspec.Struct):
    """A key's state as it lies in the table, with the last offset applied of each input topic."""

    applied: dict[str, int]
    state: msgspec.Raw


class StateTable:
    """Keeps bytes by key for each partition of a stage's inputs.

    Faust assigns, recovers and moves the partitions. Writing is ours: the changelog is acknowledged first, then keys
    and the changelog's offset go into RocksDB in one batch, so that what is on disk never runs ahead of the log.
    """

    def __init__(self, app: faust.App, state: type[Any], publisher: Publisher) -> None:
        self._decoder = msgspec.msgpack.Decoder(state)
        self._table: Any = app.Table(
            NAME,
            key_type=bytes,  # and so serialised raw: recovery drops a changelog record that it cannot decode
            value_type=bytes,
            partitions=PARTITIONS,
            options={"driver": "rocksdict", **MEMORY},
        )
        self._changelog = self._table.changelog_topic.get_topic_name()
        self._publisher = publisher
        self._writing: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def get(self, partition: int, key: bytes) -> tuple[dict[str, int], Any]:
        """Returns the offsets applied by topic, and the state of the key; nothing and None when there is none."""
        value = self._db(partition).get(key)
        if value is None:
            return {}, None
        kept = msgspec.msgpack.decode(value, type=Kept)
        return kept.applied, self._decoder.decode(kept.state)

    @staticmethod
    def encode(applied: dict[str, int], state: Any) -> bytes:
        """Returns the bytes that `get` reads."""
        return msgspec.msgpack.encode(Kept(applied, msgspec.Raw(msgspec.msgpack.encode(state))))

    async def write(self, partition: int, states: Mapping[bytes, bytes]) -> None:
        """Writes each changed key once; returns when changelog and disk have it."""
        if not states:
            return
        async with self._writing[partition]:  # one after the other, or the offset on disk passes what is not on it
            last = await self._publisher.append(self._changelog, partition, list(states.items()))
            batch = rocksdict.WriteBatch(raw_mode=True)
            for key, value in states.items():
                batch.put(key, value)
            batch.put(self._table.data.offset_key, str(last).encode())
            self._db(partition).write(batch)

    def _db(self, partition: int) -> Any:
        return self._table.data._db_for_partition(partition)
