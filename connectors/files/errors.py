"""What can be wrong with a file, in one line that names file, row and cause.

Rejected
├── BadFile   nothing behind this place can be read: cut off, not what its name says, a column missing
├── BadRow    one row is wrong; those behind it can be read
└── Broken    why a reader cannot go on, before file and row are named
"""

from schemas.errors import Rejected


class BadFile(Rejected):
    """The file, or what is left of it, cannot be read."""


class BadRow(Rejected):
    """A row is wrong. `row` counts from 0, as `origin_row` does; the text counts from 1, as a person does."""

    def __init__(self, name: str, row: int, place: str, reason: str) -> None:
        where = f" ({place})" if place else ""
        super().__init__(f"{name}: row {row + 1}{where}: {reason}")
        self.row = row
        self.reason = reason


class Broken(Rejected):
    """A reader cannot go on. The text is the cause alone; whoever knows the file and the row makes it a BadFile."""


def excerpt(value: object, length: int = 60) -> str:
    """Returns a value as it may stand in a line of text: quoted, on one line, cut."""
    text = str(value)
    return repr(text if len(text) <= length else text[:length] + "...")
