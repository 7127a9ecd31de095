"""Whether a step may run on its input and its output may be used: each action, each phase, and failing closed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.compliance import Compliance
from domain.definitions import MissingVersion
from schemas.events import ComplianceDecision, Outcome, Phase, StepStatus
from tests.domain.events import digest_of, known, rules, step, workflow

PERSONAL = ["ada@example.com", "+46 31 325 00 00", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111"]
KINDS = ["email", "phone", "iban", "card"]
FIELDS = ["note", "text", "name"]
ACTIONS = ["note", "redact", "restrict", "escalate", "refuse"]
STRICTEST = {
    "note": Outcome.ALLOWED,
    "redact": Outcome.REMEDIATED,
    "restrict": Outcome.REMEDIATED,
    "escalate": Outcome.ESCALATED,
    "refuse": Outcome.REFUSED,
}


def test_a_step_under_no_rules_is_allowed_with_its_input_as_it_is() -> None:
    [decided] = _decide(step(input={"note": "ada@example.com"}))

    assert (decided.outcome, decided.payload, decided.rules) == (Outcome.ALLOWED, {"note": "ada@example.com"}, None)


def test_a_step_that_no_rule_applies_to_is_allowed() -> None:
    decided = _judge({"id": "r", "action": "refuse", "when": "false"})

    assert (decided.outcome, decided.findings) == (Outcome.ALLOWED, [])


def test_a_decision_names_the_rules_it_was_made_under() -> None:
    body = rules({"id": "r", "action": "note"})

    decided = _judge({"id": "r", "action": "note"})

    assert (decided.rules, decided.rules_version, decided.rules_digest) == ("rules", 1, digest_of(body))


def test_a_decision_is_caused_by_the_moment_of_the_step_it_judges() -> None:
    judged = step()

    [decided] = _decide(judged)

    assert decided.causation_id == judged.event_id
    assert (decided.run_id, decided.step, decided.tenant_id) == (judged.run_id, judged.step, judged.tenant_id)


@pytest.mark.parametrize(
    ("status", "phase"), [(StepStatus.REQUESTED, Phase.BEFORE), (StepStatus.PERFORMED, Phase.AFTER)]
)
def test_the_input_is_judged_before_and_the_output_after(status: StepStatus, phase: Phase) -> None:
    [decided] = _decide(step(status=status, input={"side": "in"}, output={"side": "out"}))

    assert (decided.phase, decided.payload["side"]) == (phase, "in" if phase is Phase.BEFORE else "out")


@pytest.mark.parametrize("status", sorted(set(StepStatus) - {StepStatus.REQUESTED, StepStatus.PERFORMED}))
def test_nothing_else_is_judged(status: StepStatus) -> None:
    assert _decide(step(status=status)) == []


@pytest.mark.parametrize(
    ("phase", "status", "applies"),
    [
        ("before", StepStatus.REQUESTED, True),
        ("before", StepStatus.PERFORMED, False),
        ("after", StepStatus.REQUESTED, False),
        ("after", StepStatus.PERFORMED, True),
        ("both", StepStatus.REQUESTED, True),
        ("both", StepStatus.PERFORMED, True),
    ],
)
def test_a_rule_applies_in_its_phase(phase: str, status: StepStatus, applies: bool) -> None:
    decided = _judge({"id": "r", "action": "refuse", "phase": phase}, status=status)

    assert (decided.outcome is Outcome.REFUSED) is applies


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_has_its_outcome(action: str) -> None:
    fields = {"fields": ["note"]} if action == "redact" else {}

    assert _judge({"id": "r", "action": action, **fields}, given={"note": "x"}).outcome is STRICTEST[action]


@pytest.mark.parametrize("one", range(len(ACTIONS)))
@pytest.mark.parametrize("other", range(len(ACTIONS)))
def test_the_strictest_action_wins(one: int, other: int) -> None:
    pair = [{"id": f"r{place}", "action": ACTIONS[each], "fields": ["note"]} for place, each in enumerate((one, other))]

    assert _judge(*pair, given={"note": "x"}).outcome is STRICTEST[ACTIONS[max(one, other)]]


def test_all_rules_are_evaluated() -> None:
    decided = _judge({"id": "a", "action": "refuse"}, {"id": "b", "action": "note"}, {"id": "c", "action": "escalate"})

    assert [finding.rule for finding in decided.findings] == ["a", "b", "c"]


def test_a_refused_payload_is_not_handed_on() -> None:
    assert _judge({"id": "r", "action": "refuse"}, given={"note": "x"}).payload == {}


def test_an_escalated_payload_is_handed_on() -> None:
    assert _judge({"id": "r", "action": "escalate"}, given={"note": "x"}).payload == {"note": "x"}


@pytest.mark.parametrize(("action", "restriction"), [("restrict", "local"), ("note", None), ("escalate", None)])
def test_only_a_restriction_restricts(action: str, restriction: str | None) -> None:
    assert _judge({"id": "r", "action": action}).restriction == restriction


def test_a_restriction_holds_for_an_escalated_step_too() -> None:
    decided = _judge({"id": "a", "action": "restrict"}, {"id": "b", "action": "escalate"})

    assert (decided.outcome, decided.restriction) == (Outcome.ESCALATED, "local")


def test_a_redacted_field_is_replaced_by_the_rules_name() -> None:
    decided = _judge({"id": "first-name", "action": "redact", "fields": ["name"]}, given={"name": "Ada", "x": "y"})

    assert decided.payload == {"name": "[first-name]", "x": "y"}
    assert [(finding.path, finding.evidence) for finding in decided.findings] == [("name", "field")]


def test_a_field_that_is_not_there_is_not_redacted() -> None:
    decided = _judge({"id": "r", "action": "redact", "fields": ["name"]}, given={"x": "y"})

    assert (decided.outcome, decided.payload) == (Outcome.ALLOWED, {"x": "y"})


@pytest.mark.parametrize(("kind", "text"), list(zip(KINDS, PERSONAL, strict=True)))
def test_detected_personal_data_is_taken_out_and_counted(kind: str, text: str) -> None:
    decided = _judge({"id": "r", "action": "redact", "detect": [kind]}, given={"note": f"{text}, {text}"})

    assert decided.payload == {"note": f"[{kind}], [{kind}]"}
    assert [(finding.path, finding.evidence) for finding in decided.findings] == [("note", f"{kind} x 2")]


def test_detection_looks_into_the_named_fields_only() -> None:
    rule = {"id": "r", "action": "redact", "detect": ["email"], "fields": ["note"]}

    decided = _judge(rule, given={"note": PERSONAL[0], "other": PERSONAL[0]})

    assert decided.payload == {"note": "[email]", "other": PERSONAL[0]}


def test_detection_that_names_no_fields_looks_into_all() -> None:
    decided = _judge({"id": "r", "action": "redact", "detect": ["email"]}, given={"a": PERSONAL[0], "b": PERSONAL[0]})

    assert decided.payload == {"a": "[email]", "b": "[email]"}


def test_a_rule_that_detects_without_redacting_leaves_the_text_as_it_is() -> None:
    decided = _judge({"id": "r", "action": "escalate", "detect": ["email"]}, given={"note": PERSONAL[0]})

    assert (decided.outcome, decided.payload) == (Outcome.ESCALATED, {"note": PERSONAL[0]})


def test_a_rule_that_detects_nothing_finds_nothing() -> None:
    assert _judge({"id": "r", "action": "refuse", "detect": ["email"]}, given={"note": "x"}).outcome is Outcome.ALLOWED


def test_conditions_see_the_input_as_it_came_whatever_was_redacted_before() -> None:
    first = {"id": "a", "action": "redact", "fields": ["name"]}
    second = {"id": "b", "action": "note", "when": 'input.name == "Ada"'}

    assert [each.rule for each in _judge(first, second, given={"name": "Ada"}).findings] == ["a", "b"]


@pytest.mark.parametrize(("name", "value"), [("id", "a"), ("agent", "analysis"), ("uses", "ask")])
def test_conditions_see_of_the_step(name: str, value: str) -> None:
    rule = {"id": "r", "action": "refuse", "when": f'step.{name} == "{value}"'}

    assert _judge(rule, agent="analysis", uses="ask").outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "when",
    ["input.absent == 'x'", "int(input.note) > 5", "input.note + 1 == 2", "input.note", "input[input.note] == 'x'"],
)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_rule_that_cannot_be_decided_refuses_whatever_its_action(when: str, action: str) -> None:
    fields = {"fields": ["note"]} if action == "redact" else {}

    decided = _judge({"id": "r", "action": action, "when": when, **fields}, given={"note": "ada@example.com"})

    assert decided.outcome is Outcome.REFUSED
    assert [finding.action for finding in decided.findings] == ["refuse"]
    assert "undecidable" in decided.findings[0].evidence
    assert "ada@" not in decided.findings[0].evidence


def test_rules_that_have_not_been_read_yet_are_waited_for() -> None:
    with pytest.raises(MissingVersion):
        _decide(step(rules_digest="nowhere"))


def test_evidence_names_the_condition_and_the_fields_that_may_be_shown() -> None:
    rule = {"id": "r", "action": "note", "when": "true", "fields": ["country", "absent"]}

    assert _judge(rule, given={"country": "se"}).findings[0].evidence == "true (country = se; absent = absent)"


def test_evidence_of_a_rule_without_a_condition_says_always() -> None:
    assert _judge({"id": "r", "action": "note"}).findings[0].evidence == "always"


RULE = st.fixed_dictionaries(
    {
        "action": st.sampled_from(ACTIONS),
        "fields": st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2, unique=True),
        "detect": st.one_of(st.just([]), st.just(KINDS)),
        "phase": st.just("both"),
    }
)
WORD = st.sampled_from([*PERSONAL, "hello", "PROD582", "1-364285768"])
TEXT = st.lists(WORD, max_size=4).map(", ".join)
PAYLOAD = st.dictionaries(st.sampled_from(FIELDS), TEXT)


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, max_size=3), PAYLOAD)
def test_findings_never_hold_personal_data(each: list[dict[str, Any]], payload: dict[str, str]) -> None:
    decided = _judge(*_numbered(each), given=payload)

    shown = " ".join(f"{finding.evidence} {finding.path} {finding.rule}" for finding in decided.findings)
    assert [personal for personal in PERSONAL if personal in shown] == []


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, max_size=3), PAYLOAD)
def test_a_payload_holds_no_personal_data_after_its_redaction(
    each: list[dict[str, Any]], payload: dict[str, str]
) -> None:
    everything = {"id": "all", "action": "redact", "detect": KINDS}

    decided = _judge(*_numbered(each), everything, given=payload)

    assert [text for text in decided.payload.values() for personal in PERSONAL if personal in text] == []


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, max_size=3), PAYLOAD)
def test_judging_what_was_redacted_redacts_nothing_more(each: list[dict[str, Any]], payload: dict[str, str]) -> None:
    redacting = [rule for rule in _numbered(each) if rule["action"] == "redact"]
    once = _judge(*redacting, given=payload)
    again = _judge(*redacting, given=once.payload)

    assert again.payload == once.payload


@settings(max_examples=150, deadline=None)
@given(st.lists(RULE, max_size=4), PAYLOAD)
def test_an_outcome_is_that_of_the_strictest_finding(each: list[dict[str, Any]], payload: dict[str, str]) -> None:
    decided = _judge(*_numbered(each), given=payload)

    found = [ACTIONS.index(finding.action) for finding in decided.findings]
    assert decided.outcome is (STRICTEST[ACTIONS[max(found)]] if found else Outcome.ALLOWED)


def _numbered(each: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", **rule} for number, rule in enumerate(each)]


def _judge(
    *each: dict[str, Any], given: dict[str, str] | None = None, status: StepStatus = StepStatus.REQUESTED, **fields: Any
) -> ComplianceDecision:
    body = rules(*each)
    side = {"input" if status is StepStatus.REQUESTED else "output": given or {}}
    definitions = known(("workflow", workflow()), ("rules", body))
    judged = step(status=status, rules_digest=digest_of(body), rules_version=1, **side, **fields)
    [decided] = Compliance().decide(None, judged, definitions)
    assert isinstance(decided, ComplianceDecision)
    return decided


def _decide(judged: Any) -> list[Any]:
    return list(Compliance().decide(None, judged, known()))
