"""What the detector's process is asked and what it answers: MessagePack behind a length of four bytes."""

from enum import StrEnum

from msgspec import Struct, field

from domain.concealment import Concealed, Scrubbed

READY = b"detector"
"""What the process says first, once it can answer."""


class Op(StrEnum):
    """What is done with the texts."""

    CONCEAL = "conceal"
    SCRUB = "scrub"


class Request(Struct, frozen=True, array_like=True):
    """One call: several texts, looked through together."""

    number: int
    op: Op
    texts: list[str]
    names: int
    """The number of a list of names."""
    kinds: list[str]
    structured: list[int] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


class Batch(Struct, frozen=True, array_like=True):
    """Requests that waited together; they are answered one by one, in order."""

    requests: list[Request]
    lists: dict[int, list[str]]
    """Lists of names that were not sent before."""
    forget: bool
    """Whether the lists sent before are forgotten."""
    limit_s: int
    """A request that takes longer ends the process."""


class Answered(Struct, frozen=True, array_like=True):
    """The answer to one request: one of the three."""

    number: int
    concealed: Concealed | None = None
    scrubbed: Scrubbed | None = None
    refused: str | None = None
