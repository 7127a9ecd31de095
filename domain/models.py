"""The models there are: what each can do and costs, which task goes to whom, and who may use which."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from domain.identity import Role
from schemas.errors import Rejected

MODELS_MAX = 200
NAMES_MAX = 100
LOCAL = "local"
"""The id of the model that runs here: nothing leaves the platform."""
PROGRAM = "program"
"""The role of who is no person: an API key, or an event that starts a run."""
ROLES = frozenset({*Role, PROGRAM})
VECTORS = "local-hash"
"""Whose vectors find questions again where nothing else is said: they are made here."""
EVERY = "*"
"""Stands for every model where models are named."""
DEFAULT = "default"
"""The route of calls whose task has none of its own."""


class UnknownModel(Rejected):
    """The models have none of this id."""


Capability = Literal["chat", "embeddings", "tools", "json", "images", "streaming"]
Tier = Annotated[int, Meta(ge=0, le=5)]
"""0: nothing is known of it; 5: the best there is."""
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Micros = Annotated[int, Meta(ge=0, le=10**12)]
Weight = Annotated[int, Meta(ge=0, le=100)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[list[Word], Meta(max_length=NAMES_MAX)]
Task = Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,62})?\Z")]
"""Small letters, digits, hyphens and underscores; at most 63."""


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """A model that can be asked, its price in micro-dollars for a million tokens, and what is known of it."""

    id: str
    provider: str
    input_usd_micros_per_million: Micros = 0
    output_usd_micros_per_million: Micros = 0
    free: bool = False
    """Asked for nothing, as on a server of one's own; without it, two prices of 0 mean that none is known."""
    family: Annotated[str, Meta(max_length=200)] = ""
    """What it is one of, such as `gpt-4` or `claude`: policies and grants name families or ids."""
    capabilities: list[Capability] = field(default_factory=lambda: ["chat"])
    safety: Tier = 0
    reasoning: Tier = 0
    context_tokens: Count = 0
    """Question and answer together; 0: not known, and not checked."""
    output_tokens_max: Count = 0
    """Of one answer; 0: not known, and not checked."""
    regions: Words = []
    """Everywhere it may be served from."""
    compliance: Words = []
    """What it is certified for, such as `hipaa`, `gdpr`, `sox`."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server; null: where its provider is."""
    latency_ms: Count = 0
    """Within which 95 of 100 answers are expected, until the history knows better; 0: not known."""


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """How much each criterion counts; only their ratios matter."""

    quality: Weight = 1
    safety: Weight = 1
    cost: Weight = 1
    latency: Weight = 1
    reliability: Weight = 1

    @property
    def total(self) -> int:
        """The sum of all."""
        return self.quality + self.safety + self.cost + self.latency + self.reliability


class TaskRoute(Struct, frozen=True, forbid_unknown_fields=True):
    """Where calls of one type of task go; `default` is the route of all others."""

    task: Task
    safety_min: Tier = 0
    reasoning_min: Tier = 0
    needs: list[Capability] = []
    prefer: Words = []
    """Families or ids, the most wanted first: they come before all others that fit, whatever these score."""
    weights: Weights = Weights()


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """Which models a role, or a tenant, may use: ids, families, or `*`."""

    models: Words
    role: str = ""
    tenant: str = ""


class Constraints(Struct, frozen=True, forbid_unknown_fields=True):
    """What one step asks of whoever answers it; what is left out is not asked."""

    cost_usd_micros_max: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    """Of one attempt, by its upper bound."""
    latency_ms_max: Count | None = None
    regions: Words = []
    """It is served from nowhere else."""
    compliance: Words = []
    """It is certified for all of these."""
    models: Words = []
    """Ids; nobody else is asked, but for the last resort."""
    last_resort: bool = True
    """False: rather no answer than one of the local model in place of another."""


