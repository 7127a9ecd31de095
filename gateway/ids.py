"""Ids made at the edge."""

import secrets
import time


def uuid7() -> str:
    """Returns a UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    number = time.time_ns() // 1_000_000 << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
