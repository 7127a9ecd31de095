"""Subscriptions in GraphQL, on a real Kafka and through a real server: what is told, to whom, and until when."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD
from graphql import GraphQLObjectType
from live_calls import GIVE_UP_S, Gateway, closed, decision, listening, run, step, told_of
from subscription_calls import EVENTS, PROTOCOL, heard, say, spoken, subscribe, told
from websockets.exceptions import InvalidStatus

from domain.quotas import Quota
from gateway import subscriptions
from gateway.graph import schema
from gateway.graph_live import TOLD
from gateway.limits import Limits
from schemas.codec import Codec
from schemas.events import Outcome, RequestKind
from tests.gateway.conftest import NOW, at_quota, key
from tests.harness import events

READS = key("acme", "r").text


async def token(gateway: Gateway, name: str = "analyst") -> str:
    said = {"tenant": "acme", "name": name, "password": PASSWORD}
    async with httpx2.AsyncClient(base_url=gateway.address, trust_env=False) as client:
        return str((await client.post("/auth/login", json=said)).json()["access_token"])


async def test_what_happens_in_the_own_tenant_is_told_as_it_is_permitted(
    gateway: Gateway, log: Any, registered: Codec
) -> None:
    said = [make(number, tenant) for number, tenant in ((1, "other"), (2, "acme")) for make in (run, step)]
    said.insert(0, decision(2, outcome=Outcome.ESCALATED))
    async with spoken(gateway, await token(gateway)) as analyst, spoken(gateway, READS) as reads:
        await subscribe(analyst)
        await subscribe(reads)
        (all_of_it,), (less,) = await told(analyst, "Ready"), await told(reads, "Ready")
        await gateway.say(*said)
        seen, seen_less = await told(analyst, "Event", 3), await told(reads, "Event", 2)
        await gateway.say(run(3))
        assert [each["id"] for each in await told(reads, "Event")] == [run(3).event_id]
        await subscribe(reads, name="counters", channels=["COUNTERS"])
        counted: Any = None
        while counted != [("RUNS", 2), ("STEPS", 1)]:
            (counters,) = await told(reads, "Counters", name="counters")
            counted = [(each["channel"], each["count"]) for each in counters["counts"]]

    assert all_of_it["channels"] == ["RUNS", "STEPS", "DECISIONS", "COUNTERS", "ALERTS"]
    assert less["channels"] == ["RUNS", "STEPS", "COUNTERS", "ALERTS"]
    assert {each["id"] for each in seen} == {each.event_id for each in said if each.tenant_id == "acme"}
    assert {each["channel"]: each["status"] for each in seen} == {
        "RUNS": "started",
        "STEPS": "completed",
        "DECISIONS": "escalated",
    }
    assert [each["channel"] for each in seen if each["alert"]] == ["DECISIONS"]
    assert {each["channel"] for each in seen_less} == {"RUNS", "STEPS"}
    assert "Ada" not in str(seen)
    connected = [each for each in events(log, registered, "requests") if each.kind is RequestKind.CONNECTION]
    assert [(each.route, each.status) for each in connected] == [("GET /graphql", 101)] * 2
    assert less["correlationId"] in {each.event_id for each in connected}


async def test_who_comes_back_with_a_position_gets_the_rest_once_and_only_of_the_own_tenant(gateway: Gateway) -> None:
    async with spoken(gateway, READS) as socket, spoken(gateway, key("other", "r").text) as theirs:
        await subscribe(socket, channels=["RUNS"])
        await told(socket, "Ready")
        await subscribe(theirs)
        (ready,) = await told(theirs, "Ready")
        await gateway.say(*(run(number) for number in range(5)), run(5, "other"))
        first = await told(socket, "Event", 5)
        await say(socket, type="complete", id="1")
        await subscribe(socket, channels=["RUNS"], after=first[1]["position"])
        again = await told(socket, "Event", 3)
        await gateway.say(run(6))
        again += await told(socket, "Event")
        await subscribe(socket, name="2", after=ready["position"])
        refused = await heard(socket)

    assert [each["id"] for each in again] == [*(each["id"] for each in first[2:]), run(6).event_id]
    assert (refused["type"], refused["id"]) == ("error", "2")
    assert refused["payload"][0]["message"] == "no position of this tenant"


async def test_who_reads_too_slowly_is_told_of_what_is_lost(gateway: Gateway) -> None:
    feed, count = gateway.live.feed, 20_000
    async with spoken(gateway, READS, max_queue=1) as socket:
        await subscribe(socket, channels=["RUNS"])
        await told(socket, "Ready")
        for number in range(0, count, 500):  # nobody takes anything meanwhile
            feed.take(told_of("acme", range(number, number + 500)), feed.vector)
            await asyncio.sleep(0.01)
        (behind,) = await told(socket, "Behind")
    assert 0 < behind["dropped"] < count


REFUSED = {
    "{ asOf }": "not allowed",
    "mutation { write }": "not allowed",
    "{ " + "runs { rows { steps { run { steps { run { steps { run { id }}}}}}}}" + " }": "more than 8",
    "subscription { events { " + "".join(f"a{n}: position " for n in range(16)) + "} }": "more than 15",
    "subscription { events { " + "id " * 200 + "} }": "tokens",
    "subscription { events { nothing } }": "nothing",
    "subscription { events { position } again: events { position } }": "one",
    "subscription { events(channels: [EVERYTHING]) { position } }": "EVERYTHING",
    "subscription {": "Syntax Error",
}


async def test_what_is_no_subscription_or_asks_for_too_much_is_refused_and_the_connection_goes_on(
    gateway: Gateway,
) -> None:
    async with spoken(gateway, READS) as socket:
        for query, why in REFUSED.items():
            await subscribe(socket, query, "x")
            found = await heard(socket)
            assert (found["type"], found["id"]) == ("error", "x")
            assert why in found["payload"][0]["message"], query
        await subscribe(socket)
        await told(socket, "Ready")


async def test_what_a_client_says_against_the_protocol_ends_the_connection(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, asked = {"type": "connection_init"}, {"type": "subscribe", "id": "1", "payload": {"query": EVENTS}}
    for code, messages in {
        4401: [asked],
        4429: [begin, begin],
        4409: [begin, asked, asked],
        4400: [begin, {"type": "next", "id": "1", "payload": {}}],
        1008: [begin] + [{"type": "ping"}] * 60,
    }.items():
        async with gateway.socket(READS, path="/graphql", subprotocols=[PROTOCOL]) as socket:
            for message in messages:
                await say(socket, **message)
            assert (code, await closed(socket)) == (code, code)
    for text in ("", "{", "[]", b"{}", '{"type":"subscribe","id":"","payload":{}}', "[" * 2000):
        async with spoken(gateway, READS) as socket:
            await socket.send(text)
            assert (text, await closed(socket)) == (text, 4400)
    monkeypatch.setattr(subscriptions, "BEGIN_S", 0.1)
    async with gateway.socket(READS, path="/graphql", subprotocols=[PROTOCOL]) as socket:
        assert await closed(socket) == 4408
    assert gateway.live.feed.tenant("acme").readers == 0


async def test_who_may_not_look_on_is_refused_before_anything_is_said(gateway: Gateway) -> None:
    for status, shown, more in (
        (401, "", {}),
        (403, key("acme", "w").text, {}),
        (403, READS, {"origin": "https://elsewhere.example"}),
        (400, READS, {"subprotocols": ["graphql-ws"]}),
    ):
        with pytest.raises(InvalidStatus, match=str(status)):
            await gateway.socket(shown, path="/graphql", **{"subprotocols": [PROTOCOL], **more})
    async with spoken(gateway, "", protocols=[f"auterity.bearer.{READS}"], origin=gateway.address) as socket:
        await say(socket, type="ping")
        assert await heard(socket) == {"type": "pong"}
        assert socket.subprotocol == PROTOCOL


async def test_subscriptions_are_few_and_count_as_connections_of_the_tenant(
    gateway: Gateway, log: Any, registered: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(gateway.door, log.bootstrap, registered, tmp_path / "2", 2) as another:
        async with spoken(another, READS) as socket:
            for name in ("1", "2"):
                await subscribe(socket, name=name, channels=["RUNS"])
            found = [await heard(socket) for _ in range(2)]
            assert {each["id"]: each["type"] for each in found} == {"1": "next", "2": "error"}
        async with asyncio.timeout(GIVE_UP_S):
            while another.live.feed.tenant("acme").readers:
                await asyncio.sleep(0.01)
        async with spoken(another, READS) as socket:
            another.live.end()
            assert await closed(socket) == 1012
    async with spoken(gateway, READS) as socket:
        for number in range(subscriptions.SUBSCRIPTIONS_MAX + 1):
            await subscribe(socket, name=str(number), channels=[])
        found = [await heard(socket) for _ in range(subscriptions.SUBSCRIPTIONS_MAX + 1)]
        assert [each["id"] for each in found if each["type"] == "error"] == ["10"]
        monkeypatch.setattr(subscriptions, "GATEWAY_MAX", 10)
        await say(socket, type="complete", id="0")
        await subscribe(socket, name="again", channels=[])
        assert (await heard(socket))["type"] == "next"
        async with spoken(gateway, READS) as more:
            await subscribe(more)
            assert (await heard(more))["payload"][0]["message"] == "the gateway takes no more subscriptions now"


async def test_a_subscription_counts_as_a_call(gateway: Gateway, log: Any, registered: Codec, tmp_path: Path) -> None:
    definitions = at_quota(Quota(calls_per_minute_each=2)).definitions
    door = msgspec.structs.replace(gateway.door, definitions=definitions, limits=Limits(), now=lambda: NOW)
    async with listening(door, log.bootstrap, registered, tmp_path / "2") as another, spoken(another, READS) as socket:
        await subscribe(socket, name="1", channels=[])
        await subscribe(socket, name="2", channels=[])
        found = [await heard(socket) for _ in range(2)]
    assert {each["id"]: each["type"] for each in found} == {"1": "next", "2": "error"}


async def test_a_connection_ends_with_the_session(gateway: Gateway) -> None:
    shown = await token(gateway, "viewer")
    async with spoken(gateway, shown) as socket, spoken(gateway, shown) as silent:
        await subscribe(socket)
        await told(socket, "Ready")
        async with httpx2.AsyncClient(base_url=gateway.address, trust_env=False) as client:
            left = await client.post("/auth/logout", headers={"Authorization": f"Bearer {shown}"})
        assert left.status_code == 200
        async with asyncio.timeout(5):
            assert [await closed(each) for each in (socket, silent)] == [4401, 4401]


def test_every_field_of_what_is_told_is_asked_for_here() -> None:
    for kind in TOLD:
        found = schema()._schema.type_map[kind.__name__]
        assert isinstance(found, GraphQLObjectType)
        assert set(found.fields) <= set(EVENTS.replace("{", " ").split())
