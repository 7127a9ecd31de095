"""Secrets outside the data directory: made once in Vault, or said by the environment; a doubt is a refusal."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from runtime.errors import SecretsUnusable
from runtime.secrets import load
from runtime.settings import settings
from tests.connectors.vault_stub import TOKEN, VaultStub


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What the settings are read from, anew in each test."""
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture
def vault(httpserver: HTTPServer, environment: pytest.MonkeyPatch) -> VaultStub:
    """A Vault that the settings name."""
    stub = VaultStub(httpserver)
    environment.setenv("AUTERITY_VAULT", stub.url)
    environment.setenv("AUTERITY_VAULT_TOKEN", TOKEN)
    return stub


def test_of_several_that_start_at_once_one_makes_the_secrets_in_vault_and_all_use_them(
    vault: VaultStub, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load, [tmp_path] * 8))

    assert all(each == found[0] for each in found)
    assert [len(versions) for versions in vault.entries.values()] == [1]
    assert not list(tmp_path.iterdir())


def test_keys_turned_in_vault_are_those_of_the_next_start(vault: VaultStub, tmp_path: Path) -> None:
    first = load(tmp_path)
    (versions,) = vault.entries.values()
    versions.append({**versions[-1], "signing": [{**first.signing[0], "kid": "new"}, *first.signing]})

    assert [key["kid"] for key in load(tmp_path).signing] == ["new", first.signing[0]["kid"]]


def test_without_vault_nothing_is_made_in_its_place(
    vault: VaultStub, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vault.sealed = True
    with pytest.raises(SecretsUnusable, match="Vault is sealed"):
        load(tmp_path)
    vault.sealed = False
    environment.setenv("AUTERITY_VAULT_TOKEN", "hvs.wrong")
    settings.cache_clear()
    with pytest.raises(SecretsUnusable, match="permission denied") as refused:
        load(tmp_path)
    assert "hvs.wrong" not in str(refused.value)
    environment.setenv("AUTERITY_VAULT", "http://127.0.0.1:1")
    settings.cache_clear()
    with pytest.raises(SecretsUnusable, match="ConnectionError"):
        load(tmp_path)

    assert not vault.entries.get("/v1/secret/data/auterity")
    assert not list(tmp_path.iterdir())


def test_damaged_secrets_in_vault_are_named_and_left_as_they_are(vault: VaultStub, tmp_path: Path) -> None:
    vault.entries["/v1/secret/data/auterity"] = [{"sealing": "AAAA", "signing": []}]

    with pytest.raises(SecretsUnusable, match="secret/auterity"):
        load(tmp_path)
    assert len(vault.entries["/v1/secret/data/auterity"]) == 1


def test_the_environment_may_say_the_secrets_themselves(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = load(tmp_path / "other")
    environment.setenv("AUTERITY_SECRETS", msgspec.json.encode(made).decode())
    settings.cache_clear()

    assert load(tmp_path / "data") == made
    assert not (tmp_path / "data").exists()
    environment.setenv("AUTERITY_SECRETS", "nothing of the kind")
    settings.cache_clear()
    with pytest.raises(SecretsUnusable, match="AUTERITY_SECRETS") as refused:
        load(tmp_path)
    assert "nothing of the kind" not in str(refused.value)
