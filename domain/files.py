"""Decides what a tenant's file may be called, and what of a list is the next page."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from schemas.errors import Rejected

NAME_CHARACTERS_MAX = 200
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]*[A-Za-z0-9_-])?")
"""Nothing else is a name: so none leads anywhere, and none is that of what we keep beside the files."""
PAGE, PAGE_MAX = 100, 1_000


class BadFileName(Rejected):
    """Nothing can be called so."""


class BadPage(Rejected):
    """There is no such page."""


class Listed(Struct, frozen=True):
    """A file as a list shows it."""

    name: str
    bytes: int
    modified_at: datetime


def named(text: str) -> str:
    """Returns the name; raises BadFileName."""
    if len(text) > NAME_CHARACTERS_MAX or not NAME.fullmatch(text):
        raise BadFileName(
            f"a file's name has 1 to {NAME_CHARACTERS_MAX} of A-Z, a-z, 0-9, space and . _ -; "
            "it begins with a letter or digit and ends with neither space nor dot"
        )
    return text


def page(files: Sequence[Listed], limit: str | None, cursor: str | None) -> tuple[Sequence[Listed], str | None]:
    """Returns so many files that come after the cursor, by name, and the cursor of what is left; raises BadPage."""
    count = PAGE
    if limit is not None:
        if not (
            limit.isascii() and limit.isdigit() and len(limit) <= len(str(PAGE_MAX)) and 0 < int(limit) <= PAGE_MAX
        ):
            raise BadPage(f"limit is a number from 1 to {PAGE_MAX}")
        count = int(limit)
    ordered = sorted(files, key=lambda each: each.name)
    begin = bisect_right(ordered, _after(cursor), key=lambda each: each.name) if cursor is not None else 0
    found = ordered[begin : begin + count]
    return found, _cursor(found[-1].name) if begin + count < len(ordered) else None


def _cursor(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _after(cursor: str) -> str:
    try:
        name = named(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, BadFileName):
        raise BadPage("the cursor is none that was given") from None
    if _cursor(name) != cursor:
        raise BadPage("the cursor is none that was given")
    return name
