"""Runs that callers ask for: what is answered 202 runs, under the id that was told."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, calls

from domain.definitions import define as defined
from domain.executions import AGENTS
from schemas.codec import Codec
from sinks.read_models.reader import Reader
from sinks.read_models.sink import ReadModelSink
from sinks.read_models.store import reading, writing
from tests.gateway.conftest import Followed, calling
from tests.harness import Worker, define, events, feed, records

EXECUTE = "/api/v1/workflows/execute"
INPUT = {"text": "Which pump leaks? Write to ada@example.com.", "title": "Pumps"}


@pytest.fixture
async def client(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """Speaks to the gateway as an operator of acme."""
    await _as_operator(client)
    return client


async def _as_operator(client: httpx2.AsyncClient) -> None:
    said = {"tenant": "acme", "name": "operator", "password": PASSWORD}
    token = (await client.post("/auth/login", json=said)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


async def test_what_is_asked_for_runs_under_the_id_that_was_told_and_personal_data_is_taken_out(
    log: Any, registered: Codec, prefix: str, tmp_path: Path, client: httpx2.AsyncClient, followed: Followed
) -> None:
    await asyncio.to_thread(define, log)
    caller = defined("acme", "user", {"id": "operator", "roles": ["operator"]}, None, datetime.now(UTC))
    assert caller is not None
    await asyncio.to_thread(feed, log, [registered.encode(caller, "test")])
    paths = [EXECUTE, *(f"/api/v1/agents/{agent}/trigger" for agent in AGENTS)]
    bodies: list[dict[str, Any]] = [{"workflow": "agent-analysis", "input": INPUT}, *([{"input": INPUT}] * len(AGENTS))]
    answers = [await client.post(path, json=body) for path, body in zip(paths, bodies, strict=True)]
    assert [answer.status_code for answer in answers] == [202] * 5, answers

    with Worker(log, prefix, tmp_path) as worker:
        await asyncio.to_thread(worker.settle)

    runs = {run.run_id: run for run in events(log, registered, "workflow-runs") if run.status.value == "completed"}
    for answer in answers:
        said = answer.json()
        assert runs[said["run_id"]].correlation_id == said["event_id"]
    outputs = [step.output for step in events(log, registered, "agent-steps") if step.status.value == "completed"]
    assert len(outputs) == 5
    assert "ada@example.com" not in repr(outputs)
    begun = {event.event_id: event for event in events(log, registered, "business-events")}
    for answer in answers:
        said = answer.json()
        assert begun[said["event_id"]].causation_id == said["correlation_id"]
    assert [call.events for call in calls(log, registered) if call.status == 202] == [1] * 5


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        (EXECUTE, b'{"workflow": "nowhere"}', 422, "unknown workflow nowhere"),
        (EXECUTE, b'{"workflow": "only-alarms"}', 422, "workflow: the trigger of workflow only-alarms does not hold"),
        (EXECUTE, b'{"workflow": "../acme"}', 422, "workflow: "),
        (EXECUTE, b'{"input": {}}', 422, "workflow: "),
        (EXECUTE, b'{"workflow": "only-alarms", "tenant_id": "other"}', 422, "tenant_id: "),
        (EXECUTE, b'{"workflow": "only-alarms", "input": {"a": 1}}', 422, "input"),
        (EXECUTE, b"", 422, "no JSON"),
        (EXECUTE, b'{"workflow": ' + b"[" * 100_000, 422, "workflow: "),
        (EXECUTE, b'{"workflow": "only-alarms", "input": {"a": "' + b"a" * 2**20 + b'"}}', 413, "more than"),
        ("/api/v1/agents/nobody/trigger", b"{}", 404, "no such agent; there are ingestion, "),
        ("/api/v1/agents/report/trigger", b'{"workflow": "x"}', 422, "workflow: "),
    ],
)
async def test_what_cannot_run_is_refused_with_the_field_and_begins_nothing(
    log: Any,
    registered: Codec,
    client: httpx2.AsyncClient,
    path: str,
    body: bytes,
    status: int,
    told: str,
    followed: Followed,
) -> None:
    workflow = {
        "id": "only-alarms",
        "title": "Alarms",
        "trigger": {"when": 'event.type == "alarm"'},
        "steps": [{"id": "take", "agent": "ingestion", "uses": "collect"}],
    }
    made = defined("acme", "workflow", workflow, None, datetime.now(UTC))
    assert made is not None
    followed.definitions.add(made)
    answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert told in answer.json()["detail"]
    assert not events(log, registered, "business-events")
    assert [call.status for call in calls(log, registered)] == [200, status]


async def test_a_workflow_made_a_moment_ago_can_be_run_and_with_an_idempotency_key_runs_once(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    workflow = {
        "id": "fresh",
        "title": "Fresh",
        "steps": [{"id": "take", "agent": "ingestion", "uses": "collect"}],
    }
    models = {
        "id": "default",
        "default": "local",
        "models": [{"id": "local", "provider": "local"}],
    }
    for kind, body in (("models", models), ("workflow", workflow)):
        made = defined("acme", kind, body, None, datetime.now(UTC))
        assert made is not None
        await asyncio.to_thread(feed, log, [registered.encode(made, "test")])

    keyed = {"Idempotency-Key": "order-7"}
    first, again = [await client.post(EXECUTE, json={"workflow": "fresh"}, headers=keyed) for _ in range(2)]
    other = await client.post(EXECUTE, json={"workflow": "fresh"})

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 202), first.text
    assert first.json()["run_id"] == again.json()["run_id"] != other.json()["run_id"]
    assert len(events(log, registered, "business-events")) == 2


async def test_whoever_asks_for_a_run_reads_it_at_once_with_the_position_that_was_told(
    log: Any, registered: Codec, publisher: Any, people: Any, followed: Followed, tmp_path: Path
) -> None:
    sink = ReadModelSink(writing(tmp_path, None), registered, lambda _: None, "kafka")
    sink.prepare()
    reader = Reader(reading(tmp_path, None))
    async with calling(publisher, registered, people=people, followed=followed, models=reader) as client:
        await _as_operator(client)
        said = (await client.post(EXECUTE, json={"workflow": "agent-report", "input": INPUT})).json()
        status = f"/api/v1/workflows/{said['run_id']}/status"

        early = await client.get(status, params={"after": said["position"]})
        await asyncio.to_thread(sink.write, records(log, *sink.topics))
        found = await client.get(status, params={"after": said["position"]})

    reader.close()
    assert (early.status_code, early.headers["retry-after"]) == (503, "1")
    run = found.json()["run"]
    assert (found.status_code, run["status"], run["workflow"]) == (200, "accepted", "agent-report")
