"""One canonical spelling for every declared type, whatever format a value comes from."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.files.errors import excerpt

Convert = Callable[[Any], str]

DIGITS_MAX = 400
"""More digits than any number has that was measured or counted; keeps `1e999999999` from filling the memory."""
INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
BOOLEANS = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
"""Microseconds in one unit."""

_nested = msgspec.json.Encoder(order="deterministic", decimal_format="number", enc_hook=str)
_parse = msgspec.json.Decoder(float_hook=Decimal)


def content(value: Any) -> bytes:
    """Returns compact JSON with sorted keys; equal values give equal bytes. Raises ValueError when text is no text."""
    return _nested.encode(value)


def text(value: Any) -> str:
    """Returns a value of any type as text; empty for what is none (NaN)."""
    for kind, spelled in SPELLINGS:
        if isinstance(value, kind):
            return spelled(value)
    return str(value)


def integer(value: Any) -> str:
    """Returns `42`; takes digits, and numbers that are whole."""
    if isinstance(value, str) and INTEGER.fullmatch(value.strip()):
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float | Decimal) and isfinite(value) and value == int(value):
        return str(int(value))
    raise ValueError(f"{excerpt(value)} is no integer")


def decimal(value: Any) -> str:
    """Returns `1234.5`: no exponent, no zeros behind the last digit of the fraction."""
    if isinstance(value, str):
        if DECIMAL.fullmatch(value.strip()):
            return plain(Decimal(value.strip()))
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if found.is_finite():
            return plain(found)
    raise ValueError(f"{excerpt(value)} is no decimal number")


def boolean(value: Any) -> str:
    """Returns `true` or `false`; takes those, yes and no, 1 and 0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    found = BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{excerpt(value)} is neither true nor false")
    return found


def day(pattern: str) -> Convert:
    """Returns a converter to `2026-03-17`; the pattern is `iso8601` or one of strptime's."""

    def convert(value: Any) -> str:
        if isinstance(value, datetime):
            if value.time() != time():
                raise ValueError(f"{excerpt(value)} is a moment, not a day")
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        try:
            if pattern == "iso8601":
                return date.fromisoformat(str(value).strip()).isoformat()
            return datetime.strptime(str(value).strip(), pattern).date().isoformat()  # noqa: DTZ007
        except ValueError as error:
            raise ValueError(f"{excerpt(value)} is no date") from error

    return convert


def json_text(value: Any) -> str:
    """Returns compact JSON with sorted keys; text is read as JSON first."""
    if isinstance(value, str):
        try:
            value = _parse.decode(value)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise ValueError(f"{excerpt(value)} is not JSON") from error
    return content(value).decode()


def moment(pattern: str, zone: str | None) -> Callable[[Any], datetime]:
    """Returns a reader of moments, in UTC.

    The pattern is `iso8601`, `epoch_s`, `epoch_ms` or one of strptime's; the zone counts where the value names none.
    Of an hour that a clock shows twice, the first is meant.
    """
    home = None if zone is None else zone_of(zone)
    unit = EPOCHS.get(pattern)

    def read(value: Any) -> datetime:
        try:
            if value.__class__ is str:
                if unit is not None:
                    return since_epoch(value, unit)
                value = value.strip()
                iso = pattern == "iso8601"
                found = datetime.fromisoformat(value) if iso else datetime.strptime(value, pattern)  # noqa: DTZ007
            elif isinstance(value, datetime):
                found = value
            elif isinstance(value, date):
                found = datetime(value.year, value.month, value.day)  # noqa: DTZ001
            else:
                return since_epoch(value, unit)
            if found.tzinfo is None:
                if home is None:
                    raise NoZone
                found = found.replace(tzinfo=home)
            return found.astimezone(UTC)
        except NoZone:
            raise ValueError(f"{excerpt(value)} names no zone, and the source gives none") from None
        except (ValueError, TypeError, OverflowError, InvalidOperation) as error:
            raise ValueError(f"{excerpt(value)} is no time ({pattern})") from error

    return read


def timestamp(pattern: str, zone: str | None) -> Convert:
    """Returns a converter to `2026-03-17T06:30:00Z`."""
    read = moment(pattern, zone)
    return lambda value: utc(read(value))


def since_epoch(value: Any, unit: int | None) -> datetime:
    """Returns the moment so many units after 1970; raises ValueError when the value or the unit is none."""
    if unit is None or isinstance(value, bool):
        raise ValueError(value)
    number = Decimal(repr(value) if isinstance(value, float) else value)
    return EPOCH + timedelta(microseconds=int(number * unit))


def utc(found: datetime) -> str:
    """Returns an aware moment as RFC 3339 in UTC, ending in Z."""
    return found.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def plain(number: Decimal) -> str:
    """Returns a number without exponent and without zeros at the end of its fraction; empty for what is none."""
    if not number.is_finite():
        return ""
    if abs(number.adjusted()) > DIGITS_MAX or len(number.as_tuple().digits) > DIGITS_MAX:
        raise ValueError(f"a number of more than {DIGITS_MAX} digits")
    found = format(number, "f")
    if "." in found:
        found = found.rstrip("0").rstrip(".")
    return "0" if found in ("-0", "") else found


def zone_of(name: str) -> tzinfo:
    """Returns the zone of an IANA name or an offset (`+01:00`, `Z`); raises ValueError when there is none."""
    if name.upper() in ("Z", "UTC"):
        return UTC
    if match := OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(offset if sign == "+" else -offset)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ValueError(f"no time zone {excerpt(name)}") from error


class NoZone(Exception):
    """A time names no zone and none is known for it."""


SPELLINGS: tuple[tuple[Any, Convert], ...] = (
    (str, str),
    (bool, boolean),
    (int, str),
    (float, lambda value: plain(Decimal(repr(value)))),
    (Decimal, plain),
    (datetime, lambda value: value.isoformat() if value.tzinfo is None else utc(value)),
    ((date, time), lambda value: value.isoformat()),
    ((bytes, bytearray, memoryview), lambda value: b64encode(value).decode()),
    ((dict, list, tuple), lambda value: content(value).decode()),
)
"""How a value is spelled whose type the source does not declare; the first that fits."""
