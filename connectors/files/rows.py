"""What a reader gives: one row after the other, and where it stands."""

from collections.abc import Iterator
from typing import Any, Protocol

from msgspec import Struct

Row = dict[str, Any]
"""A row's values by column, as its format has them: text alone in CSV, anything in the others."""

ROW_BYTES_MAX = 16 * 1024 * 1024
"""No row may take more; it is what keeps memory flat."""


class Unreadable(Struct, frozen=True):
    """A row that its format cannot read, though the rows behind it can be."""

    reason: str
    raw: bytes
    """What there was of it, so that a change of it is noticed."""


class Layout(Struct, frozen=True, kw_only=True):
    """How the text of a file is written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    short_rows: str = "reject"
    """reject, or fill: a row with fewer fields than the header has empty ones at its end."""


class Reader(Protocol):
    """Reads the rows of one format."""

    @property
    def columns(self) -> list[str] | None:
        """Every column there is; None when each row names its own."""

    def __iter__(self) -> Iterator[Row | Unreadable]:
        """Yields the rows in order, once; raises Broken where nothing more can be read."""

    def place(self) -> str:
        """Says where the row last given stands, as a person finds it: `line 12`; empty when its number says it."""
