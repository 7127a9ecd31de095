"""The choice of a model: what always holds of it, and each reason that passes a model over."""

import random
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.definitions import canonical, parse
from domain.model_access import Caller, allowed
from domain.model_history import NOTHING, Evidence
from domain.models import LOCAL, Constraints, Grant, Model, Models, TaskRoute, Weights
from domain.ranking import (
    ASKED,
    Price,
    Question,
    Ranked,
    Routing,
    Standing,
    breakers_of,
    evidence_of,
    routed_fields,
)
from domain.routing import listed, route
from tests.domain.routes import (
    BREAKERS,
    CALLERS,
    CATALOGUE,
    CLAUDE,
    GPT,
    HERE,
    QUESTIONS,
    catalogues,
    histories,
    line,
    routed,
)

S = Standing


@dataclass(frozen=True)
class Case:
    """All that a decision follows from."""

    question: Question
    models: Models
    history: dict[str, Evidence]
    caller: Caller
    open_breakers: frozenset[str]

    def decide(self, models: Models | None = None) -> Routing:
        return route(self.question, models or self.models, self.history, self.caller, self.open_breakers)


CASES = st.builds(Case, QUESTIONS, catalogues(), histories(), CALLERS, BREAKERS)


@settings(max_examples=60)
@given(CASES)
def test_every_model_stands_in_the_ranking_once(case: Case) -> None:
    ranking = case.decide().ranking

    assert sorted(each.model for each in ranking) == sorted(each.id for each in case.models.models)
    assert all(each.reason for each in ranking)
    assert all(each.standing is not S.UNKNOWN for each in ranking)


@settings(max_examples=60)
@given(CASES, st.randoms(use_true_random=False))
def test_every_order_of_the_models_gives_the_same_decision(case: Case, chance: random.Random) -> None:
    turned = list(case.models.models)
    chance.shuffle(turned)

    assert case.decide(replace(case.models, models=turned)) == case.decide()


@settings(max_examples=60)
@given(CASES)
def test_a_model_that_breaks_a_limit_is_asked_by_nobody_but_as_the_last_resort(case: Case) -> None:
    routing = case.decide()

    asked = [case.models.model(each.model) for each in routing.asked if each.standing is not S.LAST_RESORT]
    for model in asked:
        if not (model.id == LOCAL and routing.degraded):
            assert _within(model, case)


@settings(max_examples=60)
@given(CASES)
def test_to_remove_a_model_that_was_passed_over_changes_nobody_who_is_asked(case: Case) -> None:
    routing = case.decide()
    asked = [(each.model, each.score) for each in routing.asked]

    for each in routing.ranking:
        if each.standing not in ASKED and each.model != LOCAL:
            kept = [model for model in case.models.models if model.id != each.model]
            again = case.decide(replace(case.models, models=kept))
            assert [(one.model, one.score) for one in again.asked] == asked
            assert again.degraded == routing.degraded


@settings(max_examples=60)
@given(CASES)
def test_to_remove_a_model_that_was_ranked_lower_changes_nothing_of_who_is_chosen(case: Case) -> None:
    routing = case.decide()

    for each in routing.ranking:
        if each.standing is S.RANKED_LOWER and each.model != LOCAL:
            kept = [model for model in case.models.models if model.id != each.model]
            assert case.decide(replace(case.models, models=kept)).chosen == routing.chosen


@settings(max_examples=60)
@given(CASES)
def test_the_local_model_is_chosen_when_no_other_fits_unless_that_is_forbidden(case: Case) -> None:
    routing = case.decide()
    here = line(routing, LOCAL)

    others = [each for each in routing.asked if each.model != LOCAL]
    if routing.degraded:
        assert not others
        assert routing.chosen == here
    elif not others and here.standing is not S.CHOSEN:
        assert routing.chosen is None
        assert here.standing in (S.NOT_ALLOWED, S.FORBIDDEN, S.CAPABILITY_MISSING)
        assert routing.reason.startswith("no model may answer: ")


@settings(max_examples=60)
@given(CASES)
def test_one_is_chosen_or_nobody_is_asked(case: Case) -> None:
    routing = case.decide()
    standings = [each.standing for each in routing.ranking]

    assert standings.count(S.CHOSEN) == (1 if routing.asked else 0)
    assert [ASKED.index(each.standing) for each in routing.asked] == sorted(
        ASKED.index(each.standing) for each in routing.asked
    )
    assert [each in ASKED for each in standings] == sorted((each in ASKED for each in standings), reverse=True)


@settings(max_examples=60)
@given(CASES)
def test_a_restricted_call_is_asked_of_the_local_model_only(case: Case) -> None:
    question = replace(case.question, restricted=True)
    routing = route(question, case.models, case.history, case.caller, case.open_breakers)

    assert {each.model for each in routing.asked} <= {LOCAL}


