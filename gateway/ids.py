"""Ids made at the edge."""

import secrets
import time

from domain.identity import SECRET_BYTES, Presented

KEY_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KEY_ID_LETTERS = 16


def uuid7() -> str:
    """Returns a UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits."""
    number = time.time_ns() // 1_000_000 << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fresh_key(tenant_id: str, key_id: str = "") -> Presented:
    """Returns a key that nobody has yet; its id is random unless it is said."""
    return Presented(tenant_id, key_id or fresh_id(), secrets.token_urlsafe(SECRET_BYTES))


def id_of(event_id: str) -> str:
    """Returns the id of a key or a webhook that this event makes: who asks for it twice is given the same one."""
    return event_id.replace("-", "")[-KEY_ID_LETTERS:]


def fresh_id() -> str:
    """Returns an id for a key or a webhook that nobody has yet."""
    return "".join(secrets.choice(KEY_LETTERS) for _ in range(KEY_ID_LETTERS))
