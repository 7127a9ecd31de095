"""The log as it is, over HTTP: whose records, which topics, and page by page without a gap."""

import threading
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from log_browser import ListBrowser
from quiet_gateway import Quiet
from read_model_records import CODEC, events, place_of, records

from domain.identity import GRANTED, Permission, Role
from domain.log_records import NEEDED
from domain.log_scan import SCANNED_MAX
from schemas.catalogue import TOPICS
from schemas.events import Definition
from schemas.record import Record
from sinks.read_models.reader import Reader
from tests.domain.events import AT
from tests.event_strategies import recorded


def on_log(topic: str, tenant: str = "acme") -> list[Record]:
    return [each for each in records() if each.topic == topic and CODEC.decode(each).tenant_id == tenant]


def places(found: list[Any]) -> list[tuple[int, int]]:
    return [(each["partition"], each["offset"]) for each in found]


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_hold_all_of_the_tenants_records_in_order_and_nobody_elses(order: str) -> None:
    gateway = Quiet()
    expected = sorted(on_log("ai-calls"), key=lambda each: each.timestamp_ms, reverse=order == "newest")

    found = await gateway.pages("/topics/ai-calls/records", "records", order=order, limit=7)

    assert sorted(places(found)) == sorted((each.partition, each.offset) for each in expected)
    assert {each["value"]["tenant_id"] for each in found} == {"acme"}
    whole = await gateway.got("/topics/ai-calls/records", order=order, limit=200)
    assert places(whole["records"]) == [(each.partition, each.offset) for each in expected][:200]


async def test_records_are_found_by_key_correlation_id_place_and_time() -> None:
    gateway, path = Quiet(), "/topics/ai-calls/records"
    record = on_log("ai-calls")[3]
    event = CODEC.decode(record)
    at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat()

    by_key = await gateway.pages(path, "records", key=(record.key or b"").decode())
    by_id = await gateway.pages(path, "records", correlation_id=event.correlation_id)
    (first,) = (await gateway.got(path, partition=record.partition, offset=record.offset, limit=1))["records"]
    before = await gateway.pages(path, "records", time=at, order="newest")
    since = await gateway.pages(path, "records", time=at)

    assert {each["key"] for each in by_key} == {event.run_id}
    assert len(by_key) == len([each for each in events("acme", "ai-calls") if each.run_id == event.run_id])
    assert {each["correlation_id"] for each in by_id} == {event.correlation_id}
    assert first["value"] == msgspec.to_builtins(event)
    assert (first["event_id"], first["schema_version"]) == (event.event_id, 1)
    assert len(before) + len(since) == len(on_log("ai-calls"))
    assert all(each["recorded_at"] >= first["recorded_at"] for each in since)


async def test_one_record_says_its_cause_and_its_consequences(models: Reader) -> None:
    gateway = Quiet(models)
    event = next(each for each in events("acme", "agent-steps") if each.causation_id)
    found = next(each for each in on_log("agent-steps") if CODEC.decode(each).event_id == event.event_id)

    said = await gateway.got(f"/records/{found.place}")

    assert said["record"]["value"] == msgspec.to_builtins(event)
    topics = ("workflow-runs", "agent-steps", "compliance-decisions", "ai-calls")
    caused = {
        each.event_id for topic in topics for each in events("acme", topic) if each.causation_id == event.event_id
    }
    assert caused and {each["event_id"] for each in said["consequences"]} == caused
    assert (said["cause"]["event_id"], said["more"]) == (event.causation_id, False)


