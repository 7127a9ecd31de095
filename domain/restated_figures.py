"""What the reason of an adjustment says of a restatement: its figures."""

import re

from msgspec import Struct

_FIGURES = re.compile(
    r"restated \S+ through \d{1,18}: (\d{1,18}) attempts, (-?\d{1,18}) -> (-?\d{1,18}) micro-dollars; "
)


class Figures(Struct, frozen=True):
    """What a restatement has found: attempts, what they were billed at, and what they cost as prices were known."""

    attempts: int
    old_usd_micros: int
    new_usd_micros: int


def figures(reason: str) -> Figures | None:
    """Returns what the reason of an adjustment says of a restatement; None when it is none."""
    found = _FIGURES.match(reason)
    return Figures(*map(int, found.groups())) if found is not None else None
