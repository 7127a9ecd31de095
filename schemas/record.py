"""A Kafka record as bytes: what is read, what is to be written, and the digest that seals it."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct

from schemas.errors import Undecodable
from schemas.wire import long

DIGEST = "x-digest"
EVENT_ID = "ce_id"
TENANT_ID = "ce_tenantid"


class SentHeaders(Struct, frozen=True, gc=False):
    """The headers of a record as they lie in its batch; taken apart each time they are gone through.

    A name that is no text has its bytes spelled out (`\\xff`): Kafka takes any. Bytes that are no headers, which no
    broker takes, raise Undecodable.
    """

    raw: bytes

    def __iter__(self) -> Iterator[tuple[str, bytes | None]]:
        raw = self.raw
        try:
            count, at = long(raw, 0)
            for _ in range(count):
                name, at = nullable(raw, at)
                value, at = nullable(raw, at)
                yield (name or b"").decode(errors="backslashreplace"), value
        except IndexError:
            raise Undecodable("headers that end early") from None
        if at != len(raw):
            raise Undecodable("headers of another size than they say")


Pair = tuple[str, bytes | None]
Headers = Sequence[Pair] | SentHeaders

LARGE = 1024 * 1024
"""Larger values are hashed where they lie, not joined with the rest first."""
SHORT = 128
"""Shorter values of headers are sealed without writing down their lengths anew."""

LENGTHS = tuple(size.to_bytes(4) for size in range(1024))


def length(content: bytes) -> bytes:
    """Returns the length of what is sealed, in the 4 bytes that come before it."""
    size = len(content)
    return LENGTHS[size] if size < len(LENGTHS) else size.to_bytes(4)


def _begun(name: str, length: int) -> bytes:
    """Returns what is sealed before a header's value: its name and the value's length, each length in 4 bytes."""
    text = name.encode()
    return len(text).to_bytes(4) + text + length.to_bytes(4)


VERSION, ID, TYPE, SOURCE, TENANT, TIME, CONTENT = (
    tuple(_begun(name, length) for length in range(SHORT))
    for name in ("ce_specversion", EVENT_ID, "ce_type", "ce_source", TENANT_ID, "ce_time", "ce_datacontenttype")
)
"""What is sealed before the values of the headers that we write, by the lengths of these."""


class Record(Struct, frozen=True):
    """A record as it lies on a topic. `timestamp_ms` is Kafka's append time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> str:
        """Topic, partition and offset, as one word."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Outgoing(Struct, frozen=True):
    """A record to be written; the broker gives it its place."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


def header(headers: Headers, name: str) -> bytes | None:
    """Returns the first header of this name, None when there is none."""
    for each, value in headers:
        if each == name:
            return value
    return None


def said_by(record: Record, source: bytes) -> bool:
    """Returns True when the record's `ce_source` is this."""
    headers = record.headers
    if type(headers) is SentHeaders and source not in headers.raw:
        return False
    return header(headers, "ce_source") == source


def nullable(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Returns the bytes whose length lies at `at`, None when it is negative, and where what follows begins."""
    size, at = long(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)


def seal(key: bytes, value: bytes, headers: Headers) -> bytes:
    """Returns the SHA-256 over key, value and the `ce_*` headers in their order, each after its length (4 bytes)."""
    return opened(key, value, headers)[1]


def opened(key: bytes, value: bytes, headers: Headers) -> tuple[bytes | None, bytes, bytes | None, bytes | None]:
    """Returns the digest that the headers say, the one that `seal` gives, and the ids of event and tenant they name.

    Of several headers of one name the first counts.
    """
    if isinstance(headers, SentHeaders):
        headers = list(headers)
    parts = [length(key), key, length(value), value]
    digest, event_id, tenant_id = _usual(headers, parts) or _unusual(headers, parts)
    if len(value) <= LARGE:
        return digest, sha256(b"".join(parts)).digest(), event_id, tenant_id
    sealed = sha256(b"".join(parts[:3]))
    sealed.update(value)
    sealed.update(b"".join(parts[4:]))
    return digest, sealed.digest(), event_id, tenant_id


Named = tuple[bytes | None, bytes | None, bytes | None]
"""The digest that headers say, and the ids of event and tenant that they name."""


def _usual(headers: Any, parts: list[bytes]) -> Named | None:
    """Adds what is sealed of headers that are those we write, in our order; None, and nothing, of any others."""
    if not 5 <= len(headers) <= 8:
        return None
    (a, version), (b, event_id), (c, kind), (d, source), (e, tenant_id), *rest = headers
    if a != "ce_specversion" or b != EVENT_ID or c != "ce_type" or d != "ce_source" or e != TENANT_ID:
        return None
    digest = None
    try:
        parts += VERSION[len(version)], version, ID[len(event_id)], event_id, TYPE[len(kind)], kind
        parts += SOURCE[len(source)], source, TENANT[len(tenant_id)], tenant_id
        if len(rest) > 1:
            (a, time), (b, content), *rest = rest
            if a != "ce_time" or b != "ce_datacontenttype":
                raise LookupError
            parts += TIME[len(time)], time, CONTENT[len(content)], content
        if rest:
            [(a, digest)] = rest
            if a != DIGEST:
                raise LookupError
    except (LookupError, TypeError, ValueError):  # another header; one that is long, or null; one too many
        del parts[4:]
        return None
    return digest, event_id, tenant_id


def _unusual(headers: Sequence[Pair], parts: list[bytes]) -> Named:
    """Adds what is sealed of any headers, after the four parts that come before."""
    for name, content in headers:
        if name.startswith("ce_"):
            body = content or b""
            parts += _begun(name, len(body)), body
    return header(headers, DIGEST), header(headers, EVENT_ID), header(headers, TENANT_ID)
