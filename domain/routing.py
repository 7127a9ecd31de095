"""Decides which model answers a call: every model is scored, and each that is passed over is told why."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from domain.model_access import Caller, refusal
from domain.model_history import NOTHING, Evidence
from domain.models import LOCAL, Model, Models, TaskRoute, Weights, named
from domain.ranking import FREE, Price, Priced, Question, Routing
from schemas.events import Ranked, Standing

ANSWERS_MIN = 5
"""From so many answers on, the history says how fast a model is; before, its definition does."""
HALF_USD_MICROS = 10_000
"""A call that costs so much scores half of the points for cost."""
HALF_MS = 2_000
"""An answer that takes so long scores half of the points for latency."""
PRIOR = 20
"""Attempts, one of them failed, that are reckoned beside those remembered: one failure alone condemns nobody."""

Prices = Callable[[Model], Priced | None]
Passed = tuple[Standing, str]
"""Why a model is passed over."""


def listed(model: Model) -> Price | None:
    """Returns the price that the definition says, None when it says none; local and free models cost nothing."""
    if model.id == LOCAL or model.free:
        return FREE
    price = Price(model.input_usd_micros_per_million, model.output_usd_micros_per_million)
    return price if price != FREE else None


def route(
    question: Question,
    models: Models,
    history: Mapping[str, Evidence],
    caller: Caller,
    open_breakers: Collection[str],
    prices: Prices = listed,
) -> Routing:
    """Returns who answers: of the models within all limits the most preferred, of these the one that scores most.

    There is always a decision, and it follows from these arguments alone: the order of the models changes nothing, and
    equals are told apart by id. Whether a model is within the limits, and what it scores, depends on no other model.
    The local model competes where it is preferred, named, the default, or the only one allowed. Elsewhere it is the
    last resort: it answers when no other does, whatever limit it breaks, unless the caller may use no model, an
    embedding or an answer by a schema is needed, or the step forbids it (`last_resort: false`).
    """
    written = models.route(question.task)
    policy = written or TaskRoute(task="")
    fits: list[tuple[int, _Weighed]] = []
    last: list[_Weighed] = []
    over: list[Ranked] = []
    for model in sorted(models.models, key=lambda each: each.id):
        weighed = _Weighed(model, question, policy.weights, history.get(model.id, NOTHING), prices(model))
        passed = next(_limits(weighed, question, policy, models, caller, open_breakers), None)
        if model.id == LOCAL and (passed is not None or not _competes(model, question, written, models)):
            passed = next(_forbidden(model, question, policy, models, caller), None)
            if passed is None:
                last.append(weighed)
                continue
        if passed is not None:
            over.append(weighed.ranked(*passed))
        else:
            fits.append((_place(model, written, models), weighed))
    fits.sort(key=lambda each: (each[0], -each[1].score))  # equals stay in the order of their ids
    return Routing(
        question=question,
        caller=caller,
        route=written.task if written is not None else "",
        degraded=not fits and bool(last),
        ranking=[*_asked(fits, written), *(each.ranked(*_resort(bool(fits))) for each in last), *over],
    )


class _Weighed:
    """A model with what it scores for this question."""

    def __init__(
        self, model: Model, question: Question, weights: Weights, evidence: Evidence, price: Priced | None
    ) -> None:
        self.model = model
        self.evidence = evidence
        self.cost = price.upper_bound(question.input_tokens_max, question.max_tokens) if price is not None else None
        known = evidence.attempts - evidence.failures >= ANSWERS_MIN
        self.latency_ms = evidence.latency_ms_p95 if known else model.latency_ms
        self.scores = {
            "quality": 200 * model.reasoning,
            "safety": 200 * model.safety,
            "cost": 1000 * HALF_USD_MICROS // (HALF_USD_MICROS + self.cost) if self.cost is not None else 0,
            "latency": 1000 * HALF_MS // (HALF_MS + self.latency_ms) if self.latency_ms else 500,
            "reliability": 1000 * (PRIOR - 1 + evidence.attempts - evidence.failures) // (PRIOR + evidence.attempts),
        }
        weighted = sum(score * getattr(weights, criterion) for criterion, score in self.scores.items())
        self.score = weighted // max(1, weights.total)

    def ranked(self, standing: Standing, reason: str) -> Ranked:
        """Returns the model's line of the ranking."""
        return Ranked(
            model=self.model.id,
            provider=self.model.provider,
            standing=standing,
            reason=reason,
            score=self.score,
            scores=self.scores,
            cost_usd_micros_max=self.cost if self.cost is not None else -1,
            latency_ms=self.latency_ms,
            **msgspec.structs.asdict(self.evidence),
        )


