"""The commands about models, on files: what they show, and what they say of bad input. On the log: docs/routing.md."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.definitions import BadDefinition, Definitions
from domain.models import UnknownModel
from runtime import terminal
from runtime.cli import app
from runtime.definitions import BadFile, described, publish, shipped
from runtime.deployment import define
from runtime.models import BadQuestion
from runtime.settings import Settings
from schemas.record import Outgoing
from tests.domain.events import AT, LOCAL_MODELS, definition, workflow
from tests.event_strategies import codec

HOSTED = Path(__file__).parents[2] / "examples" / "hosted-models.yaml"
TASKS = {"complex_reasoning": "openai/gpt-4o", "cost_sensitive": "local"}
BAD_FILES: dict[str, tuple[str, str]] = {
    "a tier too high": (
        "id: m\ndefault: local\nmodels: [{id: local, provider: local, safety: 9}]\n",
        "models: Expected `int` <= 5 - at `$.models[0].safety`",
    ),
    "an endpoint that is no web address": (
        "id: m\ndefault: local\nmodels: [{id: local, provider: local}, {id: x, provider: x, endpoint: 'ftp://x'}]\n",
        "models m: model x: endpoint is no http or https URL",
    ),
    "a date where text is wanted": (
        "id: m\ndefault: local\nmodels: [{id: 2020-01-01, provider: local}]\n",
        "models m has no model local",
    ),
    "no list": ("id: m\ndefault: local\nmodels: many\n", "models: Expected `array`, got `str` - at `$.models`"),
}


def run(*words: str, raises: bool = False) -> Any:
    terminal.out.width = 200  # it keeps the width of the process's first use
    done = CliRunner().invoke(app, ["models", *words], env={"COLUMNS": "200"})
    if raises and done.exception is not None:
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def of_file(command: str, *words: str, path: Path = HOSTED) -> Any:
    return run(command, *words, "--file", str(path), raises=True)


@pytest.mark.parametrize("task", TASKS)
def test_a_dry_run_says_who_would_answer(task: str) -> None:
    said = json.loads(of_file("route", "--task", task, "--json"))

    assert (said["task"], said["route"], said["model"]) == (task, task, TASKS[task])
    assert len(said["ranking"]) == 5


def test_a_dry_run_shows_the_whole_ranking_as_a_table() -> None:
    shown = of_file("route", "--task", "complex_reasoning")

    assert shown.startswith("openai/gpt-4o would answer; route complex_reasoning")
    for part in ("anthropic/claude-sonnet-4-5", "ranked_lower", "reasoning tier 2, less than 4", "last_resort"):
        assert part in shown


def test_the_options_of_a_dry_run_are_limits() -> None:
    words = ["--tokens", "500", "--max-cost", "1", "--max-latency", "1", "--region", "eu", "--compliance", "gdpr"]
    words += ["--only", "local", "--need", "json", "--restricted", "--no-last-resort", "--role", "analyst", "--json"]
    said = json.loads(of_file("route", *words))

    assert said["model"] == ""
    assert {each["name"] for each in said["constraints"]} == {
        *("cost_usd_micros_max", "latency_ms_max", "regions", "compliance", "models"),
        *("last_resort", "needs", "restricted", "roles"),
    }


def test_a_broken_model_is_passed_over() -> None:
    said = json.loads(of_file("route", "--task", "complex_reasoning", "--broken", "openai/gpt-4o", "--json"))

    assert said["model"] == "anthropic/claude-sonnet-4-5"


def test_the_list_says_what_the_caller_may_use() -> None:
    said = json.loads(of_file("list", "--role", "compliance-officer", "--json"))

    assert {each["id"] for each in said if each["allowed"]} == {
        "local",
        "anthropic/claude-haiku-4-5",
        "anthropic/claude-sonnet-4-5",
    }
    assert "role compliance-officer may not use it" in of_file("list", "--role", "compliance-officer")


def test_one_model_is_shown_with_all_that_is_known() -> None:
    said = json.loads(of_file("show", "openai/gpt-4o", "--json"))

    assert (said["family"], said["context_tokens"], said["allowed"]) == ("gpt-4", 128_000, True)


def test_a_model_or_breaker_there_is_not_is_named() -> None:
    with pytest.raises(UnknownModel, match="models hosted has no model x"):
        of_file("show", "x")
    with pytest.raises(UnknownModel, match="models hosted has no model x"):
        of_file("route", "--broken", "x")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--need", "magic"], r"Invalid enum value 'magic' - at `\$.needs\[1\]`"),
        (["--region", ""], r"length >= 1 - at `\$.constraints.regions\[0\]`"),
    ],
)
def test_a_call_that_nobody_can_make_is_refused_and_names_the_field(words: list[str], said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        of_file("route", *words)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_refused_is_named_with_its_field(name: str, tmp_path: Path) -> None:
    text, said = BAD_FILES[name]
    path = tmp_path / "models.yaml"
    path.write_text(text)

    for ask in (lambda: of_file("route", path=path), lambda: define(Settings(), [path], None)):
        with pytest.raises(BadDefinition) as refused:
            ask()
        assert str(refused.value) == f"{path}: {said}"


class Nowhere:
    """A publisher that nothing may reach."""

    async def publish(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], int]:
        raise AssertionError(records)


async def test_a_step_that_names_a_model_there_is_not_is_refused() -> None:
    ask = {"id": "a", "agent": "analysis", "uses": "ask", "template": "x", "into": "y"}
    body = workflow(ask | {"constraints": {"models": ["local", "openai/gpt-5o"]}})
    known = Definitions([definition("models", LOCAL_MODELS)])

    with pytest.raises(
        BadDefinition, match="workflow flow: step a: constraints: models default has no model openai/gpt-5o"
    ):
        await publish([("workflow", body)], known, codec(), Nowhere(), AT)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=str(tmp_path / "none.yaml")):
        of_file("list", path=tmp_path / "none.yaml")


def test_a_hosted_model_that_comes_along_brings_what_is_known_of_it() -> None:
    assert described("openai/gpt-4o")["family"] == "gpt-4"
    assert described("openai/nobody") == {}


def test_the_model_of_the_settings_takes_the_place_of_one_of_its_id() -> None:
    models = dict(shipped({"id": "local", "provider": "local"}))["models"]

    assert [each["id"] for each in models["models"]] == ["local"]
