"""Secrets of the platform: in a file that its owner only can read, in the environment, or in Vault."""

import os
import secrets
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey
from msgspec import Struct

from connectors.vault import Vault
from runtime.errors import SecretsUnusable
from runtime.settings import settings
from schemas.errors import Unavailable

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
    """Returns the secrets: those that the environment says, or those in Vault, or in this data directory's file.

    In Vault and in the file they are made when there are none, unless they are needed: what lies on the log was sealed
    with those that are missing, and with others nobody could log in any more. Raises SecretsUnusable then, and when
    they are damaged, Vault does not answer, or others can read the file.
    """
    conf = settings()
    if conf.secrets is not None:
        return _checked("AUTERITY_SECRETS", conf.secrets.get_secret_value().encode())
    if conf.vault is not None:
        token = conf.vault_token.get_secret_value() if conf.vault_token is not None else ""
        return _in_vault(Vault(conf.vault, token, conf.vault_entry), f"{conf.vault} {conf.vault_entry}", needed)
    return _in_file(data_dir / FILE, needed)


def _in_file(path: Path, needed: bool) -> Secrets:
    if not path.exists():
        write_once(path, msgspec.json.encode(_new(path, needed)))
    try:
        mode = path.stat().st_mode & 0o777
        content = path.read_bytes()
    except OSError as error:
        raise SecretsUnusable(path, type(error).__name__) from error
    if mode & 0o077:
        raise SecretsUnusable(path, f"its mode is {mode:o}, not 600: others can read it")
    return _checked(path, content)


def _in_vault(vault: Vault, name: str, needed: bool) -> Secrets:
    try:
        found = vault.read()
        if found is None:
            vault.create(msgspec.to_builtins(_new(name, needed)))
            found = vault.read()
    except Unavailable as error:
        raise SecretsUnusable(name, str(error)) from error
    return _checked(name, msgspec.json.encode(found))


def _checked(place: Path | str, content: bytes) -> Secrets:
    try:
        found = msgspec.json.decode(content, type=Secrets)
        known = len(found.sealing_key) == SEALING_BYTES and all(key.get("kid") for key in found.signing)
    except ValueError as error:
        raise SecretsUnusable(place, type(error).__name__) from error
    if not known or not found.signing:
        raise SecretsUnusable(place, "a key in it is none")
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


def _new(place: Path | str, needed: bool) -> Secrets:
    if needed:
        raise SecretsUnusable(place, "there are none, but the log has people or sessions that need them")
    return Secrets(b64encode(secrets.token_bytes(SEALING_BYTES)).decode(), [signing_key()])
