"""Single values as Avro writes them: numbers, texts and moments, with every bound checked.

What is read raises Undecodable with the reason, IndexError where the bytes end, UnicodeDecodeError.
"""

from datetime import UTC, datetime, timedelta
from typing import cast

from schemas.errors import Undecodable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EXACT = 2 * 2**32 * 1_000_000
"""Up to here (in 2106; folded) a float of seconds lies within a quarter of a microsecond of its moment."""
EIGHT_BYTES_MIN = 2**48
"""From here (in 1978) to far beyond EXACT a moment takes eight bytes."""
LONG_TEXT = 64 * 1024
"""Longer texts are read without copying their bytes first: a text may take four times what its bytes take."""

STEP = tuple(0 if length & 0x81 else 1 + (length >> 1) for length in range(256))
"""By a first byte: how far what it gives the length of reaches, itself included; 0 when one byte does not tell."""
SMALL = tuple((folded >> 1) ^ -(folded & 1) for folded in range(128))
"""By a byte: the number it stands for."""

FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, LAST = (
    tuple(
        float((part & 0x7F) << 7 * place) if (part > 0x7F) == (place < 7) else cast(float, None) for part in range(256)
    )
    for place in range(8)
)
"""What each byte of a number that takes eight stands for; None for a byte that ends it early, or does not end it."""
fromtimestamp = datetime.fromtimestamp


def unsigned(b: bytes, i: int, bits: int = 64) -> tuple[int, int]:
    """Returns the number at `i`, still folded (a zigzag), and where the next value begins."""
    folded = shift = 0
    while (part := b[i]) > 0x7F:
        folded |= (part & 0x7F) << shift
        shift += 7
        i += 1
        if shift > bits:
            raise Undecodable(f"a number of more than {bits} bits")
    folded |= part << shift
    if folded >> bits:
        raise Undecodable(f"a number of more than {bits} bits")
    return folded, i + 1


def long(b: bytes, i: int) -> tuple[int, int]:
    """Returns the number of up to 64 bits at `i`, and where the next value begins."""
    folded, i = unsigned(b, i)
    return (folded >> 1) ^ -(folded & 1), i


def short(b: bytes, i: int) -> tuple[int, int]:
    """Returns the number of up to 32 bits at `i`, and where the next value begins."""
    folded, i = unsigned(b, i, 32)
    return (folded >> 1) ^ -(folded & 1), i


def span(b: bytes, i: int) -> tuple[int, int]:
    """Returns where the bytes whose length lies at `i` begin and end."""
    size, i = long(b, i)
    if not 0 <= size <= len(b) - i:
        raise Undecodable(f"a length of {size} where {len(b) - i} bytes are left")
    return i, i + size


def text(b: bytes, i: int) -> tuple[str, int]:
    """Returns the text at `i`, and where the next value begins."""
    start, end = span(b, i)
    if end - start < LONG_TEXT:
        return b[start:end].decode(), end
    return str(memoryview(b)[start:end], "utf-8"), end


def moment(b: bytes, i: int) -> tuple[datetime, int]:
    """Returns the moment at `i` (microseconds since 1970), and where the next value begins."""
    try:
        c, d, e, f, g, h, j, k = b[i : i + 8]
        folded = FIRST[c] + SECOND[d] + THIRD[e] + FOURTH[f] + FIFTH[g] + SIXTH[h] + SEVENTH[j] + LAST[k]
    except (TypeError, ValueError):  # the number does not take eight bytes, or fewer are left
        pass
    else:
        if not c & 1 and folded < EXACT:
            return fromtimestamp(folded / 2_000_000, UTC), i + 8
    micros, i = long(b, i)
    try:
        return EPOCH + timedelta(0, 0, micros), i
    except OverflowError:
        raise Undecodable(f"a moment {micros} microseconds from 1970") from None


def block(b: bytes, i: int) -> tuple[int, int, int]:
    """Returns the number of items of the block at `i`, where they begin, and where they end: 0 when it does not say."""
    count, i = long(b, i)
    if count >= 0:
        return count, i, 0
    size, i = long(b, i)
    if not 0 <= size <= len(b) - i:
        raise Undecodable(f"a block of {size} bytes where {len(b) - i} are left")
    return -count, i, i + size


def number(value: int, bits: int = 64) -> bytes:
    """Returns the number as Avro writes it; raises OverflowError when it has more bits, TypeError when it is none."""
    folded = value << 1 ^ value >> bits - 1
    if not 0 <= folded < 1 << bits:
        raise OverflowError(f"{value} has more than {bits} bits")
    parts = bytearray()
    while folded > 0x7F:
        parts.append(folded & 0x7F | 0x80)
        folded >>= 7
    parts.append(folded)
    return bytes(parts)


def string(content: bytes) -> bytes:
    """Returns a text or bytes as Avro writes them: the length, then the content."""
    return number(len(content)) + content


MICROS_MIN, MICROS_MAX = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Years 1 to 9999: what the decoder takes as a moment."""


def micros(at: datetime) -> bytes:
    """Returns the moment as Avro writes it.

    Raises TypeError when it has no zone, ValueError when it is none of the years 1 to 9999 in UTC.
    """
    value = (at - EPOCH) // MICROSECOND
    if not EIGHT_BYTES_MIN <= value < EXACT:
        if not MICROS_MIN <= value <= MICROS_MAX:
            raise ValueError(f"a moment {value} microseconds from 1970")
        return number(value)
    folded = value << 1
    folded = folded & 0x0FFFFFFF | (folded & 0x00FFFFFF_F0000000) << 4
    folded = folded & 0x00003FFF_00003FFF | (folded & 0x0FFFC000_0FFFC000) << 2
    folded = folded & 0x007F007F_007F007F | (folded & 0x3F803F80_3F803F80) << 1
    return (folded | 0x00808080_80808080).to_bytes(8, "little")


NEAR = 1024
NUMBERS = tuple(number(value) for value in (*range(NEAR), *range(-NEAR, 0)))
"""The numbers from -NEAR to NEAR - 1 as Avro writes them, each at its own index: negative ones count from the end."""
