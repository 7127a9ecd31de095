"""Calls beyond a limit are refused, and counted: in this process, or by all gateways in one Redis."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, SAID, calls
from redis_server import RedisServer, patient, server  # noqa: F401  (fixtures)

from connectors.publisher import KafkaPublisher
from domain.identity import Permission
from domain.limits import Rates
from domain.quotas import Quota
from domain.refusals import Refusals
from gateway.limits import KEYS_MAX, Limits, Local, Shared, Uncounted
from gateway.tally import Tally
from runtime import keys
from runtime.deployment import prepare
from runtime.settings import Settings
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome
from schemas.record import Outgoing
from tests.gateway.conftest import at_quota, calling, key
from tests.harness import Worker

NOW = datetime(2026, 11, 22, 8, 0, 48, tzinfo=UTC)
TOLD = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def limited(publisher: Any, codec: Codec, limits: Limits, quota: Quota | None = None) -> httpx2.AsyncClient:
    """Returns a client of an application with these limits, whose clock stands still."""
    return calling(publisher, codec, limits=limits, followed=at_quota(quota or Quota()), now=lambda: NOW)


def told(answer: httpx2.Response) -> tuple[int, ...]:
    return (answer.status_code, *(int(answer.headers[name]) for name in TOLD))


async def test_every_answer_says_what_is_left_and_a_call_too_many_is_told_which_limit_it_met(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    async with limited(publisher, registered, Limits(), Quota(calls_per_minute=9, calls_per_minute_each=2)) as client:
        assert told(await client.post("/events/business-events", json=SAID)) == (202, 2, 1, 12)
        assert told(await client.post("/events/business-events", json={})) == (422, 2, 0, 12)
        refused = await client.post("/events/business-events", json=SAID)
        assert told(refused) == (429, 2, 0, 12)
        assert refused.headers["Retry-After"] == "12"
        assert refused.json()["limit"] == {"name": "principal", "calls": 2, "window_s": 60}
        other = await client.get("/auth/verify", headers={"Authorization": f"Bearer {key('acme', 'r').text}"})
        assert other.status_code == 200
        assert "RateLimit-Limit" not in (await client.get("/health/live")).headers

    found = calls(log, registered)
    assert [(call.status, call.outcome, call.principal) for call in found][2] == (
        429,
        CallOutcome.LIMITED,
        f"key/{'w' * 16}",
    )
    assert found[2].reasons[-1] == "more than 2 calls a minute of this caller"
    assert [call.calls for call in found] == [1] * 4


async def test_a_caller_beyond_its_own_limit_takes_nothing_from_its_tenant(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    async with limited(publisher, registered, Limits(), Quota(calls_per_minute=3, calls_per_minute_each=2)) as client:
        assert [(await client.get("/auth/verify")).status_code for _ in range(5)] == [200, 200, 429, 429, 429]
        client.headers["Authorization"] = f"Bearer {key('acme', 'r').text}"
        assert (await client.get("/auth/verify")).status_code == 200
        refused = await client.get("/auth/verify")
        assert refused.json()["limit"]["name"] == "tenant"
        assert "quota calls_per_minute" in refused.json()["detail"]
        client.headers["Authorization"] = f"Bearer {key('other', 'r').text}"
        assert (await client.get("/auth/verify")).status_code == 200


async def test_refusals_of_an_address_beyond_its_limit_are_one_event_that_counts_them(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    limits = Limits(Rates(address=3))
    async with limited(publisher, registered, limits) as client:
        answers = [await client.get("/auth/verify") for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 7
    assert answers[-1].json()["limit"] == {"name": "address", "calls": 3, "window_s": 60}
    assert told(answers[-1]) == (429, 3, 0, 12)

    await Tally(limits.refusals, publisher, registered).write()

    *others, counted = sorted(calls(log, registered), key=lambda call: call.calls)
    assert [call.status for call in others] == [200] * 3
    assert (counted.calls, counted.status, counted.outcome) == (7, 429, CallOutcome.LIMITED)
    assert (counted.address, counted.tenant_id, counted.principal) == ("127.0.0.1", "platform", "")
    assert {answer.json()["correlation_id"] for answer in answers[3:]} == {counted.correlation_id}


async def test_strangers_meet_a_limit_of_their_own_and_keep_nobody_out_who_is_known(
    log: Any, registered: Codec, publisher: KafkaPublisher
) -> None:
    limits = Limits(Rates(stranger=3))
    stranger = {"Authorization": "Bearer nobody"}
    async with limited(publisher, registered, limits) as client:
        found = [(await client.get("/auth/verify", headers=stranger)).status_code for _ in range(4)]
        assert found == [401, 401, 401, 429]
        refused = await client.post("/auth/login", json={"tenant": "acme", "name": "admin", "password": "wrong one"})
        assert refused.json()["limit"]["name"] == "stranger"
        assert (await client.get("/nowhere", headers=stranger)).status_code == 429
        assert (await client.get("/auth/verify")).status_code == 200
        said = {"tenant": "acme", "name": "admin", "password": PASSWORD}
        assert (await client.post("/auth/login", json=said)).status_code == 200
    assert limits.refusals.calls == 3
    assert [call.status for call in calls(log, registered)] == [401, 401, 401, 200, 200]


async def test_two_gateways_count_together_in_one_redis(
    log: Any,
    registered: Codec,
    publisher: KafkaPublisher,
    redis: str,
) -> None:
    shared = [Shared(redis), Shared(redis)]
    quota = Quota(calls_per_minute_each=5)
    first, second = (limited(publisher, registered, Limits(counter=each), quota) for each in shared)
    async with first, second:
        found = [(await client.get("/auth/verify")).status_code for _ in range(4) for client in (first, second)]
    assert found == [200] * 5 + [429] * 3
    for each in shared:
        await each.close()


async def test_while_redis_is_stopped_nobody_is_let_in_and_each_refusal_is_counted(
    log: Any,
    registered: Codec,
    publisher: KafkaPublisher,
    server: RedisServer,  # noqa: F811
) -> None:
    shared = Shared(server.url)
    limits = Limits(counter=shared)
    async with limited(publisher, registered, limits) as client:
        assert (await client.get("/auth/verify")).status_code == 200
        server.stop()
        refused = [await client.get("/auth/verify") for _ in range(3)]
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(503, "1")] * 3
        assert refused[0].json()["detail"] == "calls cannot be counted now"
        with pytest.raises(Uncounted, match="Redis does not answer"):
            await shared.ready()
        server.start()
        assert (await client.get("/auth/verify")).status_code == 200
    await Tally(limits.refusals, publisher, registered).write()
    await shared.close()

    assert sorted((call.status, call.outcome, call.calls) for call in calls(log, registered)) == [
        (200, CallOutcome.ACCEPTED, 1),
        (200, CallOutcome.ACCEPTED, 1),
        (503, CallOutcome.FAILED, 3),
    ]


@pytest.mark.parametrize("where", ["local", "shared"])
async def test_a_counter_counts_each_key_apart_whoever_counts_at_the_same_time(
    where: str, request: pytest.FixtureRequest
) -> None:
    shared = Shared(request.getfixturevalue("redis")) if where == "shared" else None
    counter = shared or Local()
    found = await asyncio.gather(*(counter.incr(f"tenant/{number % 3}/9", 60, 2) for number in range(60)))
    assert sorted(found) == sorted([2 * count for count in range(1, 21)] * 3)
    if shared is not None:
        await shared.close()


async def test_a_process_counts_a_bounded_number_of_keys_apart() -> None:
    counter = Local(keys_max=2)
    for name in ("a", "b", "c", "d", "a"):
        count = await counter.incr(f"address/{name}/9", 60)
    assert count == 2
    assert await counter.incr("address/e/9", 60) == 3  # with c and d
    assert KEYS_MAX <= 100_000


class Flaky:
    """A Publisher that refuses as often as it is told, after having taken the records or not."""

    def __init__(self, refusals: int, taken: bool) -> None:
        self.records: list[Outgoing] = []
        self._refusals = refusals
        self._taken = taken

    async def publish(self, records: list[Outgoing]) -> None:
        if records and self._refusals:
            self._refusals -= 1
            self.records += records if self._taken else []
            raise Unavailable("not now")
        self.records += records

    async def append(self, *_: Any) -> list[range]:
        raise NotImplementedError


@pytest.mark.parametrize("taken", [True, False], ids=["an acknowledgement is lost", "nothing is taken"])
async def test_counts_that_the_log_does_not_take_are_kept_and_written_again_with_the_same_ids(
    registered: Codec, taken: bool
) -> None:
    refusals, publisher = Refusals(), Flaky(2, taken)
    async with Tally(refusals, publisher, registered) as tally:
        for _ in range(3):
            refusals.add("192.0.2.1", 429, "too many", NOW, "11111111-1111-7111-8111-111111111111")
        with pytest.raises(Unavailable):
            await tally.write()
        refusals.add("192.0.2.1", 429, "too many", NOW, "22222222-2222-7222-8222-222222222222")
        assert tally.calls == 4
    assert tally.calls == 0
    headers = {dict(record.headers)["ce_id"] for record in publisher.records}
    assert headers == {b"11111111-1111-7111-8111-111111111111", b"22222222-2222-7222-8222-222222222222"}
    assert len(publisher.records) == (4 if taken else 2)


async def test_counts_that_never_reach_the_log_are_named_at_the_end(
    registered: Codec, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.tally.LAST_S", 0.2)
    refusals = Refusals()
    async with Tally(refusals, Flaky(1_000, False), registered):
        refusals.add("192.0.2.1", 429, "too many", NOW, "11111111-1111-7111-8111-111111111111")
    (record,) = caplog.records
    assert (record.message, record.calls) == ("refused calls are not on the log", 1)  # type: ignore[attr-defined]


def test_after_sigterm_the_counts_on_the_log_are_the_calls_that_were_made(
    log: Any, registered: Codec, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTERITY_ADDRESS_CALLS_PER_MINUTE", "20")
    prepare(log.bootstrap, log.registry, Settings(), [("tenant", {"id": "acme"})], "acme")
    made = keys.create(log.bootstrap, log.registry, "acme", [Permission.WRITE_EVENTS], 1, "the shop")

    async def flood(where: str) -> None:
        headers = {"X-API-Key": made["key"]}
        async with httpx2.AsyncClient(base_url=where, headers=headers, trust_env=False) as client:
            for _ in range(4):
                await asyncio.gather(*(client.get("/auth/verify") for _ in range(30)))
                await asyncio.sleep(0.4)
            await asyncio.gather(*(client.get("/auth/verify") for _ in range(30)))

    with Worker(log, prefix, tmp_path, "gateway --port 0") as gateway:
        asyncio.run(flood((gateway.folder / "run" / "gateway.ready").read_text()))
        assert gateway.stop() == 0

    counted = calls(log, registered)
    refused = [call for call in counted if call.status == 429]
    assert sum(call.calls for call in counted) == 150
    assert sum(call.calls for call in refused) in (110, 130)  # 110 when the minute turned
    assert len(refused) <= 6