class Cache(Struct, frozen=True, forbid_unknown_fields=True):
    """Which answers are given again in place of asking a model; none unless it says so."""

    exact: bool = False
    """To the same question."""
    similarity_thousandths_min: Annotated[int, Meta(ge=800, le=1000)] | None = None
    """To one that is nearly the same: the cosine from which on it is, in thousandths; null: to none."""
    age_s_max: Annotated[int, Meta(ge=1, le=604_800)] = 86_400
    """Of an answer that is given again; at most a week."""
    vectors: Word = VECTORS
    """Whose vectors say what is nearly the same: made here, or by one of the models that is free."""


class Models(Struct, frozen=True, forbid_unknown_fields=True):
    """The models there are; `local` is always one of them."""

    id: str
    default: str
    models: list[Model]
    policy: list[TaskRoute] = []
    access: list[Grant] = []
    """By role: without any, every role but `viewer` may use all. By tenant: without one, it may use all."""
    cache: Cache = Cache()

    def model(self, name: str) -> Model:
        """Returns the model of this id; raises UnknownModel when there is none."""
        for each in self.models:
            if each.id == name:
                return each
        raise UnknownModel(f"models {self.id} has no model {name}")

    def route(self, task: str) -> TaskRoute | None:
        """Returns the route of this task, else the default one; None when neither is written down."""
        routes = {each.task: each for each in self.policy}
        return routes.get(task) or routes.get(DEFAULT)


def named(model: Model, names: Iterable[str]) -> bool:
    """Returns whether one of the names is the model's id or family, or `*`."""
    return any(name in (EVERY, model.id) or (name == model.family and name != "") for name in names)


def wrong(models: Models) -> str:
    """Returns what is wrong with the models in one line that names it, empty when they are good."""
    return next(_faults(models), "")


def _faults(models: Models) -> Iterator[str]:
    where = f"models {models.id}"
    if len(models.models) > MODELS_MAX:
        yield f"{where}: {len(models.models)} models, more than {MODELS_MAX}"
    ids = [each.id for each in models.models]
    for needed in (models.default, LOCAL):
        if needed not in ids:
            yield f"{where} has no model {needed}"
    for name in _twice(ids):
        yield f"{where}: model {name} stands twice"
    for fault in (*_model_faults(models), *_vector_faults(models), *_policy_faults(models), *_access_faults(models)):
        yield f"{where}: {fault}"


def _model_faults(models: Models) -> Iterator[str]:
    for model in models.models:
        if model.endpoint is not None and (fault := _endpoint_fault(model.endpoint)):
            yield f"model {model.id}: endpoint {fault}"
        if model.id == LOCAL and model.endpoint is not None:
            yield f"model {LOCAL} runs here: it has no endpoint"


def _vector_faults(models: Models) -> Iterator[str]:
    name = models.cache.vectors
    model = next((each for each in models.models if each.id == name), None)
    if name == VECTORS:
        return
    if model is None or "embeddings" not in model.capabilities:
        yield f"cache: vectors: no model {name} has the capability embeddings"
    elif not model.free:
        yield f"cache: vectors: model {name} is not free: nothing is held on the budgets for vectors"


def _policy_faults(models: Models) -> Iterator[str]:
    for name in _twice(each.task for each in models.policy):
        yield f"policy: task {name} has two routes"
    for route in models.policy:
        if not route.task:
            yield f"policy: a route names no task (say {DEFAULT})"
        if not route.weights.total:
            yield f"policy: task {route.task}: all weights are 0"


def _access_faults(models: Models) -> Iterator[str]:
    for grant in models.access:
        if bool(grant.role) == bool(grant.tenant):
            yield "access: a grant names either a role or a tenant"
        if grant.role and grant.role not in ROLES:
            yield f"access: no role is called {grant.role}"


def _twice(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def _endpoint_fault(address: str) -> str:
    """Returns what is wrong with a base URL; what it says is not repeated, as somebody may have put a key into it."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "is no http or https URL"
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        return "has characters that no URL has"
    if "@" in parts.netloc:
        return "holds credentials, which belong into the environment"
    if parts.query or parts.fragment or address.endswith(("?", "#")):
        return "has a query or a fragment: say the base URL alone"
    return ""
