"""Secrets in HashiCorp Vault: one entry of a key/value engine, version 2."""

from typing import Any

import hvac
import requests
from hvac.exceptions import InvalidPath, InvalidRequest, VaultError

from schemas.errors import Unavailable

TIMEOUT_S = 5.0
FIRST = 0
"""Version that an entry has before it is written."""


class VaultUnavailable(Unavailable):
    """Vault does not answer, or does not let us."""


class Vault:
    """An entry at `mount/path`, read and made with a token. Blocks, each call for 5 s at most."""

    def __init__(self, url: str, token: str, entry: str) -> None:
        self._url = url
        self._mount, _, self._path = entry.partition("/")
        self._client = hvac.Client(url=url, token=token, timeout=TIMEOUT_S)

    def read(self) -> dict[str, Any] | None:
        """Returns what the entry says, None when there is none; raises VaultUnavailable."""
        try:
            answer = self._client.secrets.kv.v2.read_secret_version(
                self._path, mount_point=self._mount, raise_on_deleted_version=True
            )
        except InvalidPath:
            return None
        except (VaultError, requests.RequestException) as error:
            raise self._told(error) from error
        found: dict[str, Any] = answer["data"]["data"]
        return found

    def create(self, said: dict[str, Any]) -> None:
        """Makes the entry, unless somebody else has made it; raises VaultUnavailable."""
        try:
            self._client.secrets.kv.v2.create_or_update_secret(self._path, said, cas=FIRST, mount_point=self._mount)
        except InvalidRequest as error:
            if self.read() is None:
                raise self._told(error) from error
        except (VaultError, requests.RequestException) as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> VaultUnavailable:
        reason = str(error).splitlines()[0] if isinstance(error, VaultError) and str(error) else type(error).__name__
        return VaultUnavailable(f"Vault at {self._url}, entry {self._mount}/{self._path}: {reason}")
