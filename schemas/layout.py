"""How the headers that our codec writes lie in a record of Kafka's: what is always the same, and what is not."""

from functools import cache

from msgspec import Struct

from schemas.catalogue import Topic
from schemas.record import DIGEST
from schemas.wire import number, string

DIGEST_BYTES = 32


class Part(Struct, frozen=True):
    """A stretch of a record's headers: bytes that are always the same, or a value that is not."""

    name: str
    same: bytes | None


class Layout(Struct, frozen=True):
    """How a topic's records of ours lie in a batch."""

    headers: list[Part]
    """The digest is the end of the last part."""
    sealed: list[Part]
    """What the digest is over, behind key and value."""


@cache
def layout(topic: Topic) -> Layout:
    """Returns the layout of the records that schemas.codec writes."""
    written: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", None),
        ("ce_type", topic.name.encode()),
        ("ce_source", None),
        ("ce_tenantid", None),
    ]
    if topic.exported:
        written += [("ce_time", None), ("ce_datacontenttype", b"application/avro")]
    headers, sealed = [], []
    same, over = number(len(written) + 1), b""
    for name, value in written:
        same += string(name.encode())
        over += len(name).to_bytes(4) + name.encode()
        if value is None:
            headers += [Part(f"_same_{name}", same), Part(f"_{name}", None)]
            sealed += [Part("", over), Part(f"_{name}", None)]
            same = over = b""
        else:
            same += string(value)
            over += len(value).to_bytes(4) + value
    headers.append(Part("_digest", same + string(DIGEST.encode()) + number(DIGEST_BYTES)))
    if over:
        sealed.append(Part("", over))
    return Layout(headers, sealed)