@settings(max_examples=60)
@given(CASES)
def test_the_decision_is_made_again_from_what_was_recorded_of_it(case: Case) -> None:
    routing = case.decide()
    recorded = msgspec.json.decode(msgspec.json.encode(routed_fields(routing).ranking), type=list[Ranked])

    again = route(case.question, case.models, evidence_of(recorded), case.caller, breakers_of(recorded))

    assert again == routing


@settings(max_examples=60)
@given(CASES)
def test_no_figure_of_the_record_is_a_float_or_too_large_for_its_field(case: Case) -> None:
    for each in routed_fields(case.decide()).ranking:
        ints = [each.score, each.latency_ms, each.attempts, each.failures, *each.scores.values()]
        assert all(type(one) is int and -(2**31) <= one < 2**31 for one in ints)
        assert -1 <= each.cost_usd_micros_max < 2**63
        assert 0 <= each.score <= 1000
        assert all(0 <= one <= 1000 for one in each.scores.values())


@settings(max_examples=60)
@given(CASES)
def test_a_better_model_is_never_ranked_below_a_worse_one_of_the_same_preference(case: Case) -> None:
    models = replace(case.models, policy=[replace(each, prefer=[]) for each in case.models.policy])
    if models.route(case.question.task) is None:
        return
    scores = [each.score for each in case.decide(models).asked if each.standing is not S.LAST_RESORT]

    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("task", "chosen"),
    [("complex_reasoning", GPT.id), ("safety_critical", CLAUDE.id), ("cost_sensitive", LOCAL)],
)
def test_a_task_goes_where_the_policy_says(task: str, chosen: str) -> None:
    routing = routed(task)

    assert routing.chosen is not None
    assert routing.chosen.model == chosen
    assert routing.route == task
    assert not routing.degraded


def test_where_a_task_goes_is_data_and_no_code() -> None:
    models = replace(CATALOGUE, policy=[TaskRoute(task="complex_reasoning", prefer=["claude"])])

    assert _chosen(routed("complex_reasoning", models=models)) == CLAUDE.id


def test_a_task_without_a_route_takes_the_default_one() -> None:
    assert routed("poetry").route == "default"


def test_without_any_route_the_default_model_comes_first_and_then_the_best() -> None:
    models = replace(CATALOGUE, policy=[], default=GPT.id)

    routing = routed(models=models)
    assert [each.model for each in routing.asked] == [GPT.id, CLAUDE.id, LOCAL]
    assert routing.reason == f"the default model, scores {line(routing, GPT.id).score}"


def test_models_of_before_there_was_a_policy_are_asked_as_ever() -> None:
    models = Models(id="m", default=LOCAL, models=[Model(id=LOCAL, provider=LOCAL)])
    routing = routed(models=models)

    assert _chosen(routing) == LOCAL
    assert not routing.degraded


def test_a_preferred_family_comes_first_whatever_the_others_score() -> None:
    routing = routed("complex_reasoning")

    assert line(routing, CLAUDE.id).score > line(routing, GPT.id).score
    assert line(routing, GPT.id).reason == f"preferred as gpt-4, scores {line(routing, GPT.id).score}"
    assert line(routing, CLAUDE.id).reason.startswith("not preferred, scores ")


def test_equals_are_told_apart_by_id() -> None:
    twins = [replace(GPT, id=name) for name in ("b", "a")]

    assert _chosen(routed(models=replace(CATALOGUE, models=[HERE, *twins]))) == "a"


def test_the_local_model_comes_last_where_nobody_prefers_it() -> None:
    assert routed().asked[-1].standing is S.LAST_RESORT
    assert routed().asked[-1].model == LOCAL


def _only(**fields: Any) -> dict[str, Any]:
    return {"constraints": Constraints(**fields)}


