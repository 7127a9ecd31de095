"""What the detector's process is asked and what it answers: MessagePack behind a length of four bytes."""

from enum import StrEnum

import msgspec
from msgspec import Struct, field

from domain.concealment import Concealed, Scrubbed, restore, restore_json

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


def wrong(request: Request, answered: Answered) -> str | None:
    """Returns what shows that this is not the answer to the request, None when nothing does."""
    if answered.number != request.number:
        return f"an answer to {answered.number}, asked was {request.number}"
    if answered.refused is not None:
        return None
    if request.op is Op.CONCEAL:
        return "no concealed texts" if answered.concealed is None else _untrue(request, answered.concealed)
    scrubbed = answered.scrubbed
    return None if scrubbed is not None and len(scrubbed.texts) == len(request.texts) else "no scrubbed texts"


def _untrue(request: Request, concealed: Concealed) -> str | None:
    """Returns what is wrong with the answer: its values must give the texts as they were."""
    if len(concealed.texts) != len(request.texts):
        return "not as many texts as asked"
    if not all(concealed.values.values()) or not request.values.items() <= concealed.values.items():
        return "values are missing"
    for place, (before, after) in enumerate(zip(request.texts, concealed.texts, strict=True)):
        is_json = place in request.structured
        again = (restore_json if is_json else restore)(after, concealed.values)
        if again != before and not (is_json and _same_json(again, before)):
            return f"text {place} does not come back as it was"
    return None


def _same_json(one: str, other: str) -> bool:
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return False
