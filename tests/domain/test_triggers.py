"""Which events start a run, which are attached to one, and which do nothing."""

from typing import Any

import msgspec
import pytest

from domain.decider import step
from domain.definitions import Definitions, UnknownDefinition
from domain.expressions import ExpressionFailed
from domain.triggers import PASSED_MAX, Triggers
from schemas.events import Event, Request, RequestKind
from tests.domain.events import LOCAL_MODELS, business, definition, known, rules, workflow

OPENED = {"when": 'event.type == "Opened"'}


def test_the_first_event_of_a_subject_starts_a_run() -> None:
    [request] = _decide(known(("workflow", workflow())), business())

    assert request.kind is RequestKind.RUN


def test_the_request_carries_what_the_event_said() -> None:
    said = business(attributes={"note": "hi"})

    [request] = _decide(known(("workflow", workflow())), said)

    assert (request.tenant_id, request.source, request.subject, request.type) == ("acme", "test", "case-1", "Opened")
    assert request.attributes == {"note": "hi"}
    assert request.occurred_at == said.occurred_at


def test_the_request_carries_the_correlation_id_of_its_event_and_names_it_as_its_cause() -> None:
    said = business()

    [request] = _decide(known(("workflow", workflow())), said)

    assert (request.correlation_id, request.causation_id) == (said.correlation_id, said.event_id)


def test_the_request_pins_workflow_rules_and_models() -> None:
    definitions = known(("workflow", workflow(rules="rules")), ("rules", rules()))

    [request] = _decide(definitions, business())

    assert [(pin.kind, pin.id, pin.version) for pin in request.pins] == [
        ("workflow", "flow", 1),
        ("rules", "rules", 1),
        ("models", "default", 1),
    ]


def test_a_workflow_without_rules_pins_none() -> None:
    [request] = _decide(known(("workflow", workflow())), business())

    assert [pin.kind for pin in request.pins] == ["workflow", "models"]


def test_an_event_without_a_workflow_starts_nothing() -> None:
    assert _decide(known(("workflow", workflow())), business(workflow=None)) == []


def test_an_event_that_names_no_workflow_there_is_cannot_be_decided() -> None:
    with pytest.raises(UnknownDefinition, match="unknown workflow other"):
        _decide(known(("workflow", workflow())), business(workflow="other"))


def test_a_workflow_that_names_no_rules_there_are_cannot_be_decided() -> None:
    with pytest.raises(UnknownDefinition, match="unknown rules rules"):
        _decide(known(("workflow", workflow(rules="rules"))), business())


def test_a_later_event_of_the_subject_is_attached_to_its_run() -> None:
    [run, attached] = _decide(known(("workflow", workflow())), business("1"), business("2"))

    assert attached.kind is RequestKind.ATTACHMENT
    assert attached.run_id == run.run_id


def test_an_attachment_carries_the_correlation_id_of_the_run_and_names_its_own_event_as_its_cause() -> None:
    later = business("2")

    [run, attached] = _decide(known(("workflow", workflow())), business("1"), later)

    assert (attached.correlation_id, attached.causation_id) == (run.correlation_id, later.event_id)


def test_each_workflow_has_its_own_run_of_a_subject() -> None:
    definitions = known(("workflow", workflow()), ("workflow", workflow() | {"id": "other"}))

    requests = _decide(definitions, business("1"), business("2", workflow="other"))

    assert [each.kind for each in requests] == [RequestKind.RUN, RequestKind.RUN]


def test_every_event_starts_a_run_where_the_workflow_says_so() -> None:
    definitions = known(("workflow", workflow(trigger={"starts": "every-event"})))

    requests = _decide(definitions, business("1"), business("2"))

    assert [each.kind for each in requests] == [RequestKind.RUN, RequestKind.RUN]
    assert requests[0].run_id != requests[1].run_id


def test_an_event_on_which_the_condition_does_not_hold_starts_nothing() -> None:
    assert _decide(known(("workflow", workflow(trigger=OPENED))), business(type="Changed")) == []


def test_the_first_event_on_which_the_condition_holds_starts_the_run() -> None:
    early, starting = business("1", type="Changed"), business("2")

    [request] = _decide(known(("workflow", workflow(trigger=OPENED))), early, starting)

    assert request.causation_id == starting.event_id


def test_an_event_that_came_before_the_run_is_not_attached_when_it_is_repeated() -> None:
    early, starting = business("1", type="Changed"), business("2")

    requests = _decide(known(("workflow", workflow(trigger=OPENED))), early, starting, early)

    assert [each.kind for each in requests] == [RequestKind.RUN]


def test_how_many_events_are_remembered_has_a_limit() -> None:
    definitions = known(("workflow", workflow(trigger=OPENED)))
    state: Any = None
    for number in range(PASSED_MAX + 5):
        _, state = step(Triggers(), state, business(str(number), type="Changed"), definitions)

    assert len(state.passed) == PASSED_MAX


def test_an_event_after_the_run_is_attached_whether_the_condition_holds_or_not() -> None:
    requests = _decide(known(("workflow", workflow(trigger=OPENED))), business("1"), business("2", type="Changed"))

    assert [each.kind for each in requests] == [RequestKind.RUN, RequestKind.ATTACHMENT]


@pytest.mark.parametrize("name", ["source", "type", "subject"])
def test_a_condition_sees_of_the_event(name: str) -> None:
    said = business()
    trigger = {"when": f'event.{name} == "{getattr(said, name)}"'}

    assert _decide(known(("workflow", workflow(trigger=trigger))), said)


def test_a_condition_sees_the_attributes_of_the_event() -> None:
    trigger = {"when": 'event.attributes.impact == "High"'}

    assert _decide(known(("workflow", workflow(trigger=trigger))), business(attributes={"impact": "High"}))


def test_an_event_whose_condition_has_no_answer_cannot_be_decided() -> None:
    trigger = {"when": 'event.attributes.impact == "High"'}

    with pytest.raises(ExpressionFailed, match="KeyError 'impact'"):
        _decide(known(("workflow", workflow(trigger=trigger))), business())


def test_the_event_that_started_the_run_does_nothing_when_it_is_repeated() -> None:
    assert len(_decide(known(("workflow", workflow())), business(), business())) == 1


def test_a_run_stays_on_the_version_it_began_with() -> None:
    first = definition("workflow", workflow())
    definitions = Definitions([definition("models", LOCAL_MODELS), first])
    _, state = step(Triggers(), None, business("1"), definitions)
    definitions.add(definition("workflow", workflow(trigger={"starts": "every-event"}), first))

    decided, _ = step(Triggers(), state, business("2"), definitions)

    assert [each.kind for each in decided if isinstance(each, Request)] == [RequestKind.ATTACHMENT]


def test_a_tenants_own_workflow_comes_before_the_platforms() -> None:
    definitions = known(("workflow", workflow()))
    definitions.add(definition("workflow", workflow(title="Ours"), tenant="acme"))

    [request] = _decide(definitions, business())

    assert definitions.workflow(request.pins[0].digest).title == "Ours"


def test_the_state_of_an_earlier_release_can_still_be_read() -> None:
    earlier = msgspec.msgpack.encode({"runs": {}})

    assert msgspec.msgpack.decode(earlier, type=Triggers.state).passed == []


def _decide(definitions: Definitions, *events: Event) -> list[Request]:
    state: Any = None
    found: list[Request] = []
    for event in events:
        decided, state = step(Triggers(), state, event, definitions)
        found += [each for each in decided if isinstance(each, Request)]
    return found
