"""Positions as readers are told them: sealed for one tenant, so that nobody else's numbers can be read from them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha512

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from domain.live import PLACES, Vector
from schemas.errors import Rejected

CHARACTERS_MAX = 600
"""No position of ours is longer."""


NOWHERE: Vector = (2**62,) * len(PLACES)
"""Ahead of every log."""


class BadPosition(Rejected):
    """The text is no position that this tenant was told."""


class Positions:
    """Seals positions (AES-SIV, so that the same place is always the same text) and opens them."""

    def __init__(self, key: bytes) -> None:
        """Takes the key that seals; what is used is made of it, and seals nothing else."""
        self._aead = AESSIV(sha512(b"positions\x1f" + key).digest())

    def told(self, tenant_id: str, vector: Vector) -> str:
        """Returns the text of a position."""
        sealed = self._aead.encrypt(msgspec.msgpack.encode(vector), [tenant_id.encode()])
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, tenant_id: str, text: str) -> Vector:
        """Returns the position; NOWHERE when it was told of other partitions than there are now. Raises BadPosition."""
        if len(text) > CHARACTERS_MAX:
            raise BadPosition("a position that is too long")
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            vector: Vector = msgspec.msgpack.decode(
                self._aead.decrypt(sealed, [tenant_id.encode()]), type=tuple[int, ...]
            )
        except (Error, ValueError, InvalidTag, msgspec.DecodeError):
            raise BadPosition("no position of this tenant") from None
        return vector if len(vector) == len(PLACES) else NOWHERE
