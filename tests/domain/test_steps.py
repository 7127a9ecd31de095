"""What a step does with what it may use."""

from typing import Any

import pytest

from domain import steps
from domain.definitions import BadDefinition, Definitions, Step
from domain.ids import derive
from domain.steps import ENDS, OUTPUT_CHARACTERS_MAX, OutputTooLarge, Steps
from schemas.events import AgentStep, AiCall, CallStatus, Event, Outcome, Phase, StepStatus
from tests.domain.events import RUN, call, collect, decision, digest_of, known, workflow

ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "About $note.", "into": "answer", "max_tokens": 9}
COMPOSE = {"id": "a", "agent": "report", "uses": "compose", "template": "$note/$absent/$$", "into": "text"}


def test_a_collecting_step_hands_on_the_fields_it_names() -> None:
    assert _output(collect("a", fields=["x"]), {"x": "1", "y": "2"}) == {"x": "1"}


def test_a_collecting_step_that_names_no_fields_hands_on_all() -> None:
    assert _output(collect("a"), {"x": "1", "y": "2"}) == {"x": "1", "y": "2"}


def test_a_classifying_step_sets_the_fields_of_the_first_label_that_holds() -> None:
    labels = [_label("false", p="1"), _label('input.x == "1"', p="2"), _label("true", p="3")]

    assert _output(_classify(*labels), {"x": "1"}) == {"x": "1", "p": "2"}


def test_a_classifying_step_without_a_label_that_holds_hands_on_its_input() -> None:
    assert _output(_classify(_label("false", p="1")), {"x": "1"}) == {"x": "1"}


def test_a_label_without_a_condition_always_holds() -> None:
    assert _output(_classify({"set": {"p": "1"}}), {}) == {"p": "1"}


def test_a_composing_step_fills_its_template() -> None:
    assert _output(COMPOSE, {"note": "hi"}) == {"note": "hi", "text": "hi//$"}


def test_a_dollar_in_a_value_is_text() -> None:
    assert _output(COMPOSE, {"note": "$x $$"})["text"] == "$x $$//$"


def test_a_step_whose_condition_has_no_answer_fails_and_says_why() -> None:
    performed = _perform(_classify(_label('input.absent == "x"')), {"note": "ada@example.com"})

    assert (performed.status, performed.output) == (StepStatus.FAILED, {})
    assert "KeyError 'absent'" in performed.reason


def test_the_reason_of_a_failure_holds_nothing_of_the_input() -> None:
    performed = _perform(_classify(_label('input[input.note] == "x"')), {"note": "ada@example.com"})

    assert "ada" not in performed.reason


def test_an_asking_step_asks_for_a_call_with_its_filled_template() -> None:
    asked = _ask({**ASK, "system": "You are brief."}, {"note": "hi"})

    assert asked.status is CallStatus.REQUESTED
    assert [(message.role, message.content) for message in asked.messages] == [
        ("system", "You are brief."),
        ("user", "About hi."),
    ]
    assert (asked.max_tokens, asked.input) == (9, {"note": "hi"})


def test_an_asking_step_without_a_system_text_says_none() -> None:
    assert [message.role for message in _ask(ASK, {}).messages] == ["user"]


def test_a_call_has_the_id_of_what_it_is_and_not_of_its_cause() -> None:
    asked = _ask(ASK, {})

    assert asked.call_id == derive(RUN, "a", "1", "call")
    assert asked.event_id == derive(asked.call_id, "requested")


@pytest.mark.parametrize(("restriction", "model"), [(None, ""), ("local", "local")])
def test_a_restricted_step_names_the_local_model_and_any_other_leaves_it_to_the_router(
    restriction: str | None, model: str
) -> None:
    assert _ask(ASK, {}, restriction=restriction).model == model


@pytest.mark.parametrize("step", [ASK, COMPOSE, collect("a")], ids=["ask", "compose", "collect"])
def test_a_refused_step_does_nothing(step: dict[str, Any]) -> None:
    assert _decide(step, outcome=Outcome.REFUSED) == []


@pytest.mark.parametrize("phase", [Phase.AFTER, Phase.UNKNOWN])
def test_only_a_decision_before_the_step_lets_it_run(phase: Phase) -> None:
    assert _decide(ASK, phase=phase) == []


