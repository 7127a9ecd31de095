"""How a run goes on: which step is next, how each is settled, and how the run ends."""

from datetime import timedelta
from typing import Any

import pytest

from domain.decider import step as advance
from domain.definitions import Definitions, MissingVersion
from domain.expressions import LIBRARIES
from domain.privacy import DETECTORS_VERSION
from domain.sanitising import SANITISER_VERSION
from domain.workflows import Workflows
from schemas.events import (
    AgentStep,
    Event,
    Finding,
    Outcome,
    Phase,
    RequestKind,
    RunStatus,
    StepStatus,
    WorkflowRun,
)
from tests.domain.events import AT, RUN, collect, decision, known, pins, request, rules, step, workflow

ONE = known(("workflow", workflow()))
CHAIN = known(("workflow", workflow(collect("a"), collect("b", "a"))))
DIAMOND = known(
    (
        "workflow",
        workflow(collect("a"), collect("b", "a"), collect("c", "a"), collect("d", "b", "c"), collect("e", "a")),
    )
)
REFUSAL = [Finding(rule="r1", severity="high", action="refuse"), Finding(rule="r2", severity="low", action="note")]


def test_a_request_starts_the_run_and_its_first_steps() -> None:
    started, requested = _decide(ONE, request(ONE))

    assert (started.status, requested.status) == (RunStatus.STARTED, StepStatus.REQUESTED)


def test_the_first_record_of_a_run_pins_what_it_is_decided_under() -> None:
    definitions = known(("workflow", workflow(rules="rules")), ("rules", rules()))

    started, requested = _decide(
        definitions, request(definitions, pins=pins(definitions, "workflow", "rules", "models"))
    )

    assert isinstance(started, WorkflowRun)
    assert started.libraries == {**LIBRARIES, "detectors": DETECTORS_VERSION, "sanitiser": SANITISER_VERSION}
    assert {pin.kind: pin.digest for pin in started.pins} == {
        "workflow": requested.workflow_digest,
        "rules": requested.rules_digest,
        "models": requested.models_digest,
    }


def test_a_step_without_needs_is_given_the_requests_attributes() -> None:
    assert _decide(ONE, request(ONE))[1].input == {"note": "hi"}


def test_every_step_without_needs_is_requested_at_once() -> None:
    definitions = known(("workflow", workflow(collect("a"), collect("b"))))

    assert [each.step for each in _steps(_decide(definitions, request(definitions)))] == ["a", "b"]


def test_a_step_waits_for_what_it_needs() -> None:
    assert [each.step for each in _steps(_decide(CHAIN, request(CHAIN)))] == ["a"]


def test_a_step_is_requested_when_what_it_needs_is_completed() -> None:
    events = _decide(CHAIN, request(CHAIN), _completed("a", {"x": "1"}))[2:]

    assert [(each.step, each.status) for each in _steps(events)] == [("a", "completed"), ("b", "requested")]


def test_a_step_is_given_what_its_needs_put_out_the_later_over_the_earlier() -> None:
    events = _decide(
        DIAMOND,
        request(DIAMOND),
        _completed("a", {}),
        _completed("b", {"x": "b", "y": "b"}),
        _completed("c", {"x": "c"}),
    )

    assert _steps(events)[-1].input == {"x": "c", "y": "b"}


def test_a_step_is_caused_by_the_last_of_its_needs_in_time_whichever_arrived_last() -> None:
    late = _completed("b", {}, occurred_at=AT + timedelta(seconds=5))
    early = _completed("c", {}, occurred_at=AT + timedelta(seconds=1))
    for order in ([late, early], [early, late]):
        events = _decide(DIAMOND, request(DIAMOND), _completed("a", {}), *order)
        requested = next(each for each in _steps(events) if each.step == "d")
        assert (requested.causation_id, requested.occurred_at) == (late.event_id, late.occurred_at)


def test_a_completed_step_says_what_it_put_out() -> None:
    events = _steps(_decide(ONE, request(ONE), _completed("a", {"x": "1"})))

    assert (events[-1].status, events[-1].output) == (StepStatus.COMPLETED, {"x": "1"})


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.AFTER])
def test_a_refused_step_names_the_rules_that_refused_it(phase: Phase) -> None:
    refusal = decision("a", phase, outcome=Outcome.REFUSED, findings=REFUSAL)

    settled = _steps(_decide(ONE, request(ONE), refusal))[-1]

    assert (settled.status, settled.reason) == (StepStatus.REFUSED, f"refused {phase} the step by r1")


def test_an_allowing_decision_before_a_step_settles_nothing() -> None:
    assert _decide(ONE, request(ONE), decision("a", Phase.BEFORE))[2:] == []


@pytest.mark.parametrize("outcome", [Outcome.ALLOWED, Outcome.REMEDIATED, Outcome.ESCALATED])
def test_a_step_whose_output_may_be_used_is_completed(outcome: Outcome) -> None:
    events = _decide(ONE, request(ONE), _completed("a", {}, outcome=outcome))

    assert _steps(events)[-1].status is StepStatus.COMPLETED


def test_what_needs_a_refused_step_is_skipped_and_says_why() -> None:
    events = _decide(CHAIN, request(CHAIN), decision("a", outcome=Outcome.REFUSED))

    skipped = next(each for each in _steps(events) if each.step == "b")
    assert (skipped.status, skipped.reason) == (StepStatus.SKIPPED, "needs a")


