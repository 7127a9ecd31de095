"""The catalogue of models: what is refused, each in one line that names it, and what was good before stays good."""

from importlib.resources import files
from typing import Any

import pytest
import yaml

from domain.definitions import BadDefinition, Step, Tenant, Workflow, canonical, parse
from domain.models import LOCAL, Constraints, Model, Models, TaskRoute, UnknownModel, named
from tests.domain.events import LOCAL_MODELS, collect, workflow

HOSTED = {"id": "x", "provider": "x"}
ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "x", "into": "y"}
CRITERIA = ("quality", "safety", "cost", "latency", "reliability")
ENDPOINTS_BAD = {
    "ftp://x/v1": "is no http or https URL",
    "file:///etc/passwd": "is no http or https URL",
    "x/v1": "is no http or https URL",
    "http://": "is no http or https URL",
    "": "is no http or https URL",
    "http://x:0/v1": "is no http or https URL",
    "http://x:99999/v1": "is no URL",
    "http://[::1/v1": "is no URL",
    "http://x/v 1": "has characters that no URL has",
    "http://x\\@y/v1": "has characters that no URL has",
    "http://ä/v1": "has characters that no URL has",
    "https://key@x/v1": "holds credentials, which belong into the environment",
    "https://u:key@x/v1": "holds credentials, which belong into the environment",
    "https://x/v1?key=1": "has a query or a fragment: say the base URL alone",
    "https://x/v1#a": "has a query or a fragment: say the base URL alone",
}


