"""The digests of a whole record batch, checked where it lies: no record of it is made.

The headers that our codec writes are nearly the same bytes again and again: id and time differ, now and then source
and tenant. Headers of a form seen before are compared as four stretches of bytes. What is found sound here is sound
to `schemas.codec.Codec.check`; of anything else it says only that it may not be.
"""

from collections.abc import Callable, Container
from hashlib import sha256
from itertools import pairwise
from operator import itemgetter

from schemas.batch import RecordBatch
from schemas.catalogue import Topic
from schemas.errors import Undecodable
from schemas.layout import DIGEST_BYTES, layout
from schemas.record import LARGE, LENGTHS, length
from schemas.wire import long

SEEN_MAX = 1024
"""Forms of headers, and middles of each form, that are remembered."""
FRAME = 5

Places = tuple[int, int, int, int]
"""Where id and time of headers begin and end."""
Middle = tuple[bytes, bytes]
"""What is sealed of the headers between id and time, and the tenant that they name."""
Form = tuple[Places, Callable[[bytes], tuple[bytes, ...]], bytes, bytes, dict[bytes, Middle]]
"""Headers of one length whose parts lie at the same places: what takes them apart (before the id, id, between, time,
the rest), the bytes before the id, of which the last say its length, what is sealed in their place; and the middles, by
the bytes between id and time."""


class Seals:
    """Checks batches of one topic, and remembers what headers it has seen."""

    def __init__(self, topic: Topic) -> None:
        parts = layout(topic)
        self._headers = parts.headers
        self._sealed = parts.sealed
        self._tail = parts.headers[-1].same or b""
        self._tail_sealed = parts.sealed[-1].same or b""
        self._forms: dict[int, Form] = {}
        """By the length of the headers."""

    def sound(self, batch: RecordBatch, frames: Container[bytes], bytes_max: int) -> bool:
        """True when each record of a plain batch is as our codec writes them, digest and all.

        `frames` are the first bytes of a value that are known, `bytes_max` is what a value may have.
        """
        try:
            return self._sound(batch.data, batch.body_at, batch.end, batch.count, frames, bytes_max)
        except (IndexError, Undecodable):  # it ends in the middle of a record, or has a key or number longer than ours
            return False

    def _sound(self, data: bytes, end: int, last: int, count: int, frames: Container[bytes], bytes_max: int) -> bool:
        forms, tail, tail_sealed, lengths = self._forms, self._tail, self._tail_sealed, LENGTHS
        short, join = len(LENGTHS), b"".join
        frame = b""
        for delta in range(count):
            at = end + 1
            if (size := data[end]) > 0x7F:  # the record's length
                if (more := data[at]) > 0x7F:
                    size, at = long(data, end)
                    size <<= 1
                else:
                    size = size & 0x7F | more << 7
                    at += 1
            if size & 1:
                return False
            end = at + (size >> 1)
            at += 1  # its attributes
            while data[at] > 0x7F:  # its time, less that of the batch
                at += 1
            at += 2 if delta < 64 else 3 if delta < 8192 else 4  # and its offset, less that of the batch
            if (size := data[at]) & 0x81:  # no key, or a long one
                key_size, at = long(data, at)
                if key_size < 0:
                    return False
            else:
                key_size = size >> 1
                at += 1
            key_end = at + key_size
            if (size := data[key_end]) & 0x80 and (more := data[key_end + 1]) < 0x80 and not size & 1:
                size = (size & 0x7F | more << 7) >> 1
                value_at = key_end + 2
            else:
                size, value_at = long(data, key_end)
            if not frame or not data.startswith(frame, value_at):
                frame = data[value_at : value_at + FRAME]
                if frame not in frames:
                    return False
            if not FRAME < size <= bytes_max:
                return False
            value_end = value_at + size
            headers = data[value_end:end]
            form = forms.get(end - value_end)
            if form is not None:  # `opened`, but for what it would have to learn: a call costs a tenth of it all
                _, parts, head, head_sealed, middles = form
                said, event_id, between, time, rest = parts(headers)
                middle = middles.get(between)
                if middle is not None and said == head:
                    whole = (
                        lengths[key_size],
                        data[at:key_end],
                        lengths[size] if size < short else size.to_bytes(4),
                        data[value_at:value_end],
                        head_sealed,
                        event_id,
                        middle[0],
                        time,
                        tail_sealed,
                    )
                    if tail + sha256(join(whole)).digest() != rest:
                        return False
                    continue
            if self.opened(data[at:key_end], data[value_at:value_end], headers) is None:
                return False
        return end == last

    def opened(self, key: bytes, value: bytes, headers: bytes) -> tuple[bytes, bytes] | None:
        """Returns the ids of event and tenant that headers as our codec writes them name, when their digest holds.

        Otherwise, and when the value is large, it says nothing.
        """
        if len(value) > LARGE:
            return None
        try:
            form = self._forms.get(len(headers)) or self._learned(headers)
            if form is None:
                return None
            _, parts, head, head_sealed, middles = form
            said, event_id, between, time, rest = parts(headers)
            middle = middles.get(between)
            if middle is None or said != head:
                form = self._learned(headers)
                if form is None:
                    return None
                _, parts, head, head_sealed, middles = form
                _, event_id, between, time, rest = parts(headers)
                middle = middles[between]
        except (IndexError, Undecodable):
            return None
        whole = (
            length(key),
            key,
            length(value),
            value,
            head_sealed,
            event_id,
            middle[0],
            time,
            self._tail_sealed,
        )
        if self._tail + sha256(b"".join(whole)).digest() != rest:
            return None
        return event_id, middle[1]

    def _learned(self, headers: bytes) -> Form | None:
        """Returns the form of these headers, from now on remembered; None when they are not as ours are."""
        at, spans, middle = 0, [], []
        pairs = list(zip(self._headers[:-1:2], self._headers[1::2], self._sealed[::2], strict=False))
        for same, value, sealed in pairs:
            if not headers.startswith(same.same or b"", at):
                return None
            at += len(same.same or b"")
            size, at = long(headers, at)
            if not 0 <= size <= len(headers) - at:
                return None
            spans.append((at, at + size))
            middle += [sealed.same or b"", size.to_bytes(4), headers[at : at + size]]
            at += size
            timed = value.name == "_ce_time"
        if headers[at:-DIGEST_BYTES] != self._tail or len(headers) < DIGEST_BYTES:
            return None
        (id_begin, id_end), (time_begin, time_end) = spans[0], spans[-1] if timed else (at, at)
        places = id_begin, id_end, time_begin, time_end
        known = self._forms.get(len(headers))
        if known is None or known[0] != places:
            if len(self._forms) >= SEEN_MAX:
                self._forms.clear()
            bounds = (0, *places, len(headers))
            parts = itemgetter(*(slice(*each) for each in pairwise(bounds)))
            known = self._forms[len(headers)] = (places, parts, headers[:id_begin], b"".join(middle[:2]), {})
        middles = known[-1]
        if len(middles) >= SEEN_MAX:
            middles.clear()
        over = b"".join(middle[3:-1] if timed else middle[3:])
        middles[headers[id_end:time_begin]] = over, headers[slice(*spans[2])]
        return known