def test_what_needs_a_skipped_step_is_skipped_too() -> None:
    definitions = known(("workflow", workflow(collect("a"), collect("b", "a"), collect("c", "b"))))

    events = _decide(definitions, request(definitions), decision("a", outcome=Outcome.REFUSED))

    assert [(each.step, each.status) for each in _steps(events)[1:]] == [
        ("a", "refused"),
        ("b", "skipped"),
        ("c", "skipped"),
    ]


def test_a_step_that_failed_is_not_settled_twice() -> None:
    events = _decide(CHAIN, request(CHAIN), step("a", StepStatus.FAILED, reason="no answer"))[2:]

    assert [(each.step, each.status) for each in _steps(events)] == [("b", "skipped")]


def test_a_run_ends_when_its_last_step_is_settled() -> None:
    assert _ends(_decide(CHAIN, request(CHAIN), _completed("a", {}))) == []
    assert len(_ends(_decide(CHAIN, request(CHAIN), _completed("a", {}), _completed("b", {})))) == 1


def test_a_completed_run_puts_out_what_the_steps_that_nobody_needs_put_out() -> None:
    facts = [_completed(name, {name: "1"}) for name in "abcde"]

    [end] = _ends(_decide(DIAMOND, request(DIAMOND), *facts))

    assert (end.status, end.output) == (RunStatus.COMPLETED, {"d": "1", "e": "1"})


def test_a_run_with_a_refused_step_is_refused_and_says_why() -> None:
    refusal = decision("a", outcome=Outcome.REFUSED, findings=REFUSAL)

    [end] = _ends(_decide(ONE, request(ONE), refusal))

    assert (end.status, end.reason) == (RunStatus.REFUSED, "step a: refused before the step by r1")


def test_a_run_with_a_failed_step_is_failed_and_says_why() -> None:
    [end] = _ends(_decide(ONE, request(ONE), step("a", StepStatus.FAILED, reason="no answer")))

    assert (end.status, end.reason) == (RunStatus.FAILED, "step a: no answer")


def test_a_failed_step_weighs_more_than_a_refused_one() -> None:
    definitions = known(("workflow", workflow(collect("a"), collect("b"))))
    facts = [decision("a", outcome=Outcome.REFUSED), step("b", StepStatus.FAILED, reason="no answer")]

    [end] = _ends(_decide(definitions, request(definitions), *facts))

    assert (end.status, end.reason) == (RunStatus.FAILED, "step b: no answer")


def test_a_run_ends_when_the_last_of_its_steps_in_time_ended() -> None:
    definitions = known(("workflow", workflow(collect("a"), collect("b"))))
    late = _completed("a", {}, occurred_at=AT + timedelta(hours=1))

    [end] = _ends(_decide(definitions, request(definitions), late, _completed("b", {})))

    assert (end.occurred_at, end.causation_id) == (late.occurred_at, late.event_id)


def test_facts_that_arrive_before_the_request_wait_for_it() -> None:
    done = _completed("a", {"x": "1"})

    assert _decide(ONE, done) == []
    assert _by_id(_decide(ONE, done, request(ONE))) == _by_id(_decide(ONE, request(ONE), done))


def test_the_first_fact_about_a_step_counts() -> None:
    second = _completed("a", {"x": "2"}, event_id="another")

    settled = [each for each in _steps(_decide(ONE, request(ONE), _completed("a", {"x": "1"}), second)) if each.output]

    assert [each.output for each in settled] == [{"x": "1"}]


def test_a_second_request_for_the_run_changes_nothing() -> None:
    assert _decide(ONE, request(ONE), request(ONE, subject="other"))[2:] == []


def test_an_attachment_changes_nothing() -> None:
    attached = request(ONE, kind=RequestKind.ATTACHMENT, event_id="other")

    assert _decide(ONE, attached) == []
    assert _decide(ONE, request(ONE), attached)[2:] == []


@pytest.mark.parametrize("status", sorted(set(StepStatus) - {StepStatus.FAILED}))
def test_a_moment_of_a_step_that_is_no_failure_is_no_fact(status: StepStatus) -> None:
    assert _decide(ONE, request(ONE), step("a", status))[2:] == []


def test_a_run_whose_workflow_has_not_been_read_yet_waits_for_it() -> None:
    with pytest.raises(MissingVersion):
        _decide(Definitions(), request(ONE))


def test_all_that_follows_from_a_request_belongs_to_its_run_tenant_and_correlation() -> None:
    asked = request(DIAMOND)
    events = _decide(DIAMOND, asked, *(_completed(name, {}) for name in "abcde"))

    assert {(each.run_id, each.tenant_id, each.correlation_id) for each in events} == {
        (RUN, asked.tenant_id, asked.correlation_id)
    }


def _completed(name: str, output: dict[str, str], **fields: Any) -> Event:
    return decision(name, Phase.AFTER, payload=output, **fields)


def _decide(definitions: Definitions, *events: Event) -> list[Any]:
    state: Any = None
    found: list[Event] = []
    for event in events:
        decided, state = advance(Workflows(), state, event, definitions)
        found += decided
    return found


def _steps(events: list[Any]) -> list[AgentStep]:
    return [each for each in events if isinstance(each, AgentStep)]


def _ends(events: list[Any]) -> list[WorkflowRun]:
    return [each for each in events if isinstance(each, WorkflowRun) and each.status is not RunStatus.STARTED]


def _by_id(events: list[Any]) -> dict[str, Any]:
    return {each.event_id: each for each in events}