def models(*others: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Returns the body of models called `m`."""
    return {"id": "m", "default": LOCAL, "models": [{"id": LOCAL, "provider": LOCAL}, *others], **fields}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "two models of one id": (models(HOSTED, HOSTED), "models m: model x stands twice"),
    "no local one": ({**models(), "models": [HOSTED], "default": "x"}, "models m has no model local"),
    "too many": (
        models(*({"id": f"m{number}", "provider": "x"} for number in range(200))),
        "models m: 201 models, more than 200",
    ),
    "a tier too high": (
        models(HOSTED | {"safety": 6}),
        "models: Expected `int` <= 5 - at `$.models[1].safety`",
    ),
    "a price below nothing": (
        models(HOSTED | {"input_usd_micros_per_million": -1}),
        "models: Expected `int` >= 0 - at `$.models[1].input_usd_micros_per_million`",
    ),
    "a price that is no whole number": (
        models(HOSTED | {"input_usd_micros_per_million": 0.5}),
        "models: Expected `int`, got `float` - at `$.models[1].input_usd_micros_per_million`",
    ),
    "a capability there is not": (
        models(HOSTED | {"capabilities": ["telepathy"]}),
        "models: Invalid enum value 'telepathy' - at `$.models[1].capabilities[0]`",
    ),
    "a field there is not": (
        models(HOSTED | {"colour": "red"}),
        "models: Object contains unknown field `colour` - at `$.models[1]`",
    ),
    "an endpoint of the local one": (
        {"id": "m", "default": LOCAL, "models": [{"id": LOCAL, "provider": LOCAL, "endpoint": "http://x/v1"}]},
        "models m: model local runs here: it has no endpoint",
    ),
    "two routes of one task": (
        models(policy=[{"task": "a"}, {"task": "a"}]),
        "models m: policy: task a has two routes",
    ),
    "a route of no task": (
        models(policy=[{"task": ""}]),
        "models m: policy: a route names no task (say default)",
    ),
    "weights of nothing": (
        models(policy=[{"task": "a", "weights": dict.fromkeys(CRITERIA, 0)}]),
        "models m: policy: task a: all weights are 0",
    ),
    "a cache that finds everything near": (
        models(cache={"similarity_thousandths_min": 100}),
        "models: Expected `int` >= 800 - at `$.cache.similarity_thousandths_min`",
    ),
    "a cache that forgets nothing": (
        models(cache={"exact": True, "age_s_max": 10**9}),
        "models: Expected `int` <= 604800 - at `$.cache.age_s_max`",
    ),
    "a grant to nobody": (
        models(access=[{"models": ["*"]}]),
        "models m: access: a grant names either a role or a tenant",
    ),
    "a grant to a role of a tenant": (
        models(access=[{"models": ["*"], "role": "admin", "tenant": "acme"}]),
        "models m: access: a grant names either a role or a tenant",
    ),
    "a grant to a role there is not": (
        models(access=[{"models": ["*"], "role": "king"}]),
        "models m: access: no role is called king",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_models_are_refused_in_one_line_that_names(name: str) -> None:
    body, said = BROKEN[name]

    with pytest.raises(BadDefinition) as refused:
        parse("models", canonical(body))

    assert str(refused.value) == said


@pytest.mark.parametrize("endpoint", ENDPOINTS_BAD)
def test_an_endpoint_is_refused_without_being_repeated(endpoint: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        parse("models", canonical(models(HOSTED | {"endpoint": endpoint})))

    assert str(refused.value) == f"models m: model x: endpoint {ENDPOINTS_BAD[endpoint]}"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:11434/v1", "https://models.example", "http://[::1]:8080/v1/"])
def test_an_endpoint_is_a_base_url(endpoint: str) -> None:
    assert _models(models(HOSTED | {"endpoint": endpoint})).model("x").endpoint == endpoint


def test_models_of_before_say_nothing_of_what_is_new() -> None:
    found = _models(LOCAL_MODELS)

    assert found.models == [Model(id=LOCAL, provider=LOCAL)]
    assert found.models[0].capabilities == ["chat"]
    assert (found.policy, found.access) == ([], [])


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownModel, match="models m has no model y"):
        _models(models()).model("y")


def test_a_task_has_its_route_or_the_default_one_or_none() -> None:
    hard, other = TaskRoute(task="hard"), TaskRoute(task="default")

    assert _models(models(policy=[{"task": "hard"}, {"task": "default"}])).route("hard") == hard
    assert _models(models(policy=[{"task": "hard"}, {"task": "default"}])).route("easy") == other
    assert _models(models(policy=[{"task": "hard"}])).route("easy") is None


def test_a_model_is_named_by_id_or_family_or_star() -> None:
    model = Model(id="openai/x", provider="openai", family="gpt-4")

    assert all(named(model, [each]) for each in ("openai/x", "gpt-4", "*"))
    assert not any(named(model, [each]) for each in ("openai", "gpt", "", "x"))


def test_the_hosted_models_that_come_along_are_good() -> None:
    found = _models(yaml.safe_load(files("examples").joinpath("hosted-models.yaml").read_text()))

    assert found.id == "hosted"
    assert {each.family for each in found.models} >= {"gpt-4", "claude", LOCAL}


def test_a_step_says_its_task_and_what_it_asks_of_a_model() -> None:
    asked = {"cost_usd_micros_max": 5_000, "latency_ms_max": 3_000, "regions": ["eu"], "models": ["x"]}
    step = _step(ASK | {"task": "complex_reasoning", "constraints": asked})

    assert step.task == "complex_reasoning"
    assert step.constraints == Constraints(
        cost_usd_micros_max=5_000, latency_ms_max=3_000, regions=["eu"], models=["x"]
    )


def test_a_step_of_before_asks_nothing() -> None:
    assert (_step(ASK).task, _step(ASK).constraints) == ("", Constraints())


STEPS_BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a task that is no name": (
        ASK | {"task": "Hard Work"},
        "workflow: Expected `str` matching regex '^([a-z0-9][a-z0-9_-]{0,62})?\\\\Z' - at `$.steps[0].task`",
    ),
    "a cost below nothing": (
        ASK | {"constraints": {"cost_usd_micros_max": -1}},
        "workflow: Expected `int` >= 0 - at `$.steps[0].constraints.cost_usd_micros_max`",
    ),
    "a constraint there is not": (
        ASK | {"constraints": {"mood": "good"}},
        "workflow: Object contains unknown field `mood` - at `$.steps[0].constraints`",
    ),
    "a region without a name": (
        ASK | {"constraints": {"regions": [""]}},
        "workflow: Expected `str` of length >= 1 - at `$.steps[0].constraints.regions[0]`",
    ),
    "a task of a step that asks nobody": (
        collect("a", task="hard"),
        "workflow flow: step a asks no model: it has neither a task nor constraints",
    ),
    "a temperature that no model has": (
        ASK | {"temperature_thousandths": 2001},
        "workflow: Expected `int` <= 2000 - at `$.steps[0].temperature_thousandths`",
    ),
    "untrusted fields of a step that asks nobody": (
        ASK | {"uses": "compose", "untrusted": ["note"]},
        "workflow flow: step a asks no model: it has neither a temperature nor untrusted fields",
    ),
    "an untrusted field that is not asked about": (
        ASK | {"untrusted": ["nobody"]},
        "workflow flow: step a: untrusted field nobody is not in its template",
    ),
    "constraints of a step that asks nobody": (
        ASK | {"uses": "compose", "constraints": {"regions": ["eu"]}},
        "workflow flow: step a asks no model: it has neither a task nor constraints",
    ),
}


@pytest.mark.parametrize("name", STEPS_BAD)
def test_a_step_is_refused_in_one_line_that_names(name: str) -> None:
    step, said = STEPS_BAD[name]

    with pytest.raises(BadDefinition) as refused:
        parse("workflow", canonical(workflow(step)))

    assert str(refused.value) == said


def test_a_tenant_may_narrow_itself_and_usually_does_not() -> None:
    narrowed, usual = (parse("tenant", canonical(body)) for body in ({"id": "a", "models": ["claude"]}, {"id": "a"}))

    assert isinstance(narrowed, Tenant)
    assert isinstance(usual, Tenant)
    assert (narrowed.models, usual.models) == (["claude"], [])


def _models(body: Any) -> Models:
    found = parse("models", canonical(body))
    assert isinstance(found, Models)
    return found


def _step(body: dict[str, Any]) -> Step:
    found = parse("workflow", canonical(workflow(body)))
    assert isinstance(found, Workflow)
    return found.steps[0]
