"""The headers that our codec writes, and the digest at their end."""

from hashlib import sha256

from schemas.catalogue import Topic
from schemas.events import Event
from schemas.record import (
    CONTENT,
    DIGEST,
    EVENT_ID,
    ID,
    LARGE,
    LENGTHS,
    SHORT,
    SOURCE,
    TENANT,
    TENANT_ID,
    TIME,
    TYPE,
    VERSION,
    Pair,
    seal,
)

SEEN_MAX = 1024
"""Pairs of source and tenant that are remembered."""

Head = tuple[Pair, Pair, Pair, bytes]
"""The headers that say type, source and tenant, and what is sealed of them; nothing when they are long."""


class Heads:
    """Makes the headers of one topic's events, and remembers what is the same in many."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._kind = topic.name.encode()
        self._heads: dict[tuple[str, str], Head] = {}

    def headers(self, event: Event, source: str, key: bytes, value: bytes) -> list[Pair]:
        """Returns the headers of the event's record; the last is what `seal` gives of the others."""
        at = source, event.tenant_id
        kind, said_by, tenant, sealed = self._heads.get(at) or self._learned(*at)
        event_id = event.event_id.encode()
        headers: list[Pair] = [SPECVERSION, (EVENT_ID, event_id), kind, said_by, tenant]
        time = b""
        if self._topic.exported:
            time = event.occurred_at.isoformat().encode()
            headers += ("ce_time", time), CONTENT_TYPE
        size = len(value)
        if not sealed or len(event_id) >= SHORT or len(key) >= len(LENGTHS) or size > LARGE:
            digest = seal(key, value, headers)
        else:
            length = LENGTHS[size] if size < len(LENGTHS) else size.to_bytes(4)
            parts = [LENGTHS[len(key)], key, length, value, BEGIN, ID[len(event_id)], event_id, sealed]
            if time:
                parts += TIME[len(time)], time, END
            digest = sha256(b"".join(parts)).digest()
        headers.append((DIGEST, digest))
        return headers

    def _learned(self, source: str, tenant_id: str) -> Head:
        """Returns the headers for this source and tenant, from now on remembered."""
        if len(self._heads) >= SEEN_MAX:
            self._heads.clear()
        kind, said_by, tenant = self._kind, source.encode(), tenant_id.encode()
        sealed = b""
        if max(len(said_by), len(tenant)) < SHORT:
            sealed = TYPE[len(kind)] + kind + SOURCE[len(said_by)] + said_by + TENANT[len(tenant)] + tenant
        head = ("ce_type", kind), ("ce_source", said_by), (TENANT_ID, tenant), sealed
        self._heads[source, tenant_id] = head
        return head


SPECVERSION: Pair = "ce_specversion", b"1.0"
CONTENT_TYPE: Pair = "ce_datacontenttype", b"application/avro"
BEGIN = VERSION[3] + b"1.0"
END = CONTENT[16] + b"application/avro"
