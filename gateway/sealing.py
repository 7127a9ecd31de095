"""Seals what only the gateways of this platform can read (AES-256-GCM), and tells names apart without saying them."""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class Sealing:
    """What is sealed for one is worth nothing for another, nor for another use."""

    def __init__(self, key: bytes) -> None:
        """Takes the key of 32 bytes that seals."""
        self._aead = AESGCM(key)
        self._naming = hmac.digest(key, b"names", "sha256")

    def seal(self, use: str, *whose: str, content: bytes) -> str:
        """Returns the content as it may lie on the log or in a cookie, for this use and this owner."""
        nonce = os.urandom(NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._aead.encrypt(nonce, content, _bound(use, *whose))).decode()

    def opened(self, use: str, *whose: str, sealed: str) -> bytes | None:
        """Returns the content; None when it was sealed for another, or with another key."""
        try:
            content = urlsafe_b64decode(sealed.encode("ascii"))
            return self._aead.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], _bound(use, *whose))
        except (InvalidTag, ValueError):
            return None

    def digest(self, tenant_id: str, name: str) -> str:
        """Returns what stands for a name where the name itself must not: nobody without the key finds out which."""
        return hmac.digest(self._naming, _bound(tenant_id, name), "sha256").hex()[:32]


def _bound(*whose: str) -> bytes:
    return "\x1f".join(whose).encode()
