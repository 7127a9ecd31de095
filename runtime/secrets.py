"""Secrets of the platform: a file that its owner only can read, made when there is none."""

import os
import secrets
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey
from msgspec import Struct

from runtime.errors import SecretsUnusable

FILE = "secrets.json"
SEALING_BYTES = 32


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """What must not be told."""

    sealing: str
    """The key that seals what lies on the log, 32 bytes in base64."""
    signing: list[dict[str, Any]]
    """Private keys for tokens as JWKs, each with its `kid`: the first one signs, all of them are good."""

    @property
    def sealing_key(self) -> bytes:
        """The key that seals."""
        return b64decode(self.sealing)


def load(data_dir: Path, needed: bool = False) -> Secrets:
    """Returns the secrets of this data directory; raises SecretsUnusable when others can read them, or nobody can.

    They are made when there are none, unless they are needed: what lies on the log was sealed with those that are
    missing, and with others nobody could log in any more.
    """
    path = data_dir / FILE
    if not path.exists():
        if needed:
            raise SecretsUnusable(path, "there is no such file, but the log has people or sessions that need it")
        _make(path)
    try:
        mode = path.stat().st_mode & 0o777
        found = msgspec.json.decode(path.read_bytes(), type=Secrets)
        known = len(found.sealing_key) == SEALING_BYTES and all(key.get("kid") for key in found.signing)
    except (OSError, ValueError) as error:
        raise SecretsUnusable(path, type(error).__name__) from error
    if mode & 0o077:
        raise SecretsUnusable(path, f"its mode is {mode:o}, not 600: others can read it")
    if not known or not found.signing:
        raise SecretsUnusable(path, "a key in it is none")
    return found


def signing_key() -> dict[str, Any]:
    """Returns a new private key for tokens."""
    made = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig"}, private=True)
    return dict(made.as_dict(private=True))


def write_once(path: Path, content: bytes) -> bool:
    """Writes a file that its owner only can read, whole or not at all; False when there is one already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # its owner's only
    fresh = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True


def _make(path: Path) -> None:
    sealing = b64encode(secrets.token_bytes(SEALING_BYTES)).decode()
    write_once(path, msgspec.json.encode(Secrets(sealing, [signing_key()])))
