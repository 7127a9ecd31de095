"""A run in one answer, and runs by what they have come to."""

from typing import Any

import pytest
from quiet_gateway import Quiet
from read_model_records import events, records, run_of

from domain.identity import Permission
from schemas.events import CallStatus
from sinks.read_models.reader import Reader


def of_run(topic: str, run_id: str) -> list[Any]:
    return [each for each in events("acme", topic) if each.run_id == run_id]


async def test_a_run_tells_its_steps_decisions_calls_rankings_and_entries(models: Reader) -> None:
    gateway, run_id = Quiet(models), run_of("acme")

    found = await gateway.got(f"/workflows/{run_id}")

    status = await gateway.got(f"/workflows/{run_id}/status")
    assert found["run"] == status["run"] and found["cut"] is False
    steps = [{name: each[name] for name in status["steps"][0]} for each in found["steps"]]
    assert steps == status["steps"]
    lines = await gateway.pages(f"/workflows/{run_id}/logs", "events")
    assert found["timeline"] == lines
    decisions = [each for step in found["steps"] for each in step["decisions"]]
    assert {each["event_id"]: each["outcome"] for each in decisions} == {
        each.event_id: each.outcome for each in of_run("compliance-decisions", run_id)
    }
    calls = [each for step in found["steps"] for each in step["calls"]]
    said = of_run("ai-calls", run_id)
    assert {each["call_id"] for each in calls} == {each.call_id for each in said}
    routed = {each.event_id: each for each in said if each.status is CallStatus.ROUTED}
    for each in (routing for call in calls for routing in call["routings"]):
        ranking = [(one.model, one.standing, one.score) for one in routed[each["event_id"]].ranking]
        assert [(one["model"], one["standing"], one["score"]) for one in each["ranking"]] == ranking
    attempts = [each for call in calls for each in call["attempts"]]
    assert {each["attempt"] for each in attempts} == {each.attempt for each in said if each.attempt}
    decided = {each.sequence: each for each in of_run("budget-entries", run_id) if each.sequence}
    assert {each["sequence"]: each["kind"] for each in found["budget_entries"]} == {
        number: each.kind for number, each in decided.items()
    }
    places = {(each.topic, each.partition, each.offset) for each in records()}
    assert {(each["topic"], each["partition"], each["offset"]) for each in decisions + lines} <= places


async def test_who_may_not_read_decisions_or_money_is_told_none(models: Reader) -> None:
    gateway = Quiet(models, scopes=[Permission.READ_RUNS])
    found = await gateway.got(f"/workflows/{run_of('acme')}")
    assert found["budget_entries"] == [] and not any(each["decisions"] for each in found["steps"])
    assert "compliance-decisions" not in {each["topic"] for each in found["timeline"]}
    assert any(each["calls"] for each in found["steps"])
    await gateway.got("/workflows", 403, outcome="allowed")
    await gateway.got(f"/workflows/{run_of('other')}", 404)


async def test_runs_are_found_by_cost_outcome_time_and_text(models: Reader) -> None:
    gateway = Quiet(models)
    whole = (await gateway.got("/workflows", limit=200))["runs"]
    dear = max(each["cost_usd_micros"] for each in whole)
    first, last = (dict(each) for each in (whole[-1], whole[0]))
    logs = {each["run_id"]: await gateway.got(f"/workflows/{each['run_id']}/logs", limit=1) for each in (first, last)}
    at = logs[last["run_id"]]["events"][0]["recorded_at"]

    async def asked(**said: Any) -> list[Any]:
        return (await gateway.got("/workflows", limit=200, **said))["runs"]

    assert dear > 0 and await asked(cost_min=dear) == [each for each in whole if each["cost_usd_micros"] >= dear]
    outcomes = {each.outcome for each in events("acme", "compliance-decisions")}
    for outcome in outcomes:
        theirs = {each.run_id for each in events("acme", "compliance-decisions") if each.outcome is outcome}
        assert {each["run_id"] for each in await asked(outcome=outcome)} == theirs
    assert await asked(text=first["run_id"][3:20].upper()) == [first]
    assert await asked(text="%") == []
    assert await asked(**{"from": at}) == [last]
    assert await asked(to=at) == whole[1:]
    assert await asked(**{"from": at, "to": at}) == []


@pytest.mark.parametrize("asked", [{"from": "yesterday"}, {"to": "2026-01-01T00:00:00"}, {"cost_min": "-1"}])
async def test_what_cannot_be_asked_of_runs_is_refused(models: Reader, asked: dict[str, str]) -> None:
    await Quiet(models).got("/workflows", 400, **asked)
