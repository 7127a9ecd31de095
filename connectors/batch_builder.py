"""A record batch on its way to Kafka, where aiokafka's producer expects a BatchBuilder of its own.

Headers lie in an `Outgoing` as Kafka writes them, so nothing is taken apart to be put together again; and the checksum
is the processor's.
"""

import time
from struct import Struct as Layout

from crc32c import crc32c

from schemas.batch import CRC_FROM, HEAD, LENGTH_AT
from schemas.batch import MAGIC as FORMAT
from schemas.record import LENGTHS, NULL, Headers, length, raw
from schemas.wire import number

BATCH_BYTES = 1024 * 1024
NOBODY = -1, -1, -1
"""Producer id, epoch and first sequence of a batch that belongs to no producer yet."""
FIRST, SEALED = Layout(">qiibI"), Layout(">hiqqqhii")
"""The two halves of schemas.batch.HEAD: to the checksum, and what it is over."""
BEFORE = tuple(b"\0\0" + number(delta) for delta in range(4096))
"""Attributes, time and offset of a record, less those of its batch; the first two are 0 for all."""


class BatchBuilder:
    """Records for one partition, written at the same moment."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0
        self._size = HEAD.size
        self._producer = NOBODY
        self._built: bytes | None = None
        self._ms = time.time_ns() // 1_000_000

    def append(self, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
        """Adds a record; False when the batch is full. The first one may be of any size."""
        before = BEFORE[self._count] if self._count < len(BEFORE) else b"\0\0" + number(self._count)
        before_key = NULL if key is None else length(key)
        before_value = NULL if value is None else length(value)
        key, value, said = key or b"", value or b"", raw(headers)
        size = len(before) + len(before_key) + len(key) + len(before_value) + len(value) + len(said)
        sized = LENGTHS[size] if size < len(LENGTHS) else number(size)
        if self._count and self._size + len(sized) + size > BATCH_BYTES:
            return False
        self._parts += sized, before, before_key, key, before_value, value, said
        self._size += len(sized) + size
        self._count += 1
        return True

    def record_count(self) -> int:
        """Returns how many records there are."""
        return self._count

    def size(self) -> int:
        """Returns how many bytes they take."""
        return self._size

    def close(self) -> None:
        """Nothing is added any more by anyone; see `closed`."""

    def closed(self) -> bool:
        """Returns True: the producer adds nothing, and waits for nothing more."""
        return True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """Makes the batch this producer's."""
        assert self._built is None
        self._producer = producer_id, producer_epoch, base_sequence

    def _build(self) -> bytes:
        """Returns the batch as it is sent, each time the same."""
        if self._built is None:
            sealed = SEALED.pack(0, self._count - 1, self._ms, self._ms, *self._producer, self._count)
            content = b"".join([sealed, *self._parts])
            first = FIRST.pack(0, CRC_FROM - LENGTH_AT + len(content), -1, FORMAT, crc32c(content))
            self._built = first + content
            self._parts = []
        return self._built