@pytest.mark.parametrize("outcome", [Outcome.ALLOWED, Outcome.REMEDIATED, Outcome.ESCALATED])
def test_a_step_that_may_run_runs(outcome: Outcome) -> None:
    assert len(_decide(ASK, outcome=outcome)) == 1


def test_a_step_that_the_workflow_does_not_have_cannot_be_decided() -> None:
    with pytest.raises(BadDefinition, match="workflow flow has no step b"):
        _decide({**collect("a")}, name="b")


def test_a_step_is_performed_when_its_call_is_answered() -> None:
    performed = _answered(CallStatus.COMPLETED, answer="fine", input={"note": "hi"})

    assert performed.status is StepStatus.PERFORMED
    assert performed.output == {"note": "hi", "answer": "fine", "answer_model": "local"}


def test_a_step_that_a_degraded_model_answered_says_so() -> None:
    assert _answered(CallStatus.COMPLETED, degraded=True).output["answer_degraded"] == "true"


@pytest.mark.parametrize("status", [CallStatus.FAILED, CallStatus.REFUSED])
def test_a_step_fails_with_its_call(status: CallStatus) -> None:
    performed = _answered(status, reason="no answer")

    assert (performed.status, performed.reason, performed.output) == (StepStatus.FAILED, "no answer", {})


@pytest.mark.parametrize("status", sorted(set(CallStatus) - set(ENDS)))
def test_a_call_that_is_not_over_says_nothing_about_its_step(status: CallStatus) -> None:
    assert _after(status) == []


def test_what_follows_names_its_cause() -> None:
    cause = call(CallStatus.COMPLETED, workflow_digest=digest_of(workflow(ASK)))

    [performed] = Steps().decide(None, cause, _definitions(ASK))

    assert (performed.causation_id, performed.occurred_at) == (cause.event_id, cause.occurred_at)


def _label(when: str, **fields: str) -> dict[str, Any]:
    return {"when": when, "set": fields}


def _classify(*labels: dict[str, Any]) -> dict[str, Any]:
    return {"id": "a", "agent": "ingestion", "uses": "classify", "labels": list(labels)}


def _definitions(step: dict[str, Any]) -> Definitions:
    models = {
        "id": "default",
        "default": "hosted",
        "models": [{"id": "local", "provider": "local"}, {"id": "hosted", "provider": "somebody"}],
    }
    return known(("workflow", workflow(step)), ("models", {**models, "id": "two"}))


def _decide(step: dict[str, Any], given: dict[str, str] | None = None, name: str = "a", **fields: Any) -> list[Event]:
    definitions = _definitions(step)
    digests = {
        "workflow_digest": digest_of(workflow(step)),
        "models_digest": definitions.pin("acme", "models", "two").digest,
    }
    return list(Steps().decide(None, decision(name, payload=given or {}, **digests, **fields), definitions))


def _perform(step: dict[str, Any], given: dict[str, str]) -> AgentStep:
    [performed] = _decide(step, given)
    assert isinstance(performed, AgentStep)
    return performed


def _output(step: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    performed = _perform(step, given)
    assert performed.status is StepStatus.PERFORMED
    return performed.output


def _ask(step: dict[str, Any], given: dict[str, str], **fields: Any) -> AiCall:
    [asked] = _decide(step, given, **fields)
    assert isinstance(asked, AiCall)
    return asked


def _after(status: CallStatus, **fields: Any) -> list[Event]:
    cause = call(status, workflow_digest=digest_of(workflow(ASK)), **fields)
    return list(Steps().decide(None, cause, _definitions(ASK)))


def _answered(status: CallStatus, **fields: Any) -> AgentStep:
    [performed] = _after(status, **fields)
    assert isinstance(performed, AgentStep)
    return performed


def test_a_step_whose_output_grows_too_large_fails_and_says_how_large_it_is() -> None:
    step = Step(id="double", agent="report", uses="compose", template="$note$note", into="note")
    given = {"note": "x" * (OUTPUT_CHARACTERS_MAX // 2)}
    with pytest.raises(OutputTooLarge, match=str(OUTPUT_CHARACTERS_MAX)):
        steps._bounded(steps._output(step, given))
