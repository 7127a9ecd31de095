"""What the platform decides by: what is refused, what names a version, and when a version is new."""

import json
import random
from importlib.resources import files
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.definitions import (
    BODY_BYTES_MAX,
    STEPS_MAX,
    BadDefinition,
    Definitions,
    MissingVersion,
    UnknownDefinition,
    canonical,
    define,
    digest,
    fill,
    parse,
    pinned,
)
from domain.expressions import BadExpression
from domain.identity import PLATFORM
from schemas.errors import Rejected
from schemas.events import Definition
from tests.domain.events import AT, LOCAL_MODELS, collect, definition, known, rules, workflow

FOLDERS = {"workflow": "workflows", "rules": "rules"}
ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "x", "into": "y"}
RULE = {"id": "r", "action": "note"}


def _shipped() -> list[tuple[str, str, Any]]:
    root = files("examples")
    found = [
        (kind, entry.name, yaml.safe_load(entry.read_text()))
        for kind, folder in FOLDERS.items()
        for entry in sorted(root.joinpath(folder).iterdir(), key=lambda entry: entry.name)
    ]
    return [*found, ("models", "models.yaml", yaml.safe_load(root.joinpath("models.yaml").read_text()))]


@pytest.mark.parametrize(
    ("kind", "name", "body"), _shipped(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_shipped_definition_passes(kind: str, name: str, body: Any) -> None:
    assert parse(kind, canonical(body)).id == body["id"]


@pytest.mark.parametrize(
    ("kind", "name", "body"), _shipped(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_shipped_definition_lies_in_a_file_of_its_name(kind: str, name: str, body: Any) -> None:
    assert name in (f"{body['id']}.yaml", "models.yaml")


def test_every_shipped_workflow_names_rules_and_models_that_are_shipped() -> None:
    there = {(kind, body["id"]) for kind, _, body in _shipped()}
    for kind, _, body in _shipped():
        if kind == "workflow":
            assert {("rules", body["rules"]), ("models", body["models"])} <= there


BROKEN: dict[str, tuple[str, Any, str]] = {
    "no steps": ("workflow", {**workflow(), "steps": []}, "workflow flow: 0 steps, not 1 to 100"),
    "too many steps": (
        "workflow",
        workflow(*(collect(f"s{number}") for number in range(STEPS_MAX + 1))),
        "workflow flow: 101 steps, not 1 to 100",
    ),
    "two steps of one name": (
        "workflow",
        workflow(collect("a"), collect("a")),
        "workflow flow: two steps are called a",
    ),
    "a need that is not there": (
        "workflow",
        workflow(collect("a", "b")),
        "workflow flow: step a needs b, which no step before it is called",
    ),
    "a need that comes later": (
        "workflow",
        workflow(collect("a", "b"), collect("b")),
        "workflow flow: step a needs b, which no step before it is called",
    ),
    "a step that needs itself": (
        "workflow",
        workflow(collect("a", "a")),
        "workflow flow: step a needs a, which no step before it is called",
    ),
    "an agent there is not": (
        "workflow",
        workflow(collect("a") | {"agent": "magic"}),
        "workflow: Invalid enum value 'magic' - at `$.steps[0].agent`",
    ),
    "a use there is not": (
        "workflow",
        workflow(collect("a") | {"uses": "magic"}),
        "workflow: Invalid enum value 'magic' - at `$.steps[0].uses`",
    ),
    "a field there is not": (
        "workflow",
        workflow(color="red"),
        "workflow: Object contains unknown field `color`",
    ),
    "no title": (
        "workflow",
        {"id": "flow", "steps": [collect("a")]},
        "workflow: Object missing required field `title`",
    ),
    "a number for an id": ("workflow", workflow() | {"id": 7}, "workflow: Expected `str`, got `int` - at `$.id`"),
    "labels that are missing": (
        "workflow",
        workflow({"id": "a", "agent": "ingestion", "uses": "classify"}),
        "workflow flow: step a classifies without labels",
    ),
    "a label that names no input": (
        "workflow",
        workflow(collect("a", labels=[{"when": "event.x", "set": {}}])),
        "'event.x' names event; known are input",
    ),
    "a template that is missing": (
        "workflow",
        workflow({**ASK, "template": ""}),
        "workflow flow: step a needs a template and a field to put the text into",
    ),
    "a field for the text that is missing": (
        "workflow",
        workflow({**ASK, "into": ""}),
        "workflow flow: step a needs a template and a field to put the text into",
    ),
    "a dollar without a name": (
        "workflow",
        workflow({**ASK, "template": "5 $ each"}),
        "workflow flow: step a: the template has a $ that no name follows (write $$)",
    ),
    "no tokens": (
        "workflow",
        workflow({**ASK, "max_tokens": 0}),
        "workflow flow: step a: max_tokens 0 is not 1 to 32768",
    ),
    "too many tokens": (
        "workflow",
        workflow({**ASK, "max_tokens": 32_769}),
        "workflow flow: step a: max_tokens 32769 is not 1 to 32768",
    ),
    "a trigger that names no event": (
        "workflow",
        workflow(trigger={"when": "input.x"}),
        "'input.x' names input; known are event",
    ),
    "a way to start there is not": (
        "workflow",
        workflow(trigger={"starts": "never"}),
        "workflow: Invalid enum value 'never' - at `$.trigger.starts`",
    ),
    "a rule that stands twice": ("rules", rules(RULE, RULE), "rules rules: rule r stands twice"),
    "a rule that redacts nothing": (
        "rules",
        rules({"id": "r", "action": "redact"}),
        "rules rules: rule r redacts, but names neither fields nor what to detect",
    ),
    "an action there is not": (
        "rules",
        rules({"id": "r", "action": "shout"}),
        "rules: Invalid enum value 'shout' - at `$.rules[0].action`",
    ),
    "a rule that says not why": (
        "rules",
        {"id": "rules", "title": "Rules", "rules": [RULE]},
        "rules: Object missing required field `why` - at `$.rules[0]`",
    ),
    "a detector there is not": (
        "rules",
        rules({"id": "r", "action": "redact", "detect": ["name"]}),
        "rules: Invalid enum value 'name' - at `$.rules[0].detect[0]`",
    ),
    "a rule that names no input": (
        "rules",
        rules({**RULE, "when": "event.x"}),
        "'event.x' names event; known are input, step",
    ),
    "models without the local one": (
        "models",
        {"id": "m", "default": "x", "models": [{"id": "x", "provider": "x"}]},
        "models m has no model local",
    ),
    "a default model there is not": ("models", {**LOCAL_MODELS, "default": "x"}, "models default has no model x"),
    "a kind there is not": ("agents", {"id": "x"}, "no kind of definition is called agents"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_definition_is_refused_in_one_line_that_names(name: str) -> None:
    kind, body, said = BROKEN[name]

    with pytest.raises((BadDefinition, BadExpression)) as refused:
        parse(kind, canonical(body))

    assert str(refused.value) == said


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{'id': 1}"])
def test_text_that_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(BadDefinition, match="workflow: "):
        parse("workflow", text)


def test_a_definition_has_a_limit_in_bytes() -> None:
    with pytest.raises(BadDefinition, match="bytes, more than"):
        parse("workflow", canonical(workflow(title="ä" * (BODY_BYTES_MAX // 2))))


def test_a_broken_body_makes_no_version() -> None:
    with pytest.raises(BadDefinition):
        define(PLATFORM, "workflow", {**workflow(), "steps": []}, None, AT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_neither_text_nor_digest(body: dict[str, Any], chance: random.Random) -> None:
    keys = list(body)
    chance.shuffle(keys)
    turned = {key: body[key] for key in keys}

    assert canonical(turned) == canonical(body)
    assert digest(canonical(turned)) == digest(canonical(body))


@given(st.dictionaries(st.text(max_size=5), JSON))
def test_the_canonical_text_is_json_of_the_same_body(body: dict[str, Any]) -> None:
    assert json.loads(canonical(body)) == body
    assert canonical(json.loads(canonical(body))) == canonical(body)


def test_another_body_has_another_digest() -> None:
    assert digest(canonical(workflow())) != digest(canonical(workflow(title="other")))


def test_versions_count_up_from_one() -> None:
    last: Definition | None = None
    for number in range(1, 4):
        last = definition("workflow", workflow(title=str(number)), last)
        assert last.version == number


def test_the_same_body_again_is_no_new_version() -> None:
    first = definition("workflow", workflow())

    assert define(PLATFORM, "workflow", dict(reversed(workflow().items())), first, AT) is None


def test_a_body_of_before_is_a_new_version() -> None:
    first = definition("workflow", workflow())
    second = definition("workflow", workflow(title="other"), first)

    assert definition("workflow", workflow(), second).version == 3


def test_a_version_has_an_id_that_follows_from_what_it_is() -> None:
    assert definition("workflow", workflow()).event_id == definition("workflow", workflow()).event_id
    assert definition("workflow", workflow()).event_id != definition("workflow", workflow(), tenant="acme").event_id


def test_the_newest_version_is_pinned() -> None:
    first = definition("workflow", workflow())
    second = definition("workflow", workflow(title="other"), first)
    for order in ([first, second], [second, first]):
        assert Definitions(order).pin("acme", "workflow", "flow").version == 2


def test_every_version_can_be_found_by_its_digest() -> None:
    first = definition("workflow", workflow())
    definitions = Definitions([first, definition("workflow", workflow(title="other"), first)])

    assert definitions.workflow(first.digest).title == "Flow"


def test_a_tenants_own_definition_comes_before_the_platforms() -> None:
    definitions = known(("workflow", workflow()))
    own = definition("workflow", workflow(title="Ours"), tenant="acme")
    definitions.add(own)

    assert definitions.pin("acme", "workflow", "flow").digest == own.digest
    assert definitions.pin("zeta", "workflow", "flow").digest != own.digest


def test_a_tenant_never_sees_anothers_definition() -> None:
    definitions = Definitions([definition("workflow", workflow(), tenant="acme")])

    assert definitions.names("zeta", "workflow") == []
    with pytest.raises(UnknownDefinition, match="unknown workflow flow"):
        definitions.pin("zeta", "workflow", "flow")


def test_the_names_a_tenant_can_use_are_its_own_and_the_platforms() -> None:
    definitions = known(("workflow", workflow()))
    definitions.add(definition("workflow", workflow() | {"id": "b"}, tenant="acme"))

    assert definitions.names("acme", "workflow") == ["b", "flow"]


@pytest.mark.parametrize("kind", ["workflow", "rules", "models"])
def test_a_digest_that_has_not_been_read_may_come_later(kind: str) -> None:
    with pytest.raises(MissingVersion, match="no definition with digest nowhere has been read"):
        getattr(Definitions(), kind)("nowhere")


def test_a_pin_is_found_by_its_kind() -> None:
    pin = known().pin("acme", "models", "default")

    assert pinned([pin], "models") is pin
    assert pinned([pin], "rules") is None


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("$a", "1"),
        ("${a}b", "1b"),
        ("$absent.", "."),
        ("$$", "$"),
        ("no names", "no names"),
        ("$a$a", "11"),
        ("ä$a", "ä1"),
    ],
)
def test_a_template_is_filled(template: str, filled: str) -> None:
    assert fill(template, {"a": "1"}) == filled


def test_every_refusal_becomes_a_dead_letter() -> None:
    assert issubclass(BadDefinition, Rejected)
    assert issubclass(UnknownDefinition, Rejected)
    assert not issubclass(MissingVersion, Rejected)
