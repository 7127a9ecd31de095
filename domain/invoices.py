"""Reads an invoice: the lines that say what was used, and those that cannot be read, by number."""

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from domain.reconciliation import Line
from schemas.errors import Rejected

COLUMNS = ("id", "model", "input_tokens", "output_tokens", "amount_usd", "time")
LINES_MAX = 1_000_000
FIELD_CHARACTERS_MAX = 1000
DIGITS = 18
"""Behind an amount's point, at most."""
_AMOUNT = re.compile(rf"(\d{{1,12}})(?:\.(\d{{1,{DIGITS}}}))?", re.ASCII)
_TOKENS = re.compile(r"\d{1,12}", re.ASCII)
_MICRO = 10 ** (DIGITS - 6)
"""A micro-dollar, in the last digit of an amount."""


class BadInvoice(Rejected):
    """The file is no invoice that can be read."""


class BadLine(Struct, frozen=True):
    """A line that cannot be read, and why; nothing of it is in any sum."""

    number: int
    reason: str


class Invoice(Struct, frozen=True):
    """Every line of a file: read, or bad."""

    lines: list[Line]
    bad: list[BadLine]
    exact_usd: str
    """The sum of the amounts as they are written; each line's own is rounded up to a whole micro-dollar, as the
    ledger's are."""


def invoice(text: Iterable[str], columns: Mapping[str, str] | None = None) -> Invoice:
    """Returns the invoice in the lines of a CSV file whose first line says the columns; empty lines are none.

    `columns` says what COLUMNS are called there, where they have other names; the file may have more. A field has no
    line break in it, so that what is wrong with a line never reaches the next. Raises BadInvoice when a column is
    missing, stands twice, or there are more than LINES_MAX lines.
    """
    numbered = enumerate(text, 1)
    names = {name: name for name in COLUMNS} | dict(columns or {})
    if unknown := sorted(set(names) - set(COLUMNS)):
        raise BadInvoice(f"no column is called {unknown[0]} here; there are {', '.join(COLUMNS)}")
    try:
        at = _places(_row(next(numbered, (1, ""))[1]), names)
    except ValueError as error:
        raise BadInvoice(f"line 1: {error}") from error
    lines: list[Line] = []
    bad: list[BadLine] = []
    exact = 0
    for number, each in numbered:
        if not each.strip():
            continue
        if len(lines) + len(bad) >= LINES_MAX:
            raise BadInvoice(f"more than {LINES_MAX} lines")
        try:
            line, amount = _line(number, _row(each), at)
        except ValueError as error:
            bad.append(BadLine(number, str(error)))
        else:
            lines.append(line)
            exact += amount
    return Invoice(lines, bad, f"{exact // 10**DIGITS}.{exact % 10**DIGITS:0{DIGITS}}".rstrip("0").rstrip("."))


def _row(text: str) -> list[str]:
    """Raises ValueError when the line is no CSV."""
    try:
        return next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _places(header: list[str], names: Mapping[str, str]) -> dict[str, int]:
    """Raises ValueError when a column is not there, or twice."""
    said = [cell.strip() for cell in header]
    for name in names.values():
        if said.count(name) != 1:
            found = "no column" if name not in said else "two columns"
            raise ValueError(f"{found} {name!r} in {', '.join(said) or 'nothing'}"[:500])
    return {column: said.index(name) for column, name in names.items()}


def _line(number: int, row: list[str], at: Mapping[str, int]) -> tuple[Line, int]:
    """Returns the line and its exact amount (a dollar is 10**DIGITS); raises ValueError saying what is wrong."""
    if len(row) <= max(at.values()):
        raise ValueError(f"{len(row)} fields, fewer than the first line has")
    said = {column: row[place].strip() for column, place in at.items()}
    for column in COLUMNS:
        if not 0 < len(said[column]) <= FIELD_CHARACTERS_MAX:
            raise ValueError(f"{column} has {len(said[column])} characters, not 1 to {FIELD_CHARACTERS_MAX}")
    amount = _AMOUNT.fullmatch(said["amount_usd"])
    if amount is None:
        raise ValueError(f"amount_usd {said['amount_usd']!r} is no amount such as 12.345678")
    for column in ("input_tokens", "output_tokens"):
        if not _TOKENS.fullmatch(said[column]):
            raise ValueError(f"{column} {said[column]!r} is no whole number")
    exact = int(amount[1]) * 10**DIGITS + int((amount[2] or "").ljust(DIGITS, "0"))
    line = Line(
        number=number,
        id=said["id"],
        model=said["model"],
        input_tokens=int(said["input_tokens"]),
        output_tokens=int(said["output_tokens"]),
        usd_micros=-(-exact // _MICRO),
        time=_time(said["time"]),
    )
    return line, exact


def _time(text: str) -> datetime:
    """A time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text!r} is not one as in ISO 8601") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
