"""What is asked and told of dead letters, as the contract says it."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.log_records import Head
from gateway.questions import Paged, Text


class LettersAsked(Paged, frozen=True):
    """Which dead letters."""

    stage: Text | None = None
    topic: Text | None = None
    """The topic that its record lies on, or was meant for."""


class LetterDocument(Struct, frozen=True, kw_only=True):
    """What was given up, why, and where it lies; a source partition of -1 says that it never lay on its topic."""

    id: str
    at: datetime
    recorded_at: datetime
    partition: int
    offset: int
    stage: str
    source_topic: str
    source_partition: int
    source_offset: int
    error: str
    reason: str
    mendable: bool
    """Whether its topic is open to clients."""
    mended: str | None
    """The event that was sent in its place."""


class LetterList(Struct, frozen=True):
    """A page of dead letters, the newest first."""

    dead_letters: list[LetterDocument]
    next: str | None
    as_of: str | None


class LetterDetail(Struct, frozen=True, kw_only=True):
    """A dead letter with its bytes; `text` when they are text, `draft` the fields that they say when they can be read
    as what the topic takes."""

    dead_letter: LetterDocument
    key: str
    bytes: int
    value_base64: str
    text: str | None
    draft: dict[str, Any] | None
    headers: list[Head]


class MendedLetter(Struct, frozen=True):
    """The id of what was sent, and its place on the log."""

    event_id: str
    position: str
