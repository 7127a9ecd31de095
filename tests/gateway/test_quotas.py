"""What a tenant may use is counted exactly, over restarts and gateways; a deleted tenant is nobody's any more."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, SAID, calls
from hypothesis import given
from hypothesis import strategies as st
from redis_server import patient, server  # noqa: F401  (fixtures)
from test_process import _ready
from typer.testing import CliRunner, Result

from connectors.publisher import KafkaPublisher
from domain.administration import DeletedTenant, TenantExists
from domain.definitions import BadDefinition
from domain.quotas import Quota, day_left_s
from gateway.limits import Shared
from gateway.usage import FileLedger, Ledger, MemoryLedger, QuotaMet, SharedLedger, Usage
from gateway.usage import Uncounted as NoLedger
from runtime import keys
from runtime.cli import app
from runtime.definitions import publish, shipped
from runtime.deployment import prepare
from runtime.ingestion import run
from runtime.platform import Facts
from runtime.settings import Settings, settings
from runtime.tenants import BadQuota, Tenants
from runtime.users import Users
from schemas.codec import Codec
from tests.gateway.conftest import Followed, at_quota, calling, key
from tests.harness import ROOT, Worker, events, until

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT = ("tenant", {"id": "acme"})


async def took(usage: Usage, quota: Quota, count: int, at: datetime = NOON) -> int:
    """Returns how many events were taken: all or none."""
    try:
        await usage.take("acme", quota, count, at)
    except QuotaMet:
        return 0
    return count


@given(st.integers(0, 2_000), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300))))
def test_gateways_together_never_take_more_than_a_days_events(quota: int, wanted: list[tuple[int, int]]) -> None:
    ledger = MemoryLedger()
    gateways = [Usage(ledger) for _ in range(3)]

    async def day() -> list[int]:
        return [await took(gateways[number], Quota(events_per_day=quota), count) for number, count in wanted]

    taken = asyncio.run(day())
    unused = sum(sum(each.left.values()) for each in gateways)
    assert sum(taken) + unused == ledger._used["acme/2026-11-22"] <= quota
    for (_, count), got in zip(wanted, taken, strict=True):
        if got < count:  # refused too early by what others hold at most
            assert sum(taken) + count + 3 * max(quota // 100, 1) > quota or count > quota
    assert 1 <= day_left_s(NOON) == 43_200


@pytest.mark.parametrize("where", ["file", "redis"])
async def test_what_was_used_today_is_known_to_other_gateways_and_after_a_restart(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shared = Shared(request.getfixturevalue("redis")) if where == "redis" else None

    def gateway() -> Usage:
        ledger: Ledger = SharedLedger(shared) if shared is not None else FileLedger(tmp_path / "own" / "usage.sqlite")
        return Usage(ledger)

    quota, first, second = Quota(events_per_day=20), gateway(), gateway()
    at_once = await asyncio.gather(*(took(each, quota, 3) for each in (first, second) * 3))
    assert sum(at_once) == 18
    assert await took(gateway(), quota, 3) == 0
    assert await took(gateway(), quota, 2) == 2
    assert await took(gateway(), quota, 1) == 0
    assert await took(gateway(), Quota(events_per_day=25), 5) == 5  # more from now on
    assert await took(gateway(), quota, 20, NOON.replace(day=23)) == 20
    if shared is not None:
        await shared.close()
    else:
        assert (tmp_path / "own" / "usage.sqlite").stat().st_mode & 0o777 == 0o600


async def test_events_are_not_taken_while_nobody_can_count_them(
    log: Any, registered: Codec, publisher: KafkaPublisher, tmp_path: Path
) -> None:
    (tmp_path / "usage.sqlite").mkdir()
    usage = Usage(FileLedger(tmp_path / "usage.sqlite"))
    with pytest.raises(NoLedger):
        await usage.take("acme", Quota(events_per_day=5), 1, NOON)
    async with calling(publisher, registered, followed=at_quota(Quota(events_per_day=5)), usage=usage) as client:
        assert (await client.post("/events/business-events", json=SAID)).status_code == 503
    assert not events(log, registered, "business-events")


async def test_a_call_beyond_the_days_events_is_refused_whole_and_told_which_quota_it_met(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    followed = at_quota(Quota(events_per_day=5))
    async with calling(publisher, registered, followed=followed, now=lambda: NOON) as client:
        found = [await client.post("/events/business-events", json=[SAID] * count) for count in (3, 3, 2, 1)]
    assert [answer.status_code for answer in found] == [202, 429, 202, 429]
    assert found[1].json()["quota"] == {"name": "events_per_day", "amount": 5}
    assert found[1].json()["detail"] == "more than 5 events a day (quota events_per_day)"
    assert found[1].headers["Retry-After"] == "43200"
    assert len(events(log, registered, "business-events")) == 5
    assert [call.events for call in calls(log, registered)] == [3, 0, 2, 0]


async def test_a_tenant_has_so_many_calls_under_way_and_no_more(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    usage = Usage()
    async with calling(publisher, registered, followed=at_quota(Quota(connections=2)), usage=usage) as client:
        found = await asyncio.gather(*(client.get("/auth/verify") for _ in range(6)))
        statuses = [answer.status_code for answer in found]
        assert statuses.count(200) >= 2
        assert set(statuses) == {200, 429}
        refused = next(answer for answer in found if answer.status_code == 429)
        assert refused.json()["quota"] == {"name": "connections", "amount": 2}
        assert (await client.get("/auth/verify")).status_code == 200
    assert not usage.held


def test_a_quota_that_is_changed_holds_within_a_second_and_its_use_outlives_the_gateway(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    made = keys.create(log.bootstrap, log.registry, "acme", ["events:write"], 1, "the shop")
    Tenants(log.bootstrap, log.registry).quota("acme", {"events_per_day": 2})
    headers = {"X-API-Key": made["key"]}
    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:

        def put() -> int:
            where = f"{_ready(gateway)}/events/business-events"
            return httpx2.post(where, json=SAID, headers=headers, trust_env=False).status_code

        assert [put(), put(), put()] == [202, 202, 429]
        gateway.kill()
        gateway.start()
        assert put() == 429
        Tenants(log.bootstrap, log.registry).quota("acme", {"events_per_day": 3})
        until(lambda: put() == 202, 20)
        assert put() == 429
    assert len(events(log, registered, "business-events")) == 3


def test_the_command_line_changes_quotas_and_shows_them(
    log: Any, registered: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTERITY_KAFKA", log.bootstrap)
    monkeypatch.setenv("AUTERITY_REGISTRY", log.registry)
    settings.cache_clear()
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")

    def auterity(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["tenants", *arguments])

    said = auterity("quota", "acme", "--events-per-day", "3", "--connections", "7", "--json")
    assert json.loads(said.stdout)["quota"]["events_per_day"] == 3
    assert auterity("quota", "acme", "--connections", "default").exit_code == 0
    assert auterity("quota", "acme").exit_code == 2
    assert isinstance(auterity("quota", "acme", "--connections", "-1").exception, BadQuota)
    (listed,) = json.loads(auterity("list", "--json").stdout)
    assert listed["quota"] == {
        "calls_per_minute": 120_000,
        "calls_per_minute_each": 60_000,
        "events_per_day": 3,
        "bytes_stored": 1024**3,
        "connections": 1_000,
    }
    assert "events_per_day 3" in auterity("list").stdout
    assert auterity("delete", "acme").exit_code == 2
    assert json.loads(auterity("delete", "acme", "--yes", "--json").stdout)["status"] == "deleted"
    assert isinstance(auterity("resume", "acme").exception, DeletedTenant)
    settings.cache_clear()


async def test_a_deleted_tenant_lets_nobody_in_whatever_keys_and_sessions_there_are(
    log: Any, registered: Codec, client: httpx2.AsyncClient, followed: Followed, publisher: KafkaPublisher
) -> None:
    login = {"tenant": "acme", "name": "operator", "password": PASSWORD}
    tokens = (await client.post("/auth/login", json=login)).json()
    callers = [{"Authorization": f"Bearer {tokens['access_token']}"}, {"X-API-Key": key("acme", "w").text}]
    del client.headers["Authorization"]

    async def answers() -> list[int]:
        return [(await client.get("/auth/verify", headers=each)).status_code for each in callers]

    assert await answers() == [200, 200]
    body = {"id": "acme", "status": "deleted"}
    await publish([("tenant", body)], followed.definitions, registered, publisher, NOON, "acme")
    assert await answers() == [403, 403]
    assert (await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).status_code == 403
    assert (await client.post("/auth/login", json=login)).status_code == 403
    with pytest.raises(BadDefinition, match="nobody gets its id again"):
        await publish([TENANT], followed.definitions, registered, publisher, NOON, "acme")


def test_nobody_gets_the_id_of_a_deleted_tenant_again(log: Any, registered: Codec, tmp_path: Path) -> None:
    prepare(log.bootstrap, log.registry, Settings(), [TENANT], "acme")
    tenants = Tenants(log.bootstrap, log.registry)
    tenants.turn("acme", "deleted")

    with pytest.raises(TenantExists, match="nobody gets its id again"):
        tenants.create("acme")
    for attempt in (
        lambda: tenants.turn("acme", "active"),
        lambda: tenants.quota("acme", {"connections": 1}),
        lambda: Users(log.bootstrap, log.registry, tmp_path, "acme"),
        lambda: keys.create(log.bootstrap, log.registry, "acme", ["events:write"], 1, ""),
    ):
        with pytest.raises(DeletedTenant, match="tenant acme is deleted"):
            attempt()


def test_ingest_leaves_a_tenant_as_it_is_and_takes_nothing_for_a_deleted_one(
    log: Any, registered: Codec, tmp_path: Path
) -> None:
    prepare(log.bootstrap, log.registry, Settings(), shipped())
    tenants = Tenants(log.bootstrap, log.registry)
    made = tenants.create("acme", "Acme")
    facts = Facts("", log.bootstrap, log.registry, str(tmp_path), 0, 1)

    def ingest() -> int:
        file = ROOT / "examples" / "dealership" / "day.jsonl"
        return run(facts, file, "dealership", "acme", None, None, lambda *_: None).accepted

    tenants.quota("acme", {"events_per_day": 3})
    assert ingest() > 0
    (listed,) = Tenants(log.bootstrap, log.registry).listed()
    assert listed == made | {"quota": made["quota"] | {"events_per_day": 3}}

    tenants.turn("acme", "deleted")
    with pytest.raises(DeletedTenant):
        ingest()
