"""Tokens: what they say, signed (JWT, ES256). Any key of the set opens them, the first one signs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from msgspec import Struct

from domain.sessions import Claims
from schemas.errors import Rejected

ALGORITHM = "ES256"
ISSUER = "auterity"
TYPES = {"access": "at+jwt", "refresh": "rt+jwt"}
CHARACTERS_MAX = 4096
"""No token of ours is longer."""


class BadToken(Rejected):
    """The text is no token of ours."""


class _Said(Struct, frozen=True):
    iss: str
    tid: str
    sub: str
    sid: str
    num: int
    exp: int


class Tokens:
    """Makes tokens and reads them. Whether their session is still open is another question."""

    def __init__(self, keys: Sequence[dict[str, Any]]) -> None:
        """Takes private keys as JWKs, each with its `kid`."""
        self._keys = KeySet([ECKey.import_key(key) for key in keys])
        self._signing = self._keys.keys[0]

    def write(self, claims: Claims) -> str:
        """Returns the token that says so."""
        said = _Said(
            ISSUER,
            claims.tenant_id,
            claims.user,
            claims.session,
            claims.number,
            int(claims.expires_at.timestamp()),
        )
        head = {"alg": ALGORITHM, "kid": self._signing.kid, "typ": TYPES[claims.use]}
        return jwt.encode(head, msgspec.to_builtins(said), self._signing, [ALGORITHM])

    def read(self, text: str) -> Claims:
        """Returns what a token says; raises BadToken unless one of the keys has signed it."""
        if len(text) > CHARACTERS_MAX:
            raise BadToken("a token that is too long")
        try:
            token = jwt.decode(text, self._keys, [ALGORITHM])
            said = msgspec.convert(token.claims, _Said)
            expires_at = datetime.fromtimestamp(said.exp, UTC)
        except (JoseError, ValueError, TypeError, OverflowError, OSError, msgspec.ValidationError) as error:
            raise BadToken("no genuine token") from error
        use = next((use for use, kind in TYPES.items() if kind == token.header.get("typ")), None)
        if use is None or said.iss != ISSUER:
            raise BadToken("no genuine token")
        return Claims(
            tenant_id=said.tid,
            user=said.sub,
            session=said.sid,
            number=said.num,
            use=use,  # type: ignore[arg-type]
            expires_at=expires_at,
        )