BARRED: dict[str, tuple[dict[str, Any], S, str]] = {
    "the cost": (
        _only(cost_usd_micros_max=7_499),
        S.COST_OVER_MAX,
        "may cost 7500 micro-dollars, more than 7499",
    ),
    "the latency": (_only(latency_ms_max=5_999), S.LATENCY_OVER_MAX, "takes 6000 ms, more than 5999"),
    "the region": (_only(regions=["eu"]), S.REGION, "is served from us, not only from eu"),
    "compliance": (_only(compliance=["hipaa", "sox"]), S.COMPLIANCE, "is not certified for sox"),
    "the names": (_only(models=["anthropic/claude"]), S.NOT_NAMED, "the step names anthropic/claude"),
    "the privacy": ({"restricted": True}, S.RESTRICTED_TO_LOCAL, "the call is restricted to the local model"),
    "a capability": ({"needs": ("chat", "images")}, S.CAPABILITY_MISSING, "cannot do images"),
    "the context": (
        {"input_tokens_max": 127_501},
        S.CONTEXT_TOO_SMALL,
        "128001 tokens do not fit into 128000",
    ),
    "the answer": ({"max_tokens": 16_385}, S.CONTEXT_TOO_SMALL, "answers with 16384 tokens, not 16385"),
    "a breaker": ({"open_breakers": frozenset({GPT.id})}, S.BREAKER_OPEN, "its breaker is open"),
    "a role": ({"caller": Caller("acme", ("viewer",))}, S.NOT_ALLOWED, "role viewer may use no model"),
    "the tenant": (
        {"caller": Caller("acme", models=("claude",))},
        S.NOT_ALLOWED,
        "tenant acme has narrowed itself to claude",
    ),
    "the tier": (
        {"models": replace(CATALOGUE, policy=[TaskRoute(task="default", reasoning_min=5)])},
        S.TIER_TOO_LOW,
        "reasoning tier 4, less than 5",
    ),
    "a price that nobody knows": (
        {
            "models": replace(
                CATALOGUE,
                models=[HERE, replace(GPT, input_usd_micros_per_million=0, output_usd_micros_per_million=0)],
            )
        },
        S.NO_PRICE,
        "no price of it is known",
    ),
}


@pytest.mark.parametrize("name", BARRED)
def test_a_model_is_passed_over_with_its_reason_for(name: str) -> None:
    asked, standing, reason = BARRED[name]
    found = line(routed(**asked), GPT.id)

    assert (found.standing, found.reason) == (standing, reason)


@pytest.mark.parametrize(
    "asked",
    [
        _only(cost_usd_micros_max=7_500),
        _only(latency_ms_max=6_000),
        _only(regions=["us", "eu"]),
        _only(compliance=["hipaa"]),
        {"input_tokens_max": 127_500},
        {"max_tokens": 16_384},
    ],
)
def test_what_just_meets_a_limit_is_within_it(asked: dict[str, Any]) -> None:
    assert line(routed(**asked), GPT.id).standing in ASKED


def test_what_is_not_said_of_a_model_is_not_so() -> None:
    models = replace(CATALOGUE, models=[HERE, replace(GPT, regions=[], latency_ms=0)])

    assert line(routed(models=models, **_only(regions=["us"])), GPT.id).standing is S.REGION
    assert line(routed(models=models, **_only(latency_ms_max=9_999)), GPT.id).standing is S.LATENCY_OVER_MAX


def test_nobody_within_the_limits_leaves_the_local_model_which_is_marked() -> None:
    routing = routed("complex_reasoning", **_only(cost_usd_micros_max=0))

    assert _chosen(routing) == LOCAL
    assert routing.degraded
    assert routing.reason == "last resort: no other model fits"


def test_a_step_may_forbid_the_last_resort() -> None:
    routing = routed("complex_reasoning", **_only(cost_usd_micros_max=0, last_resort=False))

    assert routing.chosen is None
    assert line(routing, LOCAL).standing is S.FORBIDDEN
    assert routed_fields(routing).model == ""


def test_the_last_resort_embeds_nothing() -> None:
    assert line(routed(needs=("embeddings",)), LOCAL).standing is S.CAPABILITY_MISSING


def test_a_model_that_fails_falls_behind() -> None:
    models = replace(CATALOGUE, models=[HERE, GPT, replace(GPT, id="openai/other")])
    failing = {GPT.id: Evidence(attempts=100, failures=60)}

    assert _chosen(routed(models=models)) == GPT.id
    assert _chosen(routed(models=models, history=failing)) == "openai/other"


def test_the_history_knows_better_than_the_definition_once_there_are_enough_answers() -> None:
    few, enough = Evidence(4, 0, 100, 200), Evidence(5, 0, 100, 200)

    assert line(routed(history={GPT.id: few}), GPT.id).latency_ms == 6_000
    assert line(routed(history={GPT.id: enough}), GPT.id).latency_ms == 200


