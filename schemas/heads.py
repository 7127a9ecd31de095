"""The headers that our codec writes, with the digest over them, as schemas.record.seal gives it."""

from hashlib import sha256

from schemas.catalogue import Topic
from schemas.events import Event
from schemas.layout import MARK, layout
from schemas.record import SentHeaders, length

SEEN_MAX = 1024
"""Pairs of source and tenant that are remembered."""


class Heads:
    """Makes the headers of one topic's events, and remembers what is the same in many."""

    def __init__(self, topic: Topic) -> None:
        self._exported = topic.exported
        same = [part.same or b"" for part in layout(topic)[::2]]
        self._before_id, self._before_source, self._before_tenant, self._before_time = same[:4]
        self._behind = same[-1].removesuffix(MARK)
        self._heads: dict[tuple[str, str], bytes] = {}
        """By source and tenant: what stands from behind the id to the tenant."""

    def headers(self, event: Event, source: str, key: bytes, value: bytes) -> SentHeaders:
        """Returns the headers of the event's record; the last is what `seal` gives of the others."""
        at = source, event.tenant_id
        event_id = event.event_id.encode()
        said = self._before_id + length(event_id) + event_id + (self._heads.get(at) or self._learned(*at))
        if self._exported:
            time = event.occurred_at.isoformat().encode()
            said += self._before_time + length(time) + time + self._behind
        sealed = length(key), key, length(value), value, said
        return SentHeaders(said + MARK + sha256(b"".join(sealed)).digest())

    def _learned(self, source: str, tenant_id: str) -> bytes:
        """Returns what this source and tenant are written as, from now on remembered."""
        if len(self._heads) >= SEEN_MAX:
            self._heads.clear()
        said_by, tenant = source.encode(), tenant_id.encode()
        found = self._before_source + length(said_by) + said_by + self._before_tenant + length(tenant) + tenant
        self._heads[source, tenant_id] = found
        return found
