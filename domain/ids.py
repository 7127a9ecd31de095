"""Ids that follow from what they name, so that making them again gives the same."""

import re
from hashlib import sha1
from uuid import UUID

CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A UUID as events say it: in small letters."""
NAMESPACE = UUID("b6cfb7a4-6a33-5d0e-9c4a-0f3c8f5f7a11")
"""The root of every derived id (version 5)."""
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}
_ROOT = sha1(NAMESPACE.bytes, usedforsecurity=False)


def derive(*parts: str) -> str:
    """Returns the UUID v5 (RFC 9562) of the parts: `derive(cause, "compliance-decisions")`, `derive(run_id, "1")`.

    Parts are joined with the unit separator, so that ("a", "bc") and ("ab", "c") differ.
    """
    hashed = _ROOT.copy()
    hashed.update("\x1f".join(parts).encode())
    number = hashed.hexdigest()
    return f"{number[:8]}-{number[8:12]}-5{number[13:16]}-{_VARIANT[number[16]]}{number[17:20]}-{number[20:32]}"
