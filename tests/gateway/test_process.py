"""The gateway as a process, with the keys that the command line makes."""

import json
import stat
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import SAID, calls
from hook_calls import signed
from pyotp import TOTP

from domain.administration import TenantExists, UnknownTenant
from domain.identity import PLATFORM
from domain.webhooks import BadTopic, UnknownWebhook
from runtime import cli, cli_identity, keys
from runtime.deployment import prepare
from runtime.errors import PortTaken, SecretsUnusable
from runtime.gateway import run_gateway
from runtime.secrets import FILE, load
from runtime.settings import Settings
from runtime.tenants import Tenants
from runtime.users import Users
from runtime.webhooks import Webhooks
from schemas.codec import Codec
from tests.harness import Worker, events, until

TENANT = ("tenant", {"id": "acme"})


def _ready(gateway: Worker) -> str:
    return (gateway.folder / "run" / "gateway.ready").read_text()


def _auterity(
    log: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    monkeypatch.setenv("AUTERITY_KAFKA", log.bootstrap)
    monkeypatch.setenv("AUTERITY_REGISTRY", log.registry)
    monkeypatch.setenv("AUTERITY_DATA_DIR", str(folder))
    argv = [sys.executable, "-m", "runtime.cli", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_key_opens_the_gateway_until_it_is_revoked(log: Any, registered: Codec, prefix: str, tmp_path: Path) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = keys.create(log.bootstrap, log.registry, "acme", ["events:write"], 1, "the shop")
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        with httpx2.Client(base_url=_ready(gateway), headers={"X-API-Key": made["key"]}, trust_env=False) as client:
            assert client.get("/health/ready").json() == {"status": "ready", "missing": {}}
            assert client.get("/api/v1/health/live").status_code == 200
            assert client.post("/events/business-events", json=SAID).status_code == 202

            keys.revoke(log.bootstrap, log.registry, "acme", made["id"])
            until(lambda: client.post("/events/business-events", json=SAID).status_code == 401, 20)
        assert gateway.stop() == 0

    taken = [call for call in calls(log, registered) if call.status == 202]
    assert len(taken) == len(events(log, registered, "business-events"))
    assert [key["status"] for key in keys.listed(log.bootstrap, log.registry, "acme")] == ["revoked"]
    assert made["key"].rpartition(".")[2] not in json.dumps(
        [str(each) for each in events(log, registered, "definitions")]
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tenant", "nobody", "--scope", "events:write"], "no tenant is called nobody"),
        (["--tenant", "platform", "--scope", "events:write"], "no tenant is called platform"),
        (["--tenant", "acme", "--scope", "events:eat"], "no permission is called events:eat"),
        (["--tenant", "acme", "--scope", "events:write", "--days", "0"], "a key lives 1 to 366 days, not 0"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_in_one_line(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    done = _auterity(log, tmp_path, monkeypatch, "keys", "create", *arguments)
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_webhook_made_by_the_command_takes_what_is_signed_until_it_is_revoked(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    webhooks = Webhooks(log.bootstrap, log.registry, tmp_path, "acme")
    made = webhooks.create("business-events", "the shop", ["127.0.0.0/8"], "night-shift")
    secret = b64decode(made["secret"].removeprefix("whsec_"))
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        with httpx2.Client(base_url=_ready(gateway), trust_env=False) as client:

            def sent(name: str) -> int:
                content, headers = json.dumps(SAID).encode(), signed(name=name, secret=secret)
                return client.post(made["path"], content=content, headers=headers).status_code

            assert [sent("msg_1"), sent("msg_1"), sent("msg_2")] == [202, 409, 202]
            Webhooks(log.bootstrap, log.registry, tmp_path, "acme").revoke(made["id"])
            until(lambda: sent("msg_3") == 401, 20)
        assert gateway.stop() == 0
    assert (tmp_path / "deliveries.sqlite").stat().st_mode & 0o777 == 0o600
    (listed,) = Webhooks(log.bootstrap, log.registry, tmp_path, "acme").listed()
    assert listed == {**{name: made[name] for name in made if name != "secret"}, "status": "revoked"}
    assert made["secret"] not in str(events(log, registered, "definitions"))
    with pytest.raises(UnknownWebhook, match="tenant acme has no webhook horse"):
        webhooks.revoke("horse")
    with pytest.raises(BadTopic, match="a webhook names one of the topics that are open to clients: business-events"):
        webhooks.create("requests")


def test_a_user_logs_in_with_the_password_that_was_shown_and_is_out_when_suspended(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = Users(log.bootstrap, log.registry, tmp_path, "acme").create("ada", ["operator"], "Ada")
    said = {"tenant": "acme", "name": "ada", "password": made["password"]}
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        with httpx2.Client(base_url=_ready(gateway), trust_env=False) as client:
            assert client.post("/auth/login", json=said).status_code == 403
            first = client.post("/auth/login", json={**said, "new_password": "correct horse"}).json()
            until(lambda: client.post("/auth/login", json=said).status_code == 401, 20)
            client.headers["Authorization"] = f"Bearer {first['access_token']}"
            assert client.post("/events/business-events", json=SAID).status_code == 202

            Users(log.bootstrap, log.registry, tmp_path, "acme").suspend("ada")
            until(lambda: client.post("/events/business-events", json=SAID).status_code == 401, 20)
            assert client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401

            Users(log.bootstrap, log.registry, tmp_path, "acme").resume("ada")
            again = {**said, "password": "correct horse"}
            until(lambda: client.post("/auth/login", json=again).status_code == 200, 20)
            assert client.get("/auth/verify").status_code == 401  # what was begun before stays ended
        assert gateway.stop() == 0

    (listed,) = Users(log.bootstrap, log.registry, tmp_path, "acme").listed()
    assert listed == {
        "id": "ada",
        "title": "Ada",
        "roles": ["operator"],
        "one_time": False,
        "issuer": "",
        "status": "active",
        "team": "",
        "second_factor": False,
    }
    written = json.dumps([str(each) for name in ("definitions", "requests") for each in events(log, registered, name)])
    for secret in (made["password"], "correct horse", "argon2", load(tmp_path).sealing):
        assert secret not in gateway.log() + written


def test_a_user_survives_a_restart_of_the_gateway_and_so_does_the_session(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = Users(log.bootstrap, log.registry, tmp_path, "acme").create("ada", ["viewer"])
    said = {"tenant": "acme", "name": "ada", "password": made["password"], "new_password": "correct horse"}
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        with httpx2.Client(base_url=_ready(gateway), trust_env=False) as client:
            tokens = client.post("/auth/login", json=said).json()
        gateway.kill()
        gateway.start()
        with httpx2.Client(base_url=_ready(gateway), trust_env=False) as client:
            known = client.get("/auth/verify", headers={"Authorization": f"Bearer {tokens['access_token']}"})
            assert known.json()["principal"] == "user/ada"
            assert client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200


def test_nobody_of_a_suspended_tenant_is_let_in_until_it_is_resumed(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    assert Tenants(log.bootstrap, log.registry).create("acme", "Acme")["status"] == "active"
    key = keys.create(log.bootstrap, log.registry, "acme", ["events:write"], 1, "the shop")["key"]
    made = Users(log.bootstrap, log.registry, tmp_path, "acme").create("ada", ["operator"])
    said = {"tenant": "acme", "name": "ada", "password": made["password"], "new_password": "correct horse"}
    with (
        Worker(log, prefix, tmp_path, "gateway --port 0") as gateway,
        httpx2.Client(base_url=_ready(gateway), trust_env=False) as client,
    ):
        token = client.post("/auth/login", json=said).json()["access_token"]
        callers = [{"Authorization": f"Bearer {token}"}, {"X-API-Key": key}]

        def answers() -> list[int]:
            return [client.get("/auth/verify", headers=each).status_code for each in callers]

        assert answers() == [200, 200]
        Tenants(log.bootstrap, log.registry).turn("acme", "suspended")
        until(lambda: answers() == [403, 403], 20)
        again = client.post("/auth/login", json={"tenant": "acme", "name": "ada", "password": "correct horse"})
        assert again.status_code == 403
        Tenants(log.bootstrap, log.registry).turn("acme", "active")
        until(lambda: answers() == [200, 200], 20)

    (listed,) = Tenants(log.bootstrap, log.registry).listed()
    assert (listed["id"], listed["title"], listed["status"]) == ("acme", "Acme", "active")
    with pytest.raises(TenantExists, match="there is a tenant acme"):
        Tenants(log.bootstrap, log.registry).create("acme")
    with pytest.raises(TenantExists, match="there is a tenant platform"):
        Tenants(log.bootstrap, log.registry).create("platform")
    with pytest.raises(UnknownTenant, match="no tenant is called nobody"):
        Tenants(log.bootstrap, log.registry).turn("nobody", "suspended")


def test_the_platform_has_one_first_admin(log: Any, registered: Codec, tmp_path: Path) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    file = Users(log.bootstrap, log.registry, tmp_path, PLATFORM).first_admin()

    assert file is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 20
    assert file.read_text().strip() not in str(events(log, registered, "definitions"))
    assert Users(log.bootstrap, log.registry, tmp_path, PLATFORM).first_admin() is None
    (admin,) = Users(log.bootstrap, log.registry, tmp_path, PLATFORM).listed()
    assert (admin["id"], admin["roles"], admin["one_time"]) == ("admin", ["platform-admin"], True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["create", "ada", "--tenant", "nobody", "--role", "viewer"], "no tenant is called nobody"),
        (["create", "ada", "--tenant", "acme", "--role", "king"], "no role is called king in tenant acme"),
        (["create", "ada", "--tenant", "acme", "--role", "platform-admin"], "no role is called platform-admin"),
        (["create", "ada", "--tenant", "platform", "--role", "admin"], "no role is called admin in tenant platform"),
        (["create", "Ada Lovelace", "--tenant", "acme", "--role", "viewer"], "'Ada Lovelace' is no name"),
        (["reset", "ada", "--tenant", "acme"], "tenant acme has no user ada"),
        (["suspend", "ada", "--tenant", "acme"], "tenant acme has no user ada"),
    ],
)
def test_a_user_that_cannot_be_is_refused_in_one_line(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    done = _auterity(log, tmp_path, monkeypatch, "users", *arguments)

    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_lost_second_factor_is_reset_and_a_tenant_may_require_one(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = Users(log.bootstrap, log.registry, tmp_path, "acme").create("ada", ["operator"])
    said = {"tenant": "acme", "name": "ada", "password": made["password"], "new_password": "correct horse"}
    again = {**said, "password": "correct horse", "new_password": None}
    with (
        Worker(log, prefix, tmp_path, "gateway --port 0") as gateway,
        httpx2.Client(base_url=_ready(gateway), trust_env=False) as client,
    ):
        client.headers["Authorization"] = f"Bearer {client.post('/auth/login', json=said).json()['access_token']}"
        secret = client.post("/auth/totp", json={"password": "correct horse"}).json()["secret"]
        assert client.post("/auth/totp/confirm", json={"code": TOTP(secret).now()}).status_code == 200
        assert client.post("/auth/login", json=again).json()["needs"] == "code"
        assert client.get("/auth/verify").status_code == 401

        reset = Users(log.bootstrap, log.registry, tmp_path, "acme").reset_factor("ada")
        assert reset["second_factor"] is False
        assert Tenants(log.bootstrap, log.registry).require("acme", "required")["second_factor"] == "required"
        until(lambda: client.post("/auth/login", json=again).status_code == 200, 20)
        client.headers["Authorization"] = f"Bearer {client.post('/auth/login', json=again).json()['access_token']}"
        until(lambda: client.get("/auth/verify").json()["permissions"] == [], 20)


def test_of_two_commands_that_change_a_user_at_once_the_second_is_refused_in_one_line(
    log: Any, registered: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    first = Users(log.bootstrap, log.registry, tmp_path, "acme")
    first.create("ada", ["operator"])
    late = Users(log.bootstrap, log.registry, tmp_path, "acme")
    first.suspend("ada")
    monkeypatch.setattr(cli_identity, "_users", lambda *_: late)
    monkeypatch.setattr(sys, "argv", ["auterity", "users", "reset", "ada", "--tenant", "acme"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capsys.readouterr()
    assert (ended.value.code, said.out, len(said.err.strip().splitlines())) == (1, "", 1)
    assert "user ada was changed by somebody else at the same moment: try again" in said.err
    (listed,) = Users(log.bootstrap, log.registry, tmp_path, "acme").listed()
    assert listed["status"] == "suspended"


def test_secrets_that_are_gone_are_told_in_one_line_and_not_made_anew(
    log: Any, registered: Codec, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    Users(log.bootstrap, log.registry, tmp_path, "acme").create("ada", ["operator"])
    (tmp_path / FILE).unlink()

    with pytest.raises(SecretsUnusable, match="there are none"):
        run_gateway(log.bootstrap, log.registry, Settings(data_dir=tmp_path), 0)
    with pytest.raises(SecretsUnusable, match="there are none"):
        Users(log.bootstrap, log.registry, tmp_path, "acme").reset("ada")
    assert not (tmp_path / FILE).exists()
    assert str(SecretsUnusable(tmp_path / FILE, "gone")).count("\n") == 0


@pytest.mark.parametrize(("option", "address"), [("", "127.0.0.1"), (" --trusted-proxy 127.0.0.1", "203.0.113.7")])
def test_only_a_trusted_proxy_says_where_a_call_came_from(
    log: Any, registered: Codec, prefix: str, tmp_path: Path, option: str, address: str
) -> None:
    with Worker(log, prefix, tmp_path, f"gateway --port 0{option}") as gateway:
        said = {"X-Forwarded-For": "203.0.113.7"}
        assert httpx2.get(f"{_ready(gateway)}/auth/verify", headers=said, trust_env=False).status_code == 401

    assert [call.address for call in calls(log, registered)] == [address]


def test_a_port_that_is_taken_is_named(log: Any, prefix: str, tmp_path: Path) -> None:
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        port = int(_ready(gateway).rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"Port {port} for gateway"):
            run_gateway(log.bootstrap, log.registry, Settings(data_dir=tmp_path / "another"), port)
