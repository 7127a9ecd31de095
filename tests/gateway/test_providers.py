"""Identity providers that the command line adds, lists and removes, with a gateway as a process and a real Keycloak."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from identity_providers import CLIENT, GATEWAY, SECRET, Realm, path_of

from domain.administration import LogsInElsewhere, UnknownTenant
from domain.definitions import BadDefinition
from runtime.deployment import prepare
from runtime.providers import BadMapping, ProviderExists, Providers, UnknownProvider
from runtime.settings import Settings
from runtime.users import Users
from schemas.codec import Codec
from schemas.errors import AuterityError
from tests.harness import Worker, events, until

TENANT = ("tenant", {"id": "acme"})
SAID = {"id": "idp", "issuer": "https://idp.example", "client_id": CLIENT, "gateway": GATEWAY}


def auterity(log: Any, folder: Path, said: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "runtime.cli", "providers", *arguments]
    where = {"AUTERITY_KAFKA": log.bootstrap, "AUTERITY_REGISTRY": log.registry, "AUTERITY_DATA_DIR": str(folder)}
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        argv, input=said, env={**os.environ, **where, "PYTHONPATH": root}, capture_output=True, text=True, check=False
    )


def test_people_log_in_at_a_provider_that_was_added_until_it_is_removed(
    log: Any, registered: Codec, realm: Realm, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    added = auterity(
        log, tmp_path, f"{SECRET}\n", "add", "idp", "--tenant", "acme", "--issuer", realm.issuer, "--client-id", CLIENT,
        "--gateway", GATEWAY, "--role", "shop-floor=operator", "--client-secret-file", "-", "--json",
    )  # fmt: skip
    assert not added.returncode, added.stderr
    assert json.loads(added.stdout)["callback"] == f"{GATEWAY}/auth/oidc/acme/idp/callback"
    with (
        Worker(log, prefix, tmp_path, "gateway --port 0") as gateway,
        httpx2.Client(base_url=(tmp_path / "run" / "gateway.ready").read_text(), trust_env=False) as client,
    ):
        begun = client.get("/api/v1/auth/oidc/acme/idp")
        assert begun.status_code == 303, begun.text
        back = asyncio.run(realm.log_in(begun.headers["location"]))
        ended = client.get(path_of(back))
        assert ended.status_code == 200, ended.text
        headers = {"Authorization": f"Bearer {ended.json()['access_token']}"}
        assert client.get("/auth/verify", headers=headers).json()["principal"] == "user/ada"
        with pytest.raises(LogsInElsewhere, match="user ada has no password: it logs in at http"):
            Users(log.bootstrap, log.registry, tmp_path, "acme").reset("ada")

        removed = auterity(log, tmp_path, "", "remove", "idp", "--tenant", "acme")
        assert not removed.returncode, removed.stderr
        until(lambda: client.get("/auth/verify", headers=headers).status_code == 401, 20)
        assert client.get("/api/v1/auth/oidc/acme/idp").status_code == 404
        assert gateway.stop() == 0

    written = [str(each) for name in ("definitions", "requests", "sessions") for each in events(log, registered, name)]
    for secret in (SECRET, ended.json()["access_token"], back.partition("code=")[2].partition("&")[0]):
        assert secret not in json.dumps(written) + added.stdout + gateway.log()


def test_a_provider_that_cannot_be_is_refused_in_one_line(log: Any, tmp_path: Path) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    ours = Providers(log.bootstrap, log.registry, tmp_path, "acme")
    ours.add(SAID, "", ["a group=with=operator", "a group=with=analyst"])

    (listed,) = Providers(log.bootstrap, log.registry, tmp_path, "acme").listed()
    assert (listed["roles"], "client_secret" in listed) == ({"a group=with": ["operator", "analyst"]}, False)
    for said, mapped, kind, reason in (
        (SAID, ["board=admin"], ProviderExists, "tenant acme has an identity provider idp"),
        ({**SAID, "id": "b"}, ["board"], BadMapping, "'board' is no mapping: say group=role"),
        ({**SAID, "id": "b"}, [], BadDefinition, "lets nobody in: say --role group=role"),
        ({**SAID, "id": "b"}, ["board=king"], BadDefinition, "identity-provider: Invalid enum value 'king'"),
        ({**SAID, "id": "b", "issuer": "http://idp.example"}, ["board=admin"], BadDefinition, r"\$\.issuer"),
        ({**SAID, "id": "B"}, ["board=admin"], BadDefinition, r"\$\.id"),
    ):
        with pytest.raises(kind, match=reason) as raised:
            ours.add(said, "", mapped)
        assert isinstance(raised.value, AuterityError) and len(str(raised.value).splitlines()) == 1
    with pytest.raises(UnknownProvider, match="tenant acme has no identity provider b"):
        ours.remove("b")
    for tenant in ("nobody", "platform"):
        with pytest.raises(UnknownTenant, match=f"no tenant is called {tenant}"):
            Providers(log.bootstrap, log.registry, tmp_path, tenant)
    done = auterity(log, tmp_path, "", "list", "--tenant", "nobody")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
