"""The digests of records where they lie in a batch: none is made.

The digest is over a record as Kafka writes it, so it is taken of a stretch of the batch. What is found sound here is
sound to `schemas.codec.Codec.check`; of anything that our codec would write otherwise it says only that it may not be.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.layout import DIGEST_BYTES, MARK, TAIL, layout
from schemas.record import PREFIX, CheckedHeaders, Record, length

if TYPE_CHECKING:
    import numpy as np


class Found(Struct, frozen=True):
    """Where the parts of the records of batches lie in their data, all of them sound."""

    number: int
    """The schema id of all of them."""
    parts: "np.ndarray[Any, Any]"
    """A row for each, as schemas.kernels.scan gives it."""

    @property
    def bodies(self) -> "np.ndarray[Any, Any]":
        """Where each Avro body begins and ends."""
        from schemas.kernels import VALUE_AT, VALUE_END

        return self.parts[:, VALUE_AT : VALUE_END + 1] + (PREFIX, 0)

    def records(self, batch: RecordBatch) -> list[Record]:
        """Returns the records of the batch, which is the only one, with headers that say they are checked."""
        topic, partition, ms, data = batch.topic, batch.partition, batch.timestamp_ms, batch.data
        return [
            Record(topic, partition, offset, ms, data[key:over], data[value:headers], CheckedHeaders(data[headers:end]))
            for offset, (_, key, over, value, headers, end) in enumerate(self.parts.tolist(), batch.offset)
        ]


class Seals:
    """Checks records of one topic."""

    def __init__(self, topic: Topic) -> None:
        self._same = [part.same or b"" for part in layout(topic)[::2]]
        """What stands before the value of each header, and before the digest."""
        self._arrays: Any = None

    def found(self, batches: Sequence[RecordBatch], known: Callable[[bytes], bool], bytes_max: int) -> "Found | None":
        """Returns where the parts of the records of plain batches lie, which all lie in the same data.

        Only when each record is as our codec writes it: the digest holds, the value has at most `bytes_max` bytes and
        begins with a prefix that is known, and the body with the event and the tenant that the headers name; else None.
        """
        import numpy as np  # the kernels take a second to load: not for those that read no batches

        from schemas import kernels
        from schemas.digests import sha256 as many

        if self._arrays is None:
            cuts = np.array([0, *accumulate(map(len, self._same))], np.int64)
            self._arrays = np.frombuffer(b"".join(self._same), np.uint8), cuts
        data = batches[0].data
        seen = np.frombuffer(data, np.uint8)
        count = sum(batch.count for batch in batches)
        parts = np.empty((count, kernels.END + 1), np.int64)
        where = np.array([(batch.body_at, batch.end, batch.count) for batch in batches], np.int64)
        if not count or not kernels.scan(seen, where, parts):
            return None
        first = int(parts[0, kernels.VALUE_AT])
        prefix = data[first : first + PREFIX]
        said = np.empty(count * DIGEST_BYTES, np.uint8)
        if not known(prefix) or not kernels.laid(
            seen, parts, np.frombuffer(prefix, np.uint8), bytes_max, *self._arrays, said
        ):
            return None
        if many(seen, parts[:, (kernels.SEALED_AT, kernels.END)] - (0, TAIL)) != said.tobytes():
            return None
        return Found(int.from_bytes(prefix[1:]), parts)

    def opened(self, key: bytes, value: bytes, headers: bytes) -> tuple[bytes, bytes] | None:
        """Returns the ids of event and tenant that headers as our codec writes them name, when their digest holds.

        Otherwise, and when a header is long, it says nothing.
        """
        sealed = headers[:-TAIL]
        over = length(key), key, length(value), value, sealed
        if MARK + sha256(b"".join(over)).digest() != headers[-TAIL:]:
            return None
        at, found = 0, []
        for same in self._same[:3]:
            begin = at + len(same) + 1
            if begin > len(sealed) or not sealed.startswith(same, at) or (size := sealed[begin - 1]) & 0x81:
                return None
            at = begin + (size >> 1)
            found.append(sealed[begin:at])
        event_id, _, tenant_id = found
        return (event_id, tenant_id) if at <= len(sealed) else None
