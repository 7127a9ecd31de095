"""Caches: whose answers may be given again, to what, and what that saves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.caches import (
    CacheRules,
    Entry,
    cacheable,
    comparable,
    exact_hit,
    exact_key,
    keepable,
    scope,
    semantic_hit,
)
from domain.ports import Answer, Question, Tool
from schemas.events import Message, ToolCall

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = CacheRules(semantic=True, age_max_s=60)
TOOL = Tool(name="lookup", description="", parameters="{}")
ANSWER = Answer(text="Yes.", input_tokens=3, output_tokens=1)


def _question(text: str = "May I?", system: str = "Be brief.", **more: Any) -> Question:
    messages = [Message(role="system", content=system), Message(role="user", content=text)]
    given: dict[str, Any] = {"model": "m", "messages": messages, "max_tokens": 10, "idempotency_key": "k"}
    return Question(**(given | {"temperature": 0.0} | more))


def _entry(at: datetime = NOW, **more: Any) -> Entry:
    given: dict[str, Any] = {"tenant_id": "t", "key": "k", "scope": "s", "call_id": "c", "at": at, "answer": ANSWER}
    return Entry(**(given | {"cost_usd_micros": 42} | more))


@pytest.mark.parametrize(
    "other",
    [
        _question("May we?"),
        _question(system="Be long."),
        _question(model="n"),
        _question(max_tokens=11),
        _question(temperature=0.1),
        _question(endpoint="http://host/v1"),
        _question(tools=[TOOL]),
        _question(answer_schema="{}"),
        _question(messages=[Message(role="user", content="May I?", images=["data:image/png;base64,AA"])]),
    ],
)
def test_whatever_makes_another_answer_makes_another_key(other: Question) -> None:
    assert exact_key("t", other) != exact_key("t", _question())


def test_another_attempt_at_the_same_question_has_the_same_key() -> None:
    again = _question(idempotency_key="other", timeout_s=1.0, on_text=print)

    assert exact_key("t", again) == exact_key("t", _question())


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=20))
def test_no_two_tenants_share_a_key_or_a_scope(one: str, other: str, text: str) -> None:
    question = _question(text)

    assert (exact_key(one, question) == exact_key(other, question)) == (one == other)
    assert (scope(one, question, "task") == scope(other, question, "task")) == (one == other)


@given(st.lists(st.text(max_size=4), min_size=2, max_size=2), st.lists(st.text(max_size=4), min_size=2, max_size=2))
def test_messages_never_run_into_each_other(one: list[str], other: list[str]) -> None:
    keys = [
        exact_key("t", _question(messages=[Message(role="user", content=each) for each in texts]))
        for texts in (one, other)
    ]
    assert (keys[0] == keys[1]) == (one == other)


def test_questions_of_other_words_share_a_scope() -> None:
    assert scope("t", _question("May I go?"), "task") == scope("t", _question("Am I allowed to go?"), "task")


@pytest.mark.parametrize(
    ("text", "system", "model", "task"),
    [
        ("May I go?", "Be long.", "m", "task"),
        ("May I go?", "Be brief.", "n", "task"),
        ("May I go?", "Be brief.", "m", "other task"),
        ("May I not go?", "Be brief.", "m", "task"),
        ("I can't go?", "Be brief.", "m", "task"),
        ("May I go in 3 days?", "Be brief.", "m", "task"),
        ("May I go to gate A7?", "Be brief.", "m", "task"),
        ("May I go, Ada?", "Be brief.", "m", "task"),
        ('May I go ("Ada" said so)?', "Be brief.", "m", "task"),
    ],
)
def test_prompt_model_task_numbers_names_and_negations_make_another_scope(
    text: str, system: str, model: str, task: str
) -> None:
    assert scope("t", _question(text, system, model=model), task) != scope("t", _question("May I go?"), "task")


@pytest.mark.parametrize("more", [{"temperature": None}, {"temperature": 0.2}, {"tools": [TOOL]}, {"messages": []}])
def test_what_is_left_to_chance_or_to_tools_is_never_cached(more: dict[str, Any]) -> None:
    assert not cacheable(_question(**more))
    assert not comparable(_question(**more))


def test_images_are_never_compared_by_meaning() -> None:
    image = Message(role="user", content="What is it?", images=["data:image/png;base64,AA"])

    assert cacheable(_question(messages=[image]))
    assert not comparable(_question(messages=[image]))


@pytest.mark.parametrize(
    "change",
    [
        {"degraded": True},
        {"finish": "length"},
        {"finish": "content_filter"},
        {"text": ""},
        {"tool_calls": (ToolCall(id="1", name="lookup", arguments="{}"),)},
    ],
)
def test_an_answer_that_is_not_whole_is_not_kept(change: dict[str, Any]) -> None:
    assert keepable(_question(), ANSWER)
    assert not keepable(_question(), msgspec.structs.replace(ANSWER, **change))


def test_a_hit_says_what_it_saved() -> None:
    exact, near = exact_hit(_entry(), "t", "k", RULES, NOW), semantic_hit(_entry(), 0.97, "t", "s", RULES, NOW)

    assert exact is not None
    assert near is not None
    assert (exact.kind, exact.saved_usd_micros, near.kind, near.similarity) == ("exact", 42, "semantic", 0.97)


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        (None, RULES),
        (_entry(tenant_id="other"), RULES),
        (_entry(key="other", scope="other"), RULES),
        (_entry(at=NOW - timedelta(seconds=61)), RULES),
        (_entry(at=NOW + timedelta(seconds=1)), RULES),
        (_entry(), CacheRules(exact=False, semantic=False)),
    ],
)
def test_what_may_not_be_given_is_no_hit(entry: Entry | None, rules: CacheRules) -> None:
    assert exact_hit(entry, "t", "k", rules, NOW) is None
    assert semantic_hit(entry, 1.0, "t", "s", rules, NOW) is None


@pytest.mark.parametrize("similarity", [0.9499, -1.0, float("nan")])
def test_what_is_not_near_enough_is_no_hit(similarity: float) -> None:
    assert semantic_hit(_entry(), similarity, "t", "s", RULES, NOW) is None
