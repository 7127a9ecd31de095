"""Finds text that is written in base64, in hexadecimal digits or in escapes, and what it says."""

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from domain.account_numbers import Found

_BLOB = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{20,}(?:\r?\n[A-Za-z0-9+/_-]{4,}){0,200}={0,2}")
_HEX = re.compile(r"(?<!\w)(?:(?:0x|\\x)?[0-9a-f]{2}[ ,:]?){16,}", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:%[0-9a-f]{2}|&#x?[0-9a-f]{2,6};|\\u[0-9a-f]{4}|[\w ]){12,}", re.IGNORECASE)
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)


def decodings(text: str) -> Iterator[tuple[Found, str]]:
    """Yields where something stands that decodes to text, and that text."""
    for pattern, decode in ((_BLOB, _base64), (_HEX, _hexadecimal), (_ESCAPED, _unescaped)):
        for match in pattern.finditer(text):
            decoded = decode(match.group())
            if decoded and decoded != match.group():
                yield match.span(), decoded


def _base64(blob: str) -> str:
    letters = re.sub(r"\s|=", "", blob).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + "=" * (-len(letters) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _hexadecimal(text: str) -> str:
    digits = re.sub(r"0x|\\x|[ ,:]", "", text.lower())
    return bytes.fromhex(digits).decode(errors="replace") if len(digits) % 2 == 0 else ""


def _unescaped(text: str) -> str:
    return html.unescape(unquote(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)))