async def test_what_is_not_the_callers_is_answered_as_what_is_not_there() -> None:
    gateway = Quiet()
    theirs = place_of("other")
    answers = [
        await gateway.client.get(f"/records/{place}")
        for place in (theirs, "ai-calls/0/99999999", "ai-calls/77/0", "ai-calls/x/0", "ai-calls/0/-1")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    nowhere = await gateway.client.get("/topics/nothing/records")
    hidden = await Quiet(scopes=[Permission.READ_LOG]).client.get("/topics/definitions/records")
    assert (nowhere.status_code, hidden.status_code) == (404, 404)
    assert nowhere.json()["detail"] == hidden.json()["detail"]


async def test_a_role_sees_the_topics_that_its_permissions_open() -> None:
    for role in Role:
        granted = GRANTED[role]
        if Permission.READ_LOG not in granted:
            continue
        listed = (await Quiet(scopes=sorted(granted - {Permission.MANAGE_TENANTS})).got("/topics"))["topics"]
        assert [each["name"] for each in listed] == [name for name in TOPICS if NEEDED[name] in granted]
    everything = (await Quiet().got("/topics"))["topics"]
    calls = next(each for each in everything if each["name"] == "ai-calls")
    assert calls["schema_versions"] == 1
    assert sum(each["end"] for each in calls["partitions"]) == len([e for e in records() if e.topic == "ai-calls"])


def test_every_topic_says_what_it_needs() -> None:
    assert NEEDED.keys() == TOPICS.keys()


async def test_a_topics_schemas_are_told_as_text() -> None:
    found = await Quiet().got("/topics/ai-calls/schema")
    assert found["versions"][0]["id"] == found["written"]
    assert msgspec.json.decode(found["versions"][0]["schema"]) == TOPICS["ai-calls"].schema


async def test_no_sealed_secret_leaves_and_no_credential_does() -> None:
    defined = [
        Definition(
            event_id=f"0198c7a0-0000-7000-8000-00000000000{number}",
            tenant_id="acme",
            correlation_id="c",
            occurred_at=AT,
            kind=kind,
            id="ada",
            version=1,
            digest="d",
            body='{"password":"sealed"}',
        )
        for number, kind in enumerate(("user", "api-key", "tenant", "identity-provider", "of a later release"))
    ]
    lies = [recorded(CODEC.encode(each, "test"), 0, number) for number, each in enumerate(defined)]
    lies = [msgspec.structs.replace(each, headers=[*each.headers, ("Authorization", b"Bearer x")]) for each in lies]

    answer = await Quiet(browser=ListBrowser(lies)).client.get("/topics/definitions/records")

    assert len(answer.json()["records"]) == len(defined)
    assert all(each["withheld"] and each["value"]["body"] == "" for each in answer.json()["records"])
    assert "sealed" not in answer.text and "Bearer" not in answer.text


async def test_a_page_ends_at_its_bound_and_its_cursor_goes_on() -> None:
    ours, theirs = on_log("workflow-runs")[0], on_log("workflow-runs", "other")[0]
    lies = [
        msgspec.structs.replace(each, partition=0, offset=at) for each, at in ((ours, 0), (theirs, 2 * SCANNED_MAX))
    ]
    gateway = Quiet(browser=ListBrowser(lies))

    first = await gateway.got("/topics/workflow-runs/records")
    found = await gateway.pages("/topics/workflow-runs/records", "records")

    assert (first["records"], first["scanned"], first["scan_max"]) == ([], SCANNED_MAX, SCANNED_MAX)
    assert places(found) == [(0, 0)]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"offset": "3"}, "an offset needs a partition"),
        ({"cursor": "x"}, "no cursor"),
        ({"cursor": urlsafe_b64encode(b'["ai-calls",false,[[0,0,1]]]').decode()}, "no cursor of these records"),
        ({"time": "2026-01-01T00:00:00"}, "time has no zone"),
        ({"limit": "201"}, "limit"),
        ({"order": "best"}, "order"),
        ({"tenant_id": "other"}, "tenant_id"),
    ],
)
async def test_what_cannot_be_asked_is_refused(asked: dict[str, str], why: str) -> None:
    said = await Quiet().got("/topics/ai-calls/records", 400, **asked)
    assert why in said["detail"]


async def test_a_large_value_is_shown_by_its_place_alone(models: Reader) -> None:
    event = msgspec.structs.replace(events("acme", "ai-calls")[0], answer="a" * 70_000)
    record = recorded(CODEC.encode(event, "test"), 2, 0)
    gateway = Quiet(models, ListBrowser([record]))

    (listed,) = (await gateway.got("/topics/ai-calls/records"))["records"]

    assert listed["value"] is None and "a list shows 65536" in listed["withheld"]
    assert (await gateway.got(f"/records/{record.place}"))["record"]["value"]["answer"] == event.answer


class Hanging(ListBrowser):
    """A log that answers when it is let go."""

    def __init__(self) -> None:
        super().__init__(())
        self.let_go = threading.Event()

    def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """See LogBrowser."""
        self.let_go.wait(10)
        return super().spans(topic)


@pytest.mark.parametrize("path", ["/topics", "/topics/ai-calls/records", "/budgets", "/recommendations"])
async def test_while_kafka_is_silent_a_caller_is_refused_and_does_not_wait_for_it(path: str) -> None:
    browser = Hanging()
    gateway = Quiet(browser=browser, age_s=lambda: 5.0)
    answer = await gateway.client.get(path)
    browser.let_go.set()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
