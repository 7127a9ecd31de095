"""What a step offers beside words: what is refused when it is defined, what is asked of models, what becomes of it."""

from typing import Any

import pytest

from domain.asking import request, routed
from domain.definitions import BadDefinition, Definitions, canonical, parse
from domain.offers import IMAGES_CHARACTERS_MAX, BadImage, pictures
from domain.steps import Steps
from domain.tokens import PER_OFFER, messages_tokens_max
from schemas.events import AgentStep, AiCall, CallStatus, Message, StepStatus, ToolCall
from tests.domain.events import AT, call, decision, definition, digest_of, workflow

ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "About $note.", "into": "answer", "max_tokens": 9}
SCHEMA = {"type": "object", "properties": {"label": {"enum": ["a", "b"]}}, "required": ["label"]}
TOOL = {"name": "look_up", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PRICED = {"provider": "somebody", "input_usd_micros_per_million": 1_000_000}
MODELS = {
    "id": "default",
    "default": "plain",
    "models": [
        {"id": "local", "provider": "local"},
        {"id": "plain", **PRICED},
        {"id": "able", **PRICED, "capabilities": ["chat", "tools", "json", "images"]},
    ],
}


def step(**more: Any) -> dict[str, Any]:
    return {**ASK, **more}


def defined(**more: Any) -> Definitions:
    return Definitions([definition("models", MODELS), definition("workflow", workflow(step(**more)))])


def asked(definitions: Definitions, **more: Any) -> AiCall:
    flow = workflow(step(**more))
    digests = {"workflow_digest": digest_of(flow), "models_digest": digest_of(MODELS)}
    cause = decision(payload={"note": "it", "photo": PIXEL}, **digests)
    return request(cause, definitions.workflow(digests["workflow_digest"]).step("a"))


def standings(**more: Any) -> dict[str, tuple[str, str]]:
    known = defined(**more)
    ranking = routed(asked(known, **more), known, {}, (), AT).ranking
    return {each.model: (each.standing.value, each.reason) for each in ranking}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"uses": "compose", "tools": [TOOL]},
            "asks no model: it has neither tools, images, an answer_schema nor a stream",
        ),
        ({"answer_schema": {"type": "thing"}}, "answer_schema: the schema is no JSON schema"),
        (
            {"answer_schema": {"properties": {"a": {"pattern": "(a+)+$"}}}},
            "answer_schema: pattern is not taken: looking at an answer by it may take for ever",
        ),
        (
            {"answer_schema": {"$ref": "#"}},
            "answer_schema: $ref is not taken: looking at an answer by it may take for ever",
        ),
        ({"answer_schema": {"description": "x" * 20_000}}, "answer_schema: 20018 bytes, more than 16384"),
        ({"tools": [TOOL, TOOL]}, "tool look_up stands twice"),
        ({"tools": [{**TOOL, "parameters": {}}]}, "tool look_up: parameters: the type is not object"),
        ({"images": ["photo"]}, "nobody can look through images: say images_may_leave: true, or name none"),
    ],
)
def test_an_offer_that_is_not_sound_is_refused_in_a_line_that_names_it(more: dict[str, Any], line: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        parse("workflow", canonical(workflow(step(**more))))
    assert str(refused.value).startswith(f"workflow flow: step a{' ' if line.startswith('asks') else ': '}{line}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "look up", "x" * 65, "prénom"])
def test_a_tool_is_called_what_every_provider_takes(name: str) -> None:
    with pytest.raises(BadDefinition, match="name"):
        parse("workflow", canonical(workflow(step(tools=[{**TOOL, "name": name}]))))


def test_a_property_may_be_called_as_a_keyword_is() -> None:
    schema = {"type": "object", "properties": {"pattern": {"enum": ["$ref"]}}}
    parse("workflow", canonical(workflow(step(answer_schema=schema))))


@pytest.mark.parametrize(
    "image",
    [
        "nothing",
        "http://example.com/a.png",
        "data:image/svg+xml,<svg>ada@example.com</svg>",
        "data:image/png;base64,iVBO\nada@example.com",
        "data:text/plain;base64,aGVsbG8=",
        "https://user@example.com/a.png",
        f"https://example.com/{'a' * 2048}",
    ],
)
def test_a_field_that_holds_no_image_fails_its_step_and_is_named(image: str) -> None:
    definitions = defined(images=["photo"], images_may_leave=True)
    digest = digest_of(workflow(step(images=["photo"], images_may_leave=True)))
    [failed] = Steps().decide(None, decision(payload={"photo": image}, workflow_digest=digest), definitions)
    assert isinstance(failed, AgentStep)
    assert failed.status is StepStatus.FAILED
    assert failed.reason.startswith("image field photo is neither a base64 data:image/ URL")
    assert "ada" not in failed.reason


def test_images_are_bounded_altogether_and_an_empty_field_is_none() -> None:
    large = "data:image/png;base64," + "A" * (IMAGES_CHARACTERS_MAX // 2)
    assert pictures({"one": large, "none": ""}, ["one", "none", "absent"]) == [large]
    with pytest.raises(BadImage, match="in one, two, more than 400000"):
        pictures({"one": large, "two": large}, ["one", "two"])


@pytest.mark.parametrize(
    ("more", "lacks"),
    [
        ({"tools": [TOOL]}, "tools"),
        ({"answer_schema": SCHEMA}, "json"),
        ({"images": ["photo"], "images_may_leave": True}, "images"),
    ],
)
def test_a_model_that_lacks_what_the_step_needs_is_passed_over_and_told_why(more: dict[str, Any], lacks: str) -> None:
    found = standings(**more)
    assert found["able"][0] == "chosen"
    assert found["plain"] == ("capability_missing", f"cannot do {lacks}")
    assert found["local"][0] == ("capability_missing" if lacks == "json" else "last_resort")


def test_a_stream_is_asked_of_who_can_and_passes_over_nobody() -> None:
    assert standings(stream=True)["plain"][0] == "chosen"


def test_a_hold_reckons_with_tools_and_schema_and_what_providers_add() -> None:
    more = {"tools": [TOOL], "answer_schema": SCHEMA}
    known = defined(**more)
    said = asked(known, **more)
    least = messages_tokens_max(said.messages) + PER_OFFER + len(canonical(TOOL["parameters"])) + len(canonical(SCHEMA))
    assert routed(said, known, {}, (), AT).input_tokens_max >= least


def test_the_tools_that_a_model_wants_called_are_fields_of_the_steps_output() -> None:
    wish = ToolCall(id="t", name="look_up", arguments='{"who":"Ada"}')
    said = Message(role="assistant", content="", tool_calls=[wish])
    digest = digest_of(workflow(step(tools=[TOOL])))
    end = call(CallStatus.COMPLETED, workflow_digest=digest, messages=[said], input={"note": "it"}, finish="tool_calls")
    [performed] = Steps().decide(None, end, defined(tools=[TOOL]))
    assert isinstance(performed, AgentStep)
    assert performed.output["answer_tools"] == "look_up"
    assert performed.output["answer_tool_calls"] == '[{"id":"t","name":"look_up","arguments":"{\\"who\\":\\"Ada\\"}"}]'
