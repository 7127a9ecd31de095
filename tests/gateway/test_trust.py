"""A genuine key or token is not enough: where a call comes from, when, and with which device has to hold, too."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, calls
from live_calls import app_of
from typer.testing import CliRunner

from domain.definitions import Tenant, define
from domain.trust import Access, Hours
from gateway.door import Door
from runtime.cli import app
from runtime.deployment import prepare
from runtime.settings import Settings, settings
from schemas.codec import Codec
from tests.gateway.conftest import Followed, key

DEVICE, OTHER = {"Auterity-Device": "d" * 43}, {"Auterity-Device": "e" * 43}
SAID = {"tenant": "acme", "name": "viewer", "password": PASSWORD}


@pytest.fixture
def door(publisher: Any, registered: Codec, people: Any, followed: Followed) -> Door:
    async def nothing_new(_: str) -> None:
        return None

    return Door(publisher, registered, followed.definitions, followed.latest, people, nothing_new)


def at(door: Door, address: str = "10.1.2.3") -> httpx2.AsyncClient:
    """Returns a client that calls from this address."""
    transport = httpx2.ASGITransport(app=app_of(door), client=(address, 1))
    return httpx2.AsyncClient(transport=transport, base_url="http://gateway")


def asks(door: Door, access: Access) -> None:
    """Has acme ask this of calls."""
    last = door.definitions.last("acme", "tenant", "acme")
    event = define("acme", "tenant", msgspec.to_builtins(Tenant(id="acme", access=access)), last, datetime.now(UTC))
    assert event is not None
    door.definitions.add(event)


async def token(client: httpx2.AsyncClient, name: str = "viewer", **headers: str) -> dict[str, str]:
    answer = await client.post("/auth/login", json={**SAID, "name": name}, headers=headers)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}", "refresh": answer.json()["refresh_token"]}


async def test_calls_from_outside_the_networks_are_refused_with_every_credential(
    log: Any, registered: Codec, door: Door
) -> None:
    asks(door, Access(networks=["10.0.0.0/8"]))
    shown = [{"X-API-Key": key("acme", "w").text}, await token(at(door))]

    inside = [(await at(door).get("/auth/verify", headers=each)).status_code for each in shown]
    outside = [await at(door, "192.0.2.7").get("/auth/verify", headers=each) for each in shown]
    login = await at(door, "192.0.2.7").post("/auth/login", json=SAID)

    assert inside == [200, 200]
    assert [answer.status_code for answer in (*outside, login)] == [403, 403, 403]
    assert {answer.json()["detail"] for answer in (*outside, login)} == {"address is outside the tenant's networks"}
    refused = [call for call in calls(log, registered) if call.status == 403]
    assert [call.reasons[-1] for call in refused] == ["address is outside the tenant's networks"] * 3
    assert {call.address for call in refused} == {"192.0.2.7"}


async def test_a_session_that_a_device_began_is_worth_nothing_without_it_not_even_to_be_renewed(
    log: Any, registered: Codec, door: Door
) -> None:
    client = at(door)
    shown = await token(client, **DEVICE)
    renewal = {"refresh_token": shown.pop("refresh")}

    for stolen in ({}, OTHER):
        assert (await client.get("/auth/verify", headers={**shown, **stolen})).status_code == 401
        assert (await client.post("/auth/refresh", json=renewal, headers=stolen)).status_code == 401
    assert (await client.get("/auth/verify", headers={**shown, **DEVICE})).status_code == 200
    assert (await client.post("/auth/refresh", json=renewal, headers=DEVICE)).status_code == 200

    assert DEVICE["Auterity-Device"] not in repr(calls(log, registered))
    assert "another device than the session's" in repr(calls(log, registered))


async def test_where_devices_are_asked_for_nobody_logs_in_without_one(door: Door) -> None:
    asks(door, Access(devices="bound"))

    assert (await at(door).post("/auth/login", json=SAID)).json()["detail"] == "no device is bound"
    shown = await token(at(door), **DEVICE)
    assert (await at(door).get("/auth/verify", headers={**shown, **DEVICE})).status_code == 200


async def test_a_new_device_after_guesses_is_too_risky_for_a_tenant_that_says_so(
    log: Any, registered: Codec, door: Door
) -> None:
    client = at(door)
    await token(client, **DEVICE)
    asks(door, Access(risk_max="medium"))
    await client.post("/auth/login", json={**SAID, "password": "wrong wrong wrong"})

    known = await client.post("/auth/login", json=SAID, headers=DEVICE)
    new = await client.post("/auth/login", json=SAID, headers=OTHER)

    assert (known.status_code, new.status_code) == (200, 403)
    assert new.json()["detail"] == "risk is high: a new device, failed log-ins lately"
    assert "risk is medium: failed log-ins lately" in repr(calls(log, registered))


async def test_a_session_that_moves_to_another_address_is_doubted_and_told_on_the_log(
    log: Any, registered: Codec, door: Door
) -> None:
    shown = await token(at(door))
    assert (await at(door, "10.9.9.9").get("/auth/verify", headers=shown)).status_code == 200
    asks(door, Access(risk_max="low"))
    assert (await at(door, "10.9.9.9").get("/auth/verify", headers=shown)).status_code == 403
    assert (await at(door).get("/auth/verify", headers=shown)).status_code == 200

    told = [call.reasons[-1] for call in calls(log, registered) if "risk" in call.reasons[-1]]
    assert "risk is medium: another address than the session's" in told


async def test_outside_the_hours_people_stay_out_and_programs_go_on(door: Door) -> None:
    shown = await token(at(door))
    early = datetime.now(UTC) + timedelta(hours=2)
    asks(door, Access(hours=[Hours(f"{early:%H:%M}", f"{early + timedelta(hours=1):%H:%M}")]))

    assert (await at(door).get("/auth/verify", headers=shown)).json()["detail"] == "outside the tenant's hours"
    assert (await at(door).get("/auth/verify", headers={"X-API-Key": key("acme", "w").text})).status_code == 200


async def test_a_key_bound_to_a_network_opens_nothing_from_elsewhere(door: Door) -> None:
    admin = await token(at(door), name="admin")
    made = await at(door).post("/keys", json={"scopes": ["runs:read"], "networks": ["10.0.0.0/8"]}, headers=admin)
    shown = {"X-API-Key": made.json()["key"]}

    assert (await at(door).get("/auth/verify", headers=shown)).status_code == 200
    outside = await at(door, "192.0.2.7").get("/auth/verify", headers=shown)
    assert (outside.status_code, outside.json()["detail"]) == (403, "address is outside the key's networks")
    wrong = await at(door).post("/keys", json={"scopes": ["runs:read"], "networks": ["everywhere"]}, headers=admin)
    assert (wrong.status_code, "everywhere is no network" in wrong.json()["detail"]) == (422, True)


def test_what_a_tenant_asks_is_said_by_command_and_what_is_wrong_is_named(
    log: Any, registered: Codec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [("tenant", {"id": "acme"})], "acme")
    monkeypatch.setenv("AUTERITY_KAFKA", log.bootstrap)
    monkeypatch.setenv("AUTERITY_REGISTRY", log.registry)
    monkeypatch.setenv("AUTERITY_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    said = ["tenants", "access", "acme", "--network", "10.0.0.0/8", "--hours", "1-5 08:00-17:00", "--devices", "bound"]

    found = CliRunner().invoke(app, [*said, "--json"])
    wrong = [CliRunner().invoke(app, [*said[:3], *each]) for each in (["--network", "here"], ["--hours", "early"])]

    settings.cache_clear()
    assert json.loads(found.stdout)["access"] == {
        "networks": ["10.0.0.0/8"],
        "hours": [{"begin": "08:00", "end": "17:00", "days": [1, 2, 3, 4, 5]}],
        "devices": "bound",
        "risk_max": "high",
    }
    assert "here is no network" in str(wrong[0].exception)
    assert wrong[1].exit_code != 0
