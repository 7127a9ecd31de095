"""A Kafka record as bytes: what is read, what is to be written, and the digest that seals it."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from msgspec import Struct

from schemas.errors import Undecodable
from schemas.wire import long, number, string

DIGEST = "x-digest"
EVENT_ID = "ce_id"
TENANT_ID = "ce_tenantid"
NULL = number(-1)
MAGIC = 0
PREFIX = 5
"""The magic byte and the schema id (4 bytes, big endian) before the Avro body."""


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


class CheckedHeaders(SentHeaders, frozen=True, gc=False):
    """Headers that were found sound together with the record's key and value, digest and all, see schemas.sealed."""


Pair = tuple[str, bytes | None]
Headers = Sequence[Pair] | SentHeaders


def raw(headers: Headers) -> bytes:
    """Returns the headers as Kafka writes them."""
    if isinstance(headers, SentHeaders):
        return headers.raw
    return number(len(headers)) + _pairs(headers)


LENGTHS = tuple(number(size) for size in range(1024))
"""Lengths as Kafka writes them before what they are of."""


def length(content: bytes) -> bytes:
    """Returns the length of what follows it in a record, as Kafka writes it."""
    size = len(content)
    return LENGTHS[size] if size < len(LENGTHS) else number(size)


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
    if isinstance(headers, SentHeaders) and source not in headers.raw:
        return False
    return header(headers, "ce_source") == source


def nullable(data: bytes, at: int) -> tuple[bytes | None, int]:
    """Returns the bytes whose length lies at `at`, None when it is negative, and where what follows begins."""
    size, at = long(data, at)
    return (None, at) if size < 0 else (data[at : at + size], at + size)


def seal(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """Returns the SHA-256 over a record as Kafka writes it that has the `ce_*` headers and, last, the digest alone.

    That is: key, value, the number of these headers with the digest, and name and content of each but the digest; what
    has a length stands behind it, a zigzag varint, -1 for what is null. Other headers, a tracer's say, are not sealed.
    """
    ours = [(name, content) for name, content in headers if name.startswith("ce_")]
    return sha256(_nullable(key) + _nullable(value) + number(len(ours) + 1) + _pairs(ours)).digest()


def named(headers: Headers) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Returns the digest that the headers say, and the ids of event and tenant that they name.

    Of several headers of one name the first counts.
    """
    if isinstance(headers, SentHeaders):
        headers = list(headers)
    return header(headers, DIGEST), header(headers, EVENT_ID), header(headers, TENANT_ID)


def _pairs(headers: Sequence[Pair]) -> bytes:
    return b"".join(string(name.encode()) + _nullable(content) for name, content in headers)


def _nullable(content: bytes | None) -> bytes:
    return NULL if content is None else string(content)
