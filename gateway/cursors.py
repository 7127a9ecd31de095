"""Cursors of pages: where the next page begins, in one word that means nothing to its holder."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.reading import R
from gateway.bodies import BadBody

CHARACTERS_MAX = 2048
TEXT = r"^[^\x00]*\Z"
"""Of a text that is looked for: PostgreSQL knows no zero byte."""
_Value = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Meta(max_length=200, pattern=TEXT)]
_VALUES = msgspec.json.Decoder(list[_Value])


class BadCursor(BadBody):
    """This is no cursor of this list."""


def cursor(row: R, order: Sequence[str]) -> str:
    """Returns the cursor of what follows this row."""
    return urlsafe_b64encode(msgspec.json.encode([getattr(row, name) for name in order])).decode().rstrip("=")


def behind(text: str | None, kinds: Sequence[type]) -> tuple[str | int, ...]:
    """Returns the values that a cursor holds, each of its kind; none for no cursor. Raises BadCursor."""
    if text is None:
        return ()
    try:
        if len(text) > CHARACTERS_MAX:
            raise ValueError
        values = _VALUES.decode(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise BadCursor("this is no cursor") from None
    if [type(value) for value in values] != list(kinds):
        raise BadCursor("this is no cursor of this list")
    return tuple(values)
