"""Decides what becomes of a dead letter that somebody mends: an event like those that clients offer, once."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.doors import Call, offered
from domain.identity import Principal
from domain.ids import derive
from schemas.catalogue import Topic
from schemas.events import DeadLetter, Event

KIND = "mended-letter"


class Mended(Struct, frozen=True, forbid_unknown_fields=True):
    """That a dead letter was mended, as a definition of its tenant: of two who mend one, the first on the log has."""

    id: str
    """The letter's."""
    topic: str
    event_id: str
    """Of what was sent in its place."""
    digest: str
    """SHA-256 of what was sent, canonical, in hex."""
    principal: str


def mended(topic: Topic, content: bytes, letter: DeadLetter, call: Call, principal: Principal) -> Event:
    """Returns the event that is sent in the place of a letter; raises BadEvent.

    It is what `offered` makes of the same content, but its cause is the letter, and its id follows from that unless the
    content says one.
    """
    fresh = derive(letter.event_id, "mended")
    found = offered(topic, content, replace(call, idempotency_key=None), principal, 0, fresh)
    return msgspec.structs.replace(found, causation_id=letter.event_id)
