"""What the read models know, over HTTP: pages, filters, how far they are, and what a caller wrote itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from read_model_records import events, fill, records, run_of

from connectors.publisher import KafkaPublisher
from domain.log_position import LogPosition
from schemas.codec import Codec
from schemas.events import RunStatus
from sinks.read_models.reader import Reader
from sinks.read_models.store import FILE, reading
from tests.gateway.conftest import calling, key


@pytest.fixture
async def viewer(publisher: KafkaPublisher, registered: Codec, models: Reader) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway with the key of acme that may read."""
    async with calling(publisher, registered, models=models) as client:
        client.headers["Authorization"] = f"Bearer {key('acme', 'r').text}"
        yield client


async def got(client: httpx2.AsyncClient, path: str, **asked: Any) -> Any:
    answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def paged(client: httpx2.AsyncClient, path: str, name: str, **asked: Any) -> list[Any]:
    """Returns what all pages hold."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await got(client, path, **asked, **cursor)
        assert len(page[name]) <= asked["limit"]
        found += page[name]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def test_runs_come_page_by_page_newest_first_and_filtered(viewer: httpx2.AsyncClient) -> None:
    whole = (await got(viewer, "/workflows", limit=200))["runs"]

    assert {run["run_id"] for run in whole} == {each.run_id for each in events("acme", "workflow-runs")}
    assert await paged(viewer, "/workflows", "runs", limit=1) == whole
    ended = {each.run_id: each for each in events("acme", "workflow-runs") if each.status is not RunStatus.STARTED}
    for run in whole:
        assert (run["status"], run["workflow"]) == (ended[run["run_id"]].status, ended[run["run_id"]].workflow)
        assert run["cost_usd_micros"] == sum(
            each.cost_usd_micros for each in events("acme", "ai-calls") if each.run_id == run["run_id"]
        )
    for name in ("status", "workflow"):
        for value in {run[name] for run in whole}:
            found = (await got(viewer, "/workflows", **{name: value}))["runs"]
            assert found == [run for run in whole if run[name] == value]


async def test_a_run_says_its_steps_and_its_log_in_order(viewer: httpx2.AsyncClient) -> None:
    run_id = run_of("acme")

    found = await got(viewer, f"/workflows/{run_id}/status")
    lines = await paged(viewer, f"/workflows/{run_id}/logs", "events", limit=7)

    assert found["run"]["run_id"] == run_id
    assert sum(found["run"]["steps"].values()) == len(found["steps"]) > 1
    of_run = [record for record in records() if record.key == run_id.encode()]
    assert any(record.topic == "compliance-decisions" for record in of_run)
    of_run = [record for record in of_run if record.topic != "compliance-decisions"]  # which it takes more to read
    assert [(line["topic"], line["partition"], line["offset"]) for line in lines] == [
        (each.topic, each.partition, each.offset) for each in sorted(of_run, key=lambda each: each.timestamp_ms)
    ]


async def test_another_tenants_run_is_answered_as_one_that_there_is_not(viewer: httpx2.AsyncClient) -> None:
    for what in ("status", "logs"):
        answers = [
            await viewer.get(f"/workflows/{run_id}/{what}")
            for run_id in (run_of("other"), "no-such-run", "%00", "r" * 1000)
        ]
        assert {answer.status_code for answer in answers} == {404}
        for answer in answers:
            document = answer.json()
            del document["correlation_id"]
            assert document == {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such run"}


async def test_agents_are_counted_by_status(viewer: httpx2.AsyncClient) -> None:
    found = (await got(viewer, "/agents/status"))["agents"]

    runs = (await got(viewer, "/workflows", limit=200))["runs"]
    assert sum(sum(each["steps"].values()) for each in found) == sum(sum(run["steps"].values()) for run in runs)


async def test_definitions_are_the_tenants_own_and_the_platforms(viewer: httpx2.AsyncClient) -> None:
    found = await paged(viewer, "/definitions", "definitions", limit=2)

    assert {(each["owner"], each["id"]) for each in found if each["owner"] == "tenant"} == {("tenant", "flow")}
    assert {each["kind"] for each in found} == {"workflow", "rules", "models"}
    assert "other's" not in {each["title"] for each in found}
    assert (await got(viewer, "/definitions", kind="models"))["definitions"] == [
        each for each in found if each["kind"] == "models"
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"status": "lost"},
        {"workflow": "\x00"},
        {"colour": "red"},
        {"cursor": "?"},
        {"cursor": "W10"},
        {"cursor": "WzFd"},
        {"after": "nowhere"},
        {"after": LogPosition({("sessions", 0): 1}).encode()},
    ],
)
async def test_what_cannot_be_asked_is_refused(viewer: httpx2.AsyncClient, asked: dict[str, str]) -> None:
    answer = await viewer.get("/workflows", params=asked)

    assert answer.status_code == 400, answer.text


async def test_who_wrote_reads_it_once_it_is_in_or_is_told_to_come_again(
    publisher: KafkaPublisher, registered: Codec, tmp_path: Path
) -> None:
    every = records()
    last = max(every, key=lambda record: record.timestamp_ms)
    position = LogPosition({(last.topic, last.partition): last.offset + 1}).encode()
    fill(tmp_path, [record for record in every if record != last])
    reader = Reader(reading(tmp_path, None))
    async with calling(publisher, registered, models=reader) as client:
        client.headers["Authorization"] = f"Bearer {key('acme', 'r').text}"
        before = await got(client, "/workflows")
        late = await client.get("/workflows", headers={"Auterity-After": position})
        waiting = asyncio.create_task(client.get("/workflows", params={"after": position}))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await asyncio.to_thread(fill, tmp_path, every)
        answer = await waiting
    reader.close()

    assert (late.status_code, late.headers["Retry-After"]) == (503, "1")
    assert answer.status_code == 200
    assert answer.json()["as_of"] > before["as_of"]


async def test_read_models_that_are_not_there_are_a_503_at_once(
    publisher: KafkaPublisher, registered: Codec, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(b"")
    for folder in (tmp_path, tmp_path / "nowhere"):
        reader = Reader(reading(folder, None))
        async with calling(publisher, registered, models=reader) as client:
            client.headers["Authorization"] = f"Bearer {key('acme', 'r').text}"
            began = time.monotonic()
            answer = await client.get("/workflows")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert time.monotonic() - began < 3
        reader.close()