def test_prices_come_from_whoever_knows_them() -> None:
    question = Question(input_tokens_max=1_000_000, max_tokens=1)
    routing = route(question, CATALOGUE, {}, Caller("acme"), (), lambda model: Price(7, 1))

    assert line(routing, CLAUDE.id).standing is S.CONTEXT_TOO_SMALL
    assert {each.cost_usd_micros_max for each in routing.ranking} == {8}  # 7 and a millionth, rounded up


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**9), st.integers(0, 10**9))
def test_no_count_within_the_bounds_costs_more_than_the_upper_bound(
    given_: int, taken: int, more: int, most: int
) -> None:
    price = Price(more, most)

    assert price.upper_bound(given_ // 2, taken // 3) <= price.upper_bound(given_, taken)


def test_a_free_model_costs_nothing_and_one_without_a_price_is_not_free() -> None:
    unpriced = Model(id="x", provider="x")

    assert listed(unpriced) is None
    assert listed(replace(unpriced, free=True)) == Price(0, 0)
    assert listed(HERE) == Price(0, 0)


def test_the_record_says_what_was_asked() -> None:
    asked = Constraints(cost_usd_micros_max=9_000, regions=["us", "eu"], last_resort=False)
    caller = Caller("acme", ("analyst",))
    said = routed_fields(routed("complex_reasoning", constraints=asked, needs=("chat", "json"), caller=caller))

    assert (said.task, said.route, said.model, said.provider) == ("complex_reasoning",) * 2 + (GPT.id, "openai")
    assert {each.name: each.value for each in said.constraints} == {
        "cost_usd_micros_max": "9000",
        "regions": "eu,us",
        "last_resort": "false",
        "needs": "chat,json",
        "roles": "analyst",
    }


@pytest.mark.parametrize(("task", "family"), [("complex_reasoning", "gpt-4"), ("safety_critical", "claude")])
@pytest.mark.parametrize("name", ["hosted-models.yaml", "models.yaml"])
def test_the_shipped_policies_send_a_task_to_its_family_as_far_as_there_is_one(
    task: str, family: str, name: str
) -> None:
    models = _shipped(name)
    routing = routed(task, models=models)

    families = {models.model(each.model).family for each in routing.ranking}
    assert models.model(_chosen(routing)).family == (family if family in families else LOCAL)
    assert routing.degraded == (family not in families)


@pytest.mark.parametrize("name", ["hosted-models.yaml", "models.yaml"])
def test_the_shipped_policies_keep_what_must_cost_nothing_here(name: str) -> None:
    routing = routed("cost_sensitive", models=_shipped(name))

    assert _chosen(routing) == LOCAL
    assert not routing.degraded


@pytest.mark.parametrize("name", ["hosted-models.yaml", "models.yaml"])
def test_the_shipped_policies_let_viewers_ask_nobody(name: str) -> None:
    assert routed(models=_shipped(name), caller=Caller("acme", ("viewer",))).chosen is None


def _shipped(name: str) -> Models:
    found = parse("models", canonical(yaml.safe_load(files("examples").joinpath(name).read_text())))
    assert isinstance(found, Models)
    return found


def _chosen(routing: Routing) -> str:
    assert routing.chosen is not None
    return routing.chosen.model


def _within(model: Model, case: Case) -> bool:
    """Whether the model is within every limit, said once more in other words."""
    asked, question = case.question.constraints, case.question
    policy = case.models.route(question.task) or TaskRoute(task="")
    evidence = case.history.get(model.id, NOTHING)
    latency = evidence.latency_ms_p95 if evidence.attempts - evidence.failures >= 5 else model.latency_ms
    cost = (
        question.input_tokens_max * model.input_usd_micros_per_million
        + question.max_tokens * model.output_usd_micros_per_million
    ) / 1_000_000
    here = model.id == LOCAL
    priced = model.input_usd_micros_per_million or model.output_usd_micros_per_million
    return all(
        (
            allowed(model, case.models, case.caller),
            here or not question.restricted,
            not asked.models or model.id in asked.models,
            {*question.needs, *policy.needs} <= {*model.capabilities},
            model.safety >= policy.safety_min,
            model.reasoning >= policy.reasoning_min,
            not model.context_tokens or question.input_tokens_max + question.max_tokens <= model.context_tokens,
            not model.output_tokens_max or question.max_tokens <= model.output_tokens_max,
            here or not asked.regions or (model.regions and {*model.regions} <= {*asked.regions}),
            here or {*asked.compliance} <= {*model.compliance},
            here or model.free or priced,
            here or model.free or asked.cost_usd_micros_max is None or cost <= asked.cost_usd_micros_max,
            asked.latency_ms_max is None or 0 < latency <= asked.latency_ms_max,
            here or model.id not in case.open_breakers,
        )
    )


def test_weights_decide_between_models_that_nobody_prefers() -> None:
    def best(**weights: int) -> str:
        said = Weights(**({"quality": 0, "safety": 0, "cost": 0, "latency": 0, "reliability": 0} | weights))
        return _chosen(routed(models=replace(CATALOGUE, policy=[TaskRoute(task="default", weights=said)])))

    assert best(quality=1) == CLAUDE.id
    assert best(cost=1) == GPT.id
    assert best(latency=1) == GPT.id


def test_a_grant_opens_what_it_names_and_the_local_model() -> None:
    models = replace(CATALOGUE, access=[Grant(role="analyst", models=["claude"])])
    routing = routed(models=models, caller=Caller("acme", ("analyst",)))

    assert [each.model for each in routing.asked] == [CLAUDE.id, LOCAL]
    assert line(routing, GPT.id).reason == "role analyst may not use it"
