"""Models and questions for the tests of routing: any that hypothesis can think of, and one set to tell stories with."""

from typing import Any, TypeVar

from hypothesis import strategies as st

from domain.model_access import Caller
from domain.model_history import Evidence
from domain.models import LOCAL, PROGRAM, ROLES, Constraints, Grant, Model, Models, TaskRoute, Weights
from domain.ranking import Question, Ranked, Routing
from domain.routing import route

FAMILIES = ("", "gpt-4", "claude", "local")
CAPABILITIES = ("chat", "embeddings", "tools", "json", "images", "streaming")
REGIONS = ("eu", "us")
COMPLIANCE = ("gdpr", "hipaa")
TASKS = ("", "default", "hard", "cheap")
T = TypeVar("T")
TIERS = st.integers(0, 5)
IDS = ("a", "b", "c", "d", "e")


def some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[list[str]]:
    """Returns lists of some of the values."""
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


def mostly(usual: T, others: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Returns the usual value three times in four, so that what comes after it is tried too."""
    return st.integers(0, 3).flatmap(lambda number: others if number == 3 else st.just(usual))


CAPABLE = st.lists(st.sampled_from(CAPABILITIES), max_size=4, unique=True).map(lambda each: ["chat", *each])
MODEL: dict[str, st.SearchStrategy[Any]] = {
    "input_usd_micros_per_million": st.sampled_from((150_000, 0, 3_000_000)),
    "output_usd_micros_per_million": st.sampled_from((0, 600_000, 15_000_000)),
    "free": st.booleans(),
    "family": st.sampled_from(FAMILIES),
    "capabilities": CAPABLE,
    "safety": TIERS,
    "reasoning": TIERS,
    "context_tokens": st.sampled_from((0, 1_000, 100_000)),
    "output_tokens_max": st.sampled_from((0, 100, 10_000)),
    "regions": some(REGIONS),
    "compliance": some(COMPLIANCE),
    "latency_ms": st.sampled_from((0, 500, 5_000)),
}
WEIGHTS = st.builds(Weights, *[st.integers(0, 5)] * 5).filter(lambda each: each.total > 0)
ROUTES = st.builds(
    TaskRoute,
    task=st.sampled_from(TASKS[1:]),
    safety_min=st.integers(0, 2),
    reasoning_min=st.integers(0, 2),
    needs=st.sampled_from(([], ["json"])),
    prefer=some((*FAMILIES[1:], *IDS)),
    weights=WEIGHTS,
)
NAMES = some(("*", *FAMILIES[1:], *IDS), 3)
GRANTS = st.one_of(
    st.builds(Grant, role=st.sampled_from(sorted(ROLES)), models=NAMES),
    st.builds(Grant, tenant=st.sampled_from(("acme", "globex")), models=NAMES),
)


@st.composite
def catalogues(draw: st.DrawFn) -> Models:
    """Returns sound models: `local` and up to five others."""
    ids = [LOCAL, *draw(st.lists(st.sampled_from(IDS), max_size=5, unique=True))]
    models = [Model(id=each, provider=f"at-{each}", **draw(st.fixed_dictionaries(MODEL))) for each in ids]
    policy = draw(st.lists(ROUTES, max_size=3, unique_by=lambda each: each.task))
    access = draw(mostly([], st.lists(GRANTS, max_size=4)))
    return Models(id="m", default=draw(st.sampled_from(ids)), models=models, policy=policy, access=access)


CONSTRAINTS = st.builds(
    Constraints,
    cost_usd_micros_max=mostly(None, st.sampled_from((0, 1_000, 100_000))),
    latency_ms_max=mostly(None, st.sampled_from((400, 5_000))),
    regions=mostly([], some(REGIONS)),
    compliance=mostly([], some(COMPLIANCE)),
    models=mostly([], some((LOCAL, *IDS))),
    last_resort=st.booleans(),
)
QUESTIONS = st.builds(
    Question,
    task=st.sampled_from((*TASKS, "nobody-wrote-a-route")),
    input_tokens_max=mostly(50, st.sampled_from((0, 2_000, 2**31 - 1))),
    max_tokens=mostly(64, st.sampled_from((1, 256, 32_768))),
    needs=mostly(("chat",), st.sampled_from((("chat", "json"), ("embeddings",)))),
    restricted=mostly(False, st.just(True)),
    constraints=CONSTRAINTS,
)
CALLERS = st.builds(
    Caller,
    tenant_id=st.sampled_from(("acme", "globex", "initech")),
    roles=mostly((PROGRAM,), some((*sorted(ROLES), "nobody-knows"), 2).map(tuple)),
    models=mostly((), some((*FAMILIES[1:], *IDS)).map(tuple)),
)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Evidence]:
    """Returns what is known of some models."""
    found = {}
    for each in draw(some((LOCAL, *IDS), 4)):
        failures, answered = draw(st.integers(0, 50)), draw(st.integers(0, 50))
        fast = draw(st.integers(0, 3_000))
        found[each] = Evidence(failures + answered, failures, fast, fast + draw(st.integers(0, 3_000)))
    return found


BREAKERS = mostly(frozenset[str](), st.frozensets(st.sampled_from((LOCAL, *IDS)), max_size=2))

ACME = Caller("acme")
GPT = Model(
    id="openai/gpt-4o",
    provider="openai",
    family="gpt-4",
    input_usd_micros_per_million=2_500_000,
    output_usd_micros_per_million=10_000_000,
    capabilities=["chat", "json", "tools"],
    safety=3,
    reasoning=4,
    context_tokens=128_000,
    output_tokens_max=16_384,
    regions=["us"],
    compliance=["hipaa"],
    latency_ms=6_000,
)
CLAUDE = Model(
    id="anthropic/claude",
    provider="anthropic",
    family="claude",
    input_usd_micros_per_million=3_000_000,
    output_usd_micros_per_million=15_000_000,
    capabilities=["chat", "json"],
    safety=5,
    reasoning=5,
    context_tokens=200_000,
    output_tokens_max=64_000,
    regions=["eu"],
    compliance=["gdpr"],
    latency_ms=8_000,
)
HERE = Model(id=LOCAL, provider=LOCAL, family=LOCAL, safety=5, latency_ms=50)
POLICY = [
    TaskRoute(task="complex_reasoning", prefer=["gpt-4"], reasoning_min=4),
    TaskRoute(task="safety_critical", prefer=["claude"]),
    TaskRoute(task="cost_sensitive", prefer=[LOCAL]),
    TaskRoute(task="default", weights=Weights(quality=2, safety=2)),
]
CATALOGUE = Models(id="m", default=LOCAL, models=[HERE, GPT, CLAUDE], policy=POLICY)


def routed(
    task: str = "",
    *,
    models: Models = CATALOGUE,
    caller: Caller = ACME,
    history: dict[str, Evidence] | None = None,
    open_breakers: frozenset[str] = frozenset(),
    **asked: Any,
) -> Routing:
    """Returns the decision on a call of 1,000 tokens in and 500 out."""
    question = Question(**({"task": task, "input_tokens_max": 1_000, "max_tokens": 500} | asked))
    return route(question, models, history or {}, caller, open_breakers)


def line(routing: Routing, model: str) -> Ranked:
    """Returns the model's line of the ranking."""
    return next(each for each in routing.ranking if each.model == model)
