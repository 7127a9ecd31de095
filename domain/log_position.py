"""A place on the log that a caller is told of what it wrote, and shows again to read what it wrote."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domain.read_models import TOPICS as READ
from domain.read_models import Place
from schemas.catalogue import TOPICS
from schemas.errors import Rejected

CHARACTERS_MAX = 4096
PLACES_MAX = 64
OFFSET_MAX = 2**63 - 1


class BadPosition(Rejected):
    """This is no position."""


class LogPosition(Struct, frozen=True):
    """By topic and partition the offset behind the last record that was written."""

    offsets: Mapping[Place, int]

    def encode(self) -> str:
        """Returns the position in one word, the same for the same places."""
        places = [(topic, partition, offset) for (topic, partition), offset in sorted(self.offsets.items())]
        return urlsafe_b64encode(msgspec.json.encode(places)).decode().rstrip("=")

    def reached(self, applied: Mapping[Place, int]) -> bool:
        """Returns whether all of it is in what has been taken in so far (by place the next offset)."""
        return all(applied.get(place, 0) >= offset for place, offset in self.offsets.items())

    def unread(self) -> list[str]:
        """Returns the topics of it that no read model follows: what reads them is never so far."""
        return sorted({topic for topic, _ in self.offsets if topic not in READ})


_Offset = Annotated[int, Meta(ge=1, le=OFFSET_MAX)]
_PLACES = msgspec.json.Decoder(Annotated[list[tuple[str, int, _Offset]], Meta(min_length=1, max_length=PLACES_MAX)])


def decode(text: str) -> LogPosition:
    """Returns the position; raises BadPosition for what is none, such as a place that there cannot be."""
    if len(text) > CHARACTERS_MAX:
        raise BadPosition(f"a position of {len(text)} characters, more than {CHARACTERS_MAX}")
    try:
        places = _PLACES.decode(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise BadPosition("this is no position") from error
    found: dict[Place, int] = {}
    for topic, partition, offset in places:
        if topic not in TOPICS or not 0 <= partition < TOPICS[topic].partitions or (topic, partition) in found:
            raise BadPosition("this is no position")
        found[topic, partition] = offset
    return LogPosition(found)
