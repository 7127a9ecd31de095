"""What only the gateways of this platform can read: sealed (AES-256-GCM) for one purpose and one owner."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32


class Sealing:
    """Seals and opens; each purpose has a key of its own, and what belongs to one owner opens for no other."""

    def __init__(self, key: bytes, purpose: str) -> None:
        """Takes the key of 32 bytes from which the purpose's own is derived (HKDF)."""
        own = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"auterity {purpose}".encode()).derive(key)
        self._aead = AESGCM(own)

    def sealed(self, content: bytes, *owner: str) -> str:
        """Returns the content sealed, as text that fits into a cookie."""
        nonce = os.urandom(NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._aead.encrypt(nonce, content, _whose(owner))).decode()

    def opened(self, text: str, *owner: str) -> bytes | None:
        """Returns what was sealed; None when it was not sealed here, for this purpose and this owner."""
        try:
            content = urlsafe_b64decode(text.encode("ascii"))
            return self._aead.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], _whose(owner))
        except (InvalidTag, ValueError):
            return None


def _whose(owner: tuple[str, ...]) -> bytes:
    return "\x1f".join(owner).encode()
