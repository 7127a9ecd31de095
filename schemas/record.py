"""A Kafka record as bytes: what is read, what is to be written, and the digest that seals it."""

from collections.abc import Sequence
from hashlib import sha256

from msgspec import Struct

DIGEST = "x-digest"

Headers = Sequence[tuple[str, bytes | None]]


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


def seal(key: bytes, value: bytes, headers: Headers) -> bytes:
    """Returns the SHA-256 over key, value and the `ce_*` headers in their order, each after its length (4 bytes)."""
    parts = [len(key).to_bytes(4), key, len(value).to_bytes(4), value]
    for name, content in headers:
        if name.startswith("ce_"):
            text = name.encode()
            body = content or b""
            parts += [len(text).to_bytes(4), text, len(body).to_bytes(4), body]
    return sha256(b"".join(parts)).digest()
