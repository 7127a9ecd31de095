"""The headers that our codec writes, with the digest over them, as schemas.record.seal gives it."""

from hashlib import sha256

from schemas.catalogue import Topic
from schemas.events import Event
from schemas.layout import MARK, layout
from schemas.record import DIGEST, EVENT_ID, TENANT_ID, Pair, length

SEEN_MAX = 1024
"""Pairs of source and tenant that are remembered."""
SPECVERSION: Pair = "ce_specversion", b"1.0"
CONTENT_TYPE: Pair = "ce_datacontenttype", b"application/avro"

Head = tuple[Pair, Pair, bytes]
"""The headers that say source and tenant, and what is sealed from behind the id to the tenant."""


class Heads:
    """Makes the headers of one topic's events, and remembers what is the same in many."""

    def __init__(self, topic: Topic) -> None:
        self._kind: Pair = "ce_type", topic.name.encode()
        self._exported = topic.exported
        same = [part.same or b"" for part in layout(topic)[::2]]
        self._before_id, self._before_source, self._before_tenant, self._before_time = same[:4]
        self._behind = same[-1].removesuffix(MARK)
        self._heads: dict[tuple[str, str], Head] = {}

    def headers(self, event: Event, source: str, key: bytes, value: bytes) -> list[Pair]:
        """Returns the headers of the event's record; the last is what `seal` gives of the others."""
        at = source, event.tenant_id
        said_by, tenant, sealed = self._heads.get(at) or self._learned(*at)
        event_id = event.event_id.encode()
        headers: list[Pair] = [SPECVERSION, (EVENT_ID, event_id), self._kind, said_by, tenant]
        parts = [length(key), key, length(value), value, self._before_id, length(event_id), event_id, sealed]
        if self._exported:
            time = event.occurred_at.isoformat().encode()
            headers += ("ce_time", time), CONTENT_TYPE
            parts += self._before_time, length(time), time, self._behind
        headers.append((DIGEST, sha256(b"".join(parts)).digest()))
        return headers

    def _learned(self, source: str, tenant_id: str) -> Head:
        """Returns the headers for this source and tenant, from now on remembered."""
        if len(self._heads) >= SEEN_MAX:
            self._heads.clear()
        said_by, tenant = source.encode(), tenant_id.encode()
        sealed = self._before_source + length(said_by) + said_by + self._before_tenant + length(tenant) + tenant
        head = self._heads[source, tenant_id] = ("ce_source", said_by), (TENANT_ID, tenant), sealed
        return head
