"""What must hold of the whole flow whatever the order of reading, and whatever is read or written twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.ids import derive
from schemas.catalogue import BY_EVENT
from schemas.events import AgentStep, AiCall, CallStatus, StepStatus, WorkflowRun
from tests.domain.simulation import Flow, case, problems, unordered

SEEDS = 300
SEEDS_WITH_FAULTS = 500


def test_every_run_ends_once_after_each_step_settled_once_with_one_call_for_each_that_asks() -> None:
    for seed in range(SEEDS):
        assert list(problems(case(seed).flow(seed))) == [], f"seed {seed}"


def test_the_order_of_reading_changes_no_event() -> None:
    for seed in range(SEEDS):
        one, other = case(seed).flow(seed), case(seed).flow(seed + SEEDS)

        assert unordered(one) == unordered(other), f"seed {seed}"


def test_crashes_and_duplicates_change_no_event() -> None:
    for seed in range(SEEDS_WITH_FAULTS):
        calm, wild = case(seed).flow(seed), case(seed).flow(seed, faults=True)

        assert list(problems(wild)) == [], f"seed {seed}"
        assert unordered(calm) == unordered(wild), f"seed {seed}"


def test_every_copy_of_an_event_says_what_the_first_one_says() -> None:
    for seed in range(SEEDS):
        wild = case(seed).flow(seed, faults=True)
        first = _by_id(wild)

        assert [each for each in wild.written() if each.event != first[each.event.event_id]] == [], f"seed {seed}"


def test_a_model_that_answers_twice_in_different_words_is_heard_once() -> None:
    for seed in range(SEEDS):
        flow = case(seed).flow(seed, faults=True, rival_answers=True)

        assert list(problems(flow)) == [], f"seed {seed}"
        assert list(_unlike_the_first_answer(flow)) == [], f"seed {seed}"


def test_the_random_cases_reach_every_status() -> None:
    statuses = {
        (type(each).__name__, each.status)
        for seed in range(60)
        for each in case(seed).flow(seed, faults=True, rival_answers=True).first()
        if isinstance(each, AgentStep | AiCall | WorkflowRun)
    }

    assert {status for name, status in statuses if name == "AgentStep"} == set(StepStatus) - {"unknown", "cancelled"}
    assert {status for name, status in statuses if name == "AiCall"} == {
        CallStatus.REQUESTED,
        CallStatus.STARTED,
        CallStatus.IN_DOUBT,
        CallStatus.ATTEMPT_FAILED,
        CallStatus.COMPLETED,
        CallStatus.ROUTED,
        CallStatus.ADMITTED,
    }
    assert {status for name, status in statuses if name == "WorkflowRun"} == {
        "started",
        "completed",
        "failed",
        "refused",
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_key_holds_the_events_of_one_tenant_and_one_run(seed: int) -> None:
    flow = case(seed).flow(seed)
    for topic in ("workflow-runs", "agent-steps", "ai-calls", "compliance-decisions"):
        for key, log in flow.logs[topic].items():
            assert {(each.event.run_id, each.event.tenant_id) for each in log} == {(key, "acme")}  # type: ignore[union-attr]


def _by_id(flow: Flow) -> dict[str, Any]:
    return {each.event_id: each for each in flow.first()}


def _unlike_the_first_answer(flow: Flow) -> Iterator[str]:
    """Yields the answered steps whose output is not what the first outcome of their call on the log says."""
    outcomes = {each.event_id: each for each in flow.first("ai-calls")}
    for step in flow.first("agent-steps"):
        call = outcomes.get(step.causation_id)
        if call is None or step.status is not StepStatus.PERFORMED:
            continue
        if call.answer not in step.output.values() or step.event_id != derive(call.event_id, "agent-steps"):
            yield f"step {step.step} of {step.run_id} does not say what {BY_EVENT[type(call)].name} does"
