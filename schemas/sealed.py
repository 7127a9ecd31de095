"""The digests of records where they lie in a batch: none is made.

The digest is over a record as Kafka writes it, so it is taken of a stretch of the batch. What is found sound here is
sound to `schemas.codec.Codec.check`; of anything that our codec would write otherwise it says only that it may not be.
"""

from collections.abc import Callable
from hashlib import sha256
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.layout import DIGEST_BYTES, MARK, TAIL, layout
from schemas.record import PREFIX, length

if TYPE_CHECKING:
    import numpy as np


class Seals:
    """Checks records of one topic."""

    def __init__(self, topic: Topic) -> None:
        self._same = [part.same or b"" for part in layout(topic)[::2]]
        """What stands before the value of each header, and before the digest."""
        self._arrays: Any = None

    def bodies(
        self, batch: RecordBatch, known: Callable[[bytes], bool], bytes_max: int
    ) -> "tuple[bytes, np.ndarray[Any, Any]] | None":
        """Returns where the bodies of a plain batch lie, and the prefix that all of its values have.

        Only when each record is as our codec writes it: the digest holds, the value has at most `bytes_max` bytes and
        begins with a prefix that is known, and the body with the event and the tenant that the headers name; else None.
        """
        import numpy as np  # the kernels take a second to load: not for those that read no batches

        from schemas import kernels
        from schemas.digests import sha256 as many

        if self._arrays is None:
            cuts = np.array([0, *accumulate(map(len, self._same))], np.int64)
            self._arrays = np.frombuffer(b"".join(self._same), np.uint8), cuts
        data = batch.data
        seen = np.frombuffer(data, np.uint8)
        found = np.empty((batch.count, kernels.END + 1), np.int64)
        if not batch.count or not kernels.scan(seen, batch.body_at, batch.end, found):
            return None
        first = int(found[0, kernels.VALUE_AT])
        prefix = data[first : first + PREFIX]
        said = np.empty(batch.count * DIGEST_BYTES, np.uint8)
        if not known(prefix) or not kernels.laid(
            seen, found, np.frombuffer(prefix, np.uint8), bytes_max, *self._arrays, said
        ):
            return None
        if many(seen, found[:, (kernels.KEY_AT, kernels.END)] - (0, TAIL)) != said.tobytes():
            return None
        return prefix, found[:, kernels.VALUE_AT : kernels.VALUE_END + 1] + (PREFIX, 0)

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