def _limits(
    weighed: _Weighed,
    question: Question,
    policy: TaskRoute,
    models: Models,
    caller: Caller,
    open_breakers: Collection[str],
) -> Iterator[Passed]:
    """Yields the limits that the model breaks; what is asked outside comes last, so that a record shows it all."""
    model, asked = weighed.model, question.constraints
    if refused := refusal(model, models, caller):
        yield Standing.NOT_ALLOWED, refused
    if question.restricted and model.id != LOCAL:
        yield Standing.RESTRICTED_TO_LOCAL, "the call is restricted to the local model"
    if asked.models and model.id not in asked.models:
        yield Standing.NOT_NAMED, f"the step names {', '.join(sorted(asked.models))}"
    yield from _abilities(model, question, policy)
    if model.id != LOCAL:
        yield from _places(model, question)
    if weighed.cost is None:
        yield Standing.NO_PRICE, "no price of it is known"
    elif asked.cost_usd_micros_max is not None and weighed.cost > asked.cost_usd_micros_max:
        figures = f"may cost {weighed.cost} micro-dollars, more than {asked.cost_usd_micros_max}"
        yield Standing.COST_OVER_MAX, figures
    if asked.latency_ms_max is not None and not 0 < weighed.latency_ms <= asked.latency_ms_max:
        said = f"takes {weighed.latency_ms} ms, more than" if weighed.latency_ms else "its latency is not known to be"
        yield Standing.LATENCY_OVER_MAX, f"{said} {asked.latency_ms_max}{'' if weighed.latency_ms else ' ms at most'}"
    if model.id in open_breakers and model.id != LOCAL:
        yield Standing.BREAKER_OPEN, "its breaker is open"


def _abilities(model: Model, question: Question, policy: TaskRoute) -> Iterator[Passed]:
    if missing := sorted({*question.needs, *policy.needs} - set(model.capabilities)):
        yield Standing.CAPABILITY_MISSING, f"cannot do {', '.join(missing)}"
    for tier, found, least in (
        ("safety", model.safety, policy.safety_min),
        ("reasoning", model.reasoning, policy.reasoning_min),
    ):
        if found < least:
            yield Standing.TIER_TOO_LOW, f"{tier} tier {found}, less than {least}"
    tokens = question.input_tokens_max + question.max_tokens
    if 0 < model.context_tokens < tokens:
        yield Standing.CONTEXT_TOO_SMALL, f"{tokens} tokens do not fit into {model.context_tokens}"
    if 0 < model.output_tokens_max < question.max_tokens:
        yield Standing.CONTEXT_TOO_SMALL, f"answers with {model.output_tokens_max} tokens, not {question.max_tokens}"


def _places(model: Model, question: Question) -> Iterator[Passed]:
    """Yields what speaks against sending the question there; what is not said of a model is not so."""
    asked = question.constraints
    if asked.regions and (not model.regions or set(model.regions) - set(asked.regions)):
        there = ", ".join(sorted(model.regions)) or "nobody knows where"
        yield Standing.REGION, f"is served from {there}, not only from {', '.join(sorted(asked.regions))}"
    if missing := sorted(set(asked.compliance) - set(model.compliance)):
        yield Standing.COMPLIANCE, f"is not certified for {', '.join(missing)}"


def _forbidden(model: Model, question: Question, policy: TaskRoute, models: Models, caller: Caller) -> Iterator[Passed]:
    """Yields why the local model is no last resort."""
    if refused := refusal(model, models, caller):
        yield Standing.NOT_ALLOWED, refused
    if "embeddings" in {*question.needs, *policy.needs}:
        yield Standing.CAPABILITY_MISSING, "cannot do embeddings: the last resort answers in words"
    if "json" in question.needs and "json" not in model.capabilities:
        yield Standing.CAPABILITY_MISSING, "cannot do json: the last resort answers in sentences of the question"
    if not question.constraints.last_resort:
        yield Standing.FORBIDDEN, "the step takes no last resort"


def _competes(local: Model, question: Question, written: TaskRoute | None, models: Models) -> bool:
    wanted = named(local, written.prefer) if written is not None else models.default == LOCAL
    return wanted or question.restricted or LOCAL in question.constraints.models


def _place(model: Model, written: TaskRoute | None, models: Models) -> int:
    """Returns the model's place among those preferred; without a route, the default one is."""
    if written is None:
        return 0 if model.id == models.default else 1
    return next((place for place, name in enumerate(written.prefer) if named(model, [name])), len(written.prefer))


def _asked(fits: Sequence[tuple[int, _Weighed]], written: TaskRoute | None) -> Iterator[Ranked]:
    for number, (place, each) in enumerate(fits):
        reason = f"{_preferred(place, written)}scores {each.score}"
        if not number:
            yield each.ranked(Standing.CHOSEN, reason)
        else:
            first = fits[0][1]
            yield each.ranked(Standing.RANKED_LOWER, f"{reason}; {first.model.id} scores {first.score}")


def _preferred(place: int, written: TaskRoute | None) -> str:
    if written is None:
        return "not the default model, " if place else "the default model, "
    if not written.prefer:
        return ""
    return f"preferred as {written.prefer[place]}, " if place < len(written.prefer) else "not preferred, "


def _resort(others: bool) -> Passed:
    if others:
        return Standing.LAST_RESORT, "answers, degraded, when no other model does"
    return Standing.CHOSEN, "last resort: no other model fits"
