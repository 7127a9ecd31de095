"""How the headers that our codec writes lie in a record of Kafka's: what is always the same, and what is not."""

from functools import cache

from msgspec import Struct

from schemas.catalogue import Topic
from schemas.record import DIGEST
from schemas.wire import number, string

DIGEST_BYTES = 32
MARK = string(DIGEST.encode()) + number(DIGEST_BYTES)
"""What stands before the digest, behind all that it is over."""
TAIL = len(MARK) + DIGEST_BYTES


class Part(Struct, frozen=True):
    """A stretch of a record's headers: bytes that are always the same, or a value that is not."""

    name: str
    same: bytes | None


@cache
def layout(topic: Topic) -> list[Part]:
    """Returns the headers of the records that schemas.codec writes; behind the last part comes the digest."""
    written: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", None),
        ("ce_type", topic.name.encode()),
        ("ce_source", None),
        ("ce_tenantid", None),
    ]
    if topic.exported:
        written += [("ce_time", None), ("ce_datacontenttype", b"application/avro")]
    headers, same = [], number(len(written) + 1)
    for name, value in written:
        same += string(name.encode())
        if value is None:
            headers += [Part(f"_same_{name}", same), Part(f"_{name}", None)]
            same = b""
        else:
            same += string(value)
    return [*headers, Part("_digest", same + MARK)]
