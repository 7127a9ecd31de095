"""Conditions: what may be saved, what holds, and what has no answer."""

import pytest

from domain.expressions import LENGTH_MAX, LIBRARIES, BadExpression, ExpressionFailed, Scope, check


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("true", True),
        ("false", False),
        ('input.a == "1"', True),
        ('input.a != "1"', False),
        ("has(input.a)", True),
        ("has(input.b)", False),
        ("int(input.a) + 1 == 2", True),
        ('input.a in ["1", "2"]', True),
        ('has(input.b) && input.b == "x"', False),
        ('!has(input.b) || input.b == "x"', True),
        ('input.a.startsWith("1")', True),
        ("size(input.a) == 1", True),
    ],
)
def test_a_condition_holds_or_not(expression: str, holds: bool) -> None:
    assert Scope(input={"a": "1"}).holds(expression) is holds


@pytest.mark.parametrize(
    "expression",
    ['input.b == "x"', "input.a + 1 == 2", "int(input.c) > 1", "1 / 0 == 1", 'input.a.matches("(")', "input.a > 1"],
)
def test_a_condition_without_an_answer_says_so_in_one_line(expression: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        Scope(input={"a": "1", "c": "x"}).holds(expression)

    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(("expression", "kind"), [("1 + 1", "int"), ("input.a", "str"), ("null", "NoneType")])
def test_a_condition_that_gives_no_boolean_has_no_answer(expression: str, kind: str) -> None:
    with pytest.raises(ExpressionFailed, match=f"gives {kind}, not true or false"):
        Scope(input={"a": "1"}).holds(expression)


@pytest.mark.parametrize(
    "expression", ["input[input.a] == 'x'", "input.a.matches(input.a)", "timestamp(input.a) > timestamp(input.a)"]
)
def test_a_failure_says_nothing_of_the_values(expression: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        Scope(input={"a": "ada@example.com("}).holds(expression)

    assert "ada" not in str(failed.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ExpressionFailed, match="KeyError 'absent'"):
        Scope(input={}).holds('input.absent == "x"')


@pytest.mark.parametrize("expression", ["input.a ==", "((", "", "input.a = 1", "import os"])
def test_a_condition_that_cannot_be_read_is_refused_in_one_line(expression: str) -> None:
    with pytest.raises(BadExpression) as refused:
        check(expression, ["input"])

    assert "\n" not in str(refused.value)


def test_a_condition_that_names_what_is_not_there_is_refused_and_names_what_is() -> None:
    with pytest.raises(BadExpression, match="names event, now; known are input, step"):
        check("event.a == now", ["step", "input"])


def test_a_condition_has_a_limit() -> None:
    with pytest.raises(BadExpression, match="more than 2000"):
        check("true" + " " * LENGTH_MAX, [])


def test_the_library_that_decides_is_named_with_its_version() -> None:
    assert list(LIBRARIES) == ["common-expression-language"]
    assert all(LIBRARIES.values())
