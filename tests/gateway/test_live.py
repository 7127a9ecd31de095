"""Looking on, on a real Kafka and through a real server: what is told, to whom, from where, and until when."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD
from live_calls import (
    Gateway,
    closed,
    decision,
    events_told,
    listening,
    next_told,
    of_events,
    quiet_feed,
    run,
    step,
    told,
    told_of,
)
from websockets.exceptions import InvalidStatus

from domain.definitions import define
from domain.identity import Permission, Principal
from domain.live import Channel
from gateway.viewer import Viewer
from runtime import live as runtime_live
from runtime.deployment import prepare
from runtime.keys import create
from runtime.settings import Settings
from schemas.codec import Codec
from schemas.events import Outcome, RequestKind, RunStatus
from tests.gateway.conftest import Followed, key
from tests.harness import Worker, events

READS, WRITES = key("acme", "r").text, key("acme", "w").text


def http(gateway: Gateway, shown: str = "") -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    return httpx2.AsyncClient(base_url=gateway.address, headers=headers, trust_env=False)


async def token(gateway: Gateway, name: str = "analyst") -> str:
    said = {"tenant": "acme", "name": name, "password": PASSWORD}
    async with http(gateway) as client:
        return str((await client.post("/auth/login", json=said)).json()["access_token"])


async def test_what_happens_is_told_without_personal_data_and_with_a_position(gateway: Gateway) -> None:
    async with gateway.socket(await token(gateway)) as socket:
        ready = await next_told(socket, "ready")
        await gateway.say(run(1), step(1), decision(1, outcome=Outcome.ESCALATED), run(2, "other"))
        found = await events_told(socket, 3)

    assert ready["channels"] == ["runs", "steps", "decisions", "counters", "alerts"]
    assert {each["channel"]: each["status"] for each in found} == {
        "runs": "started",
        "steps": "completed",
        "decisions": "escalated",
    }
    assert [each["channel"] for each in found if each.get("alert")] == ["decisions"]
    assert "Ada" not in json.dumps(found)
    assert len({each["position"] for each in found}) == 3


async def test_who_comes_back_with_a_position_gets_the_rest_once(gateway: Gateway) -> None:
    numbers = range(30)
    async with gateway.socket(READS) as socket:
        await next_told(socket, "ready")
        await gateway.say(*(run(number) for number in numbers))
        first = await events_told(socket, len(numbers))
    await gateway.say(run(30), run(31, "other"))
    ids = [*(each["id"] for each in first), run(30).event_id]
    for cut in (0, 7, 29):
        async with gateway.socket(READS, f"?after={first[cut]['position']}") as socket:
            rest = await events_told(socket, len(ids) - cut - 1)
            await gateway.say(run(100 + cut))
            ids.append(run(100 + cut).event_id)
            rest += await events_told(socket, 1)
        assert [each["id"] for each in rest] == ids[cut + 1 :]


async def test_what_the_gateway_does_not_remember_is_read_from_the_log_again_within_bounds(
    gateway: Gateway, log: Any, registered: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway.socket(READS) as socket:
        await next_told(socket, "ready")
        await gateway.say(*(run(number) for number in range(40)))
        first = await events_told(socket, 40)
    await gateway.say(*(run(number, tenant) for number in range(40, 60) for tenant in ("acme", "other")))
    monkeypatch.setattr(runtime_live, "BACK", 0)
    async with listening(gateway.door, log.bootstrap, registered, tmp_path / "2") as another:
        query = f"?after={first[9]['position']}"
        async with another.socket(READS, query) as socket:
            rest = await events_told(socket, 50)
            await gateway.say(run(60))
            rest += await events_told(socket, 1)
        async with another.socket(READS, f"?after={rest[19]['position']}") as socket:
            again = await events_told(socket, 31)  # a position that was told again is one, too
            assert sorted(each["id"] for each in again) == sorted(each["id"] for each in rest[20:])
        monkeypatch.setattr(runtime_live, "AGAIN_RECORDS_MAX", 60)
        async with another.socket(READS, query) as socket:
            found = await told(socket, lambda found: found[-1]["type"] == "counters")
            assert [each["type"] for each in found] == ["ready", "reset", "counters"]
    ids = [each["id"] for each in first[:10] + rest]
    assert sorted(ids) == sorted(run(number).event_id for number in range(61))


async def test_a_position_of_another_tenant_or_of_nobody_is_refused(gateway: Gateway) -> None:
    async with gateway.socket(key("other", "r").text) as socket:
        position = (await next_told(socket, "ready"))["position"]
    for text in (position, position[:-1], "0", "x" * 700):
        with pytest.raises(InvalidStatus) as refused:
            await gateway.socket(READS, f"?after={text}")
        assert refused.value.response.status_code == 400


async def test_who_reads_too_slowly_loses_what_waits_is_told_so_and_goes_on(gateway: Gateway) -> None:
    feed, count = gateway.live.feed, 20_000
    async with gateway.socket(READS, max_queue=1) as socket:
        await next_told(socket, "ready")
        for number in range(0, count, 500):  # nobody takes anything meanwhile
            feed.take(told_of("acme", range(number, number + 500)), feed.vector)
            await asyncio.sleep(0.01)
        found = await told(socket, lambda found: found[-1].get("counts", {}).get("runs") == {"started": count})
        feed.take(told_of("acme", range(count, count + 1)), feed.vector)
        found += await told(socket, lambda found: bool(of_events(found)))
    behind = [each for each in found if each["type"] == "behind"]
    assert behind
    assert sum(each["dropped"] for each in behind) + len(of_events(found)) == count + 1
    assert found[-1]["id"] == str(count)
    ring = feed.tenant("acme").ring
    assert ring.end - ring.start <= 1000


async def test_counters_count_each_event_once_and_come_at_most_four_times_a_second(gateway: Gateway) -> None:
    async with gateway.socket(READS, "?channels=counters") as reads, gateway.socket(await token(gateway)) as analyst:
        assert (await next_told(reads, "counters"))["counts"] == {"runs": {}, "steps": {}}
        began = asyncio.get_running_loop().time()
        for number in range(20):
            await gateway.say(run(number), run(number, "other"), decision(number), run(number))
        for socket, channels in ((reads, ["runs", "steps"]), (analyst, ["runs", "steps", "decisions"])):
            found = [
                each
                for each in await told(socket, lambda found: found[-1].get("counts", {}).get("runs") == {"started": 20})
                if each["type"] == "counters"
            ]
            assert list(found[-1]["counts"]) == channels
            assert len(found) <= 2 + (asyncio.get_running_loop().time() - began) * 4


async def test_a_client_chooses_channels_and_nothing_else(gateway: Gateway) -> None:
    async with gateway.socket(READS) as socket:
        await socket.send('{"channels": ["alerts", "decisions"]}')
        await told(socket, lambda found: found[-1]["type"] == "ready" and found[-1]["channels"] == ["alerts"])
        await gateway.say(run(1), decision(2, outcome=Outcome.ESCALATED), step(3), run(4, status=RunStatus.FAILED))
        (found,) = await events_told(socket, 1)
        assert (found["channel"], found["status"]) == ("runs", "failed")
        await socket.send('{"channels": ["everything"]}')
        assert await closed(socket) == 1008
    async with gateway.socket(READS) as socket:
        await socket.send("x" * 5000)
        assert await closed(socket) == 1009
    with pytest.raises(InvalidStatus, match="400"):
        await gateway.socket(READS, "?channels=everything")


async def test_a_browser_shows_its_token_as_a_subprotocol_and_comes_from_where_it_may(
    gateway: Gateway, log: Any, registered: Codec, tmp_path: Path
) -> None:
    shown = [f"auterity.bearer.{await token(gateway)}"]
    own = gateway.address
    async with gateway.socket(subprotocols=["auterity.v1", *shown], origin=own) as socket:
        assert socket.subprotocol == "auterity.v1"
        assert (await next_told(socket, "ready"))["channels"]
    for origin in ("https://elsewhere.example", "null"):
        with pytest.raises(InvalidStatus, match="403"):
            await gateway.socket(subprotocols=["auterity.v1", *shown], origin=origin)
        async with http(gateway, READS) as client:
            assert (await client.get("/live?seconds=0", headers={"Origin": origin})).status_code == 403
    with pytest.raises(InvalidStatus, match="401"):
        await gateway.socket(query=f"?token={READS}&access_token={READS}")
    with pytest.raises(InvalidStatus, match="404"):
        await gateway.socket(READS, "/nowhere")
    listed = ["https://elsewhere.example"]
    async with listening(gateway.door, log.bootstrap, registered, tmp_path / "2", 1, listed) as another:
        async with another.socket(READS, origin=listed[0]):
            with pytest.raises(InvalidStatus, match="429"):
                await another.socket(READS)
            async with another.socket(key("other", "r").text) as socket:
                another.live.end()
                assert await closed(socket) == 1012
        with pytest.raises(InvalidStatus, match="503"):
            await another.socket(READS)
    said = [each for each in events(log, registered, "requests") if each.kind is RequestKind.CONNECTION]
    assert {each.route for each in said} == {"GET /ws", "GET /live", "GET (none)"}
    assert sorted(each.status for each in said) == [101, 101, 101, 401, 403, 403, 403, 403, 404, 429, 503]
    assert all(each.reasons for each in said)
    assert shown[0] not in str(said)


async def test_a_connection_ends_when_who_opened_it_may_not_look_on_any_more(
    gateway: Gateway, followed: Followed
) -> None:
    at = datetime.now(UTC)

    def changed(kind: str, name: str, tenant: str = "acme", **fields: Any) -> Any:
        last = followed.definitions.last(tenant, kind, name)
        assert last is not None
        return define(tenant, kind, {**json.loads(last.body), **fields}, last, at)

    ended = {
        "logged out": await token(gateway, "viewer"),
        "user suspended": await token(gateway, "operator"),
        "key revoked": READS,
        "key expires": key("other", "r").text,
    }
    analyst, officer = await token(gateway, "analyst"), await token(gateway, "compliance-officer")
    sockets = {name: await gateway.socket(shown) for name, shown in ended.items()}
    async with gateway.socket(analyst) as less, gateway.socket(officer) as none:
        await gateway.say(
            changed("user", "operator", status="suspended"),
            changed("api-key", "r" * 16, status="revoked"),
            changed("api-key", "r" * 16, "other", expires_at=(at + timedelta(seconds=1)).isoformat()),
            changed("user", "analyst", roles=["viewer"]),
            changed("user", "compliance-officer", roles=[]),
        )
        async with http(gateway, ended["logged out"]) as client:
            assert (await client.post("/auth/logout")).status_code == 200
        async with asyncio.timeout(5):
            assert {name: await closed(socket) for name, socket in sockets.items()} == dict.fromkeys(ended, 4401)
            assert await closed(none) == 4403
            await told(
                less, lambda found: any("decisions" not in each.get("channels", ["decisions"]) for each in found)
            )


async def test_a_connection_ends_when_its_token_does(
    gateway: Gateway, log: Any, registered: Codec, tmp_path: Path
) -> None:
    ahead = timedelta()
    door = msgspec.structs.replace(gateway.door, now=lambda: datetime.now(UTC) + ahead)
    async with listening(door, log.bootstrap, registered, tmp_path / "2") as another:
        shown = await token(another)
        async with (
            http(another, shown) as client,
            client.stream("GET", "/live") as answer,
            another.socket(shown) as socket,
        ):
            await next_told(socket, "ready")
            ahead = timedelta(hours=1)
            async with asyncio.timeout(5):
                assert await closed(socket) == 4401
                assert [each async for each in answer.aiter_lines()]


async def sent(answer: httpx2.Response, count: int) -> list[tuple[str, Any]]:
    """Returns the next so many events of the log that come as server-sent events, each with its id."""
    found: list[tuple[str, Any]] = []
    name = ""
    async with asyncio.timeout(20):
        async for line in answer.aiter_lines():
            kind, _, said = line.partition(": ")
            name = said if kind == "id" else name
            if kind == "data" and (message := json.loads(said))["type"] == "event":
                found.append((name, message))
            if len(found) == count:
                break
    return found


async def test_server_sent_events_say_the_same_and_go_on_from_the_last_one(gateway: Gateway) -> None:
    async with http(gateway, READS) as client:
        async with client.stream("GET", "/live?channels=runs") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            await gateway.say(run(1), step(1), run(2))
            first = await sent(answer, 2)
        await gateway.say(run(3))
        async with client.stream("GET", "/live?channels=runs", headers={"Last-Event-ID": first[0][0]}) as answer:
            rest = await sent(answer, 2)
        whole = await client.get(f"/live?channels=runs&seconds=0&after={first[0][0]}")
        assert (await client.get("/live?seconds=soon")).status_code == 400

    assert [message["id"] for _, message in rest] == [first[1][1]["id"], run(3).event_id]
    assert [name for name, _ in first + rest] == [message["position"] for _, message in first + rest]
    told = [json.loads(line[6:]) for line in whole.text.splitlines() if line.startswith("data: ")]
    assert told[0]["type"] == "ready"
    assert of_events(told) == [message for _, message in rest]


async def test_who_has_lost_nothing_but_what_it_may_not_see_is_told_of_no_loss() -> None:
    feed = quiet_feed()
    reads = Principal("acme", "key/r", frozenset({Permission.READ_RUNS}))
    viewers = [Viewer(feed, reads, "1", [each], None) for each in (Channel.RUNS, Channel.STEPS)]
    told = [viewer.texts() for viewer in viewers]
    assert ['"type":"ready"' in (await anext(each))[0] for each in told] == [True, True]
    feed.take(told_of("acme", range(1500)), feed.vector)

    assert json.loads((await anext(told[0]))[0])["dropped"] == 1500
    viewers[1].stop()
    assert [each async for each in told[1]] == []


async def test_at_sigterm_everybody_is_told_and_the_process_ends_in_time(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    tenant = [("tenant", {"id": "acme"})]
    await asyncio.to_thread(prepare, log.bootstrap, log.registry, Settings(), tenant, "acme")
    made = await asyncio.to_thread(create, log.bootstrap, log.registry, "acme", ["runs:read"], 1, "a screen")
    shown = made["key"]
    with Worker(log, prefix, tmp_path, "gateway --port 0 --live-max 2") as process:
        address = (tmp_path / "run" / "gateway.ready").read_text()
        place = Gateway.at(address)
        async with (
            http(place, shown) as client,
            place.socket(shown) as socket,
            client.stream("GET", "/live") as answer,
        ):
            with pytest.raises(InvalidStatus, match="429"):
                await place.socket(shown)
            stopping = asyncio.create_task(asyncio.to_thread(process.stop))
            assert await closed(socket) == 1012
            assert [each async for each in answer.aiter_lines()]
            assert await stopping == 0
            assert "exceeded" not in process.log()  # nobody had to be cut off
