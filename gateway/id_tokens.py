"""ID tokens of identity providers: what they say, when one of the provider's keys has signed it (JWS)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from schemas.errors import Rejected

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures that only the provider can make: none with a secret that we know, too."""
CHARACTERS_MAX = 32 * 1024
KEY_TYPES = ("RSA", "EC")


class BadIdToken(Rejected):
    """The text is no ID token of the provider's."""


class UnknownSigner(BadIdToken):
    """The token names a key that is none of these; the provider may have a new one."""


def read(text: str, keys: bytes) -> Mapping[str, Any]:
    """Returns the claims of a token that one of the keys (JWKS) has signed; raises BadIdToken."""
    if len(text) > CHARACTERS_MAX:
        raise BadIdToken("an ID token that is too long")
    try:
        found = msgspec.json.decode(keys)["keys"]
        usable = [key for key in found if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"]
        token = jwt.decode(text, KeySet.import_key_set({"keys": usable}), ALGORITHMS)
    except InvalidKeyIdError as error:
        raise UnknownSigner("the ID token names a key that the provider does not have") from error
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, msgspec.DecodeError) as error:
        raise BadIdToken("no genuine ID token") from error
    if not isinstance(token.claims, dict):
        raise BadIdToken("no genuine ID token")
    return token.claims
