"""Where money could be saved, as far as the log has evidence: a cheaper model, a cache, shorter answers."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, field

from domain.observations import Observed
from domain.prices import Price, Usage, cost, hold

RUNS_MAX = 10
"""Run ids given as evidence."""
MEDIUM, HIGH = 20, 100
"""Answers from which on the confidence is no longer low, and is high."""
ROUNDED_TO = 16
"""max_tokens are proposed in multiples of this."""


class Kind(StrEnum):
    CHEAPER_MODEL = "cheaper_model"
    EXACT_CACHING = "exact_caching"
    SHORTER_MAX_TOKENS = "shorter_max_tokens"


class Confidence(StrEnum):
    """How many answers it rests on."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Recommendation(Struct, frozen=True, kw_only=True):
    """What could be done for one operation of one tenant; with confidence `none`, what nobody can say."""

    kind: Kind
    tenant_id: str
    workflow: str
    step: str
    task: str
    model: str
    """That answered the calls; empty for all."""
    instead: str = ""
    """The cheaper model, or the shorter max_tokens; empty for a cache."""
    calls: int
    """Calls it is about."""
    saving_usd_micros: int = 0
    """What these calls would have cost less."""
    freed_usd_micros: int = 0
    """What their holds would have been less, which is no money, but room in the budgets."""
    answers: int = 0
    """The evidence: answers looked at."""
    met: int = 0
    """Of these, how many met the bar."""
    confidence: Confidence
    run_ids: list[str] = field(default_factory=list)
    """Of the calls; at most RUNS_MAX."""
    evidence_run_ids: list[str] = field(default_factory=list)
    """Of the cheaper model's answers; at most RUNS_MAX."""
    text: str


Prices = Callable[[Observed, str], Price | None]
"""What a model costs for the tenant at the moment of a call; None when nobody says."""
Others = Callable[[Observed], Sequence[str]]
"""The models that the call could have been given to."""


def recommend(observed: Iterable[Observed], prices: Prices, others: Others) -> list[Recommendation]:
    """Returns what could be saved, the most first; what there is no evidence for comes last."""
    calls = list(observed)
    found = [*_cheaper(calls, prices, others), *_cached(calls), *_shorter(calls, prices)]
    return sorted(found, key=lambda each: (-each.saving_usd_micros, -each.freed_usd_micros, each.kind, each.text))


def confidence(answers: int) -> Confidence:
    """Returns the confidence that so many answers give."""
    if not answers:
        return Confidence.NONE
    return Confidence.LOW if answers < MEDIUM else Confidence.MEDIUM if answers < HIGH else Confidence.HIGH


def _cheaper(calls: Sequence[Observed], prices: Prices, others: Others) -> Iterable[Recommendation]:
    """A model is proposed when it is cheaper for these calls and its own answers met the bar at least as often."""
    for answers in _grouped(calls, lambda each: each.operation):
        by_model = {each[0].model: each for each in _grouped(answers, lambda each: each.model)}
        for model, asked in by_model.items():
            if not sum(each.cost_usd_micros for each in asked):
                continue
            names = sorted({name for each in asked for name in others(each)} | set(by_model) - {model})
            saved = {name: saving for name in names if (saving := _saving(asked, name, prices)) > 0}
            untried = [name for name in saved if name not in by_model]
            good = [name for name in saved if name in by_model and _as_good(by_model[name], asked)]
            if good:
                best = max(good, key=lambda name: (_expected(saved[name], by_model[name]), name))
                yield _change(asked, by_model[best], _expected(saved[best], by_model[best]))
            elif untried:
                text = (
                    f"no evidence: {', '.join(untried)} would cost less than {model}, but answered none of these calls"
                )
                yield _about(asked, Kind.CHEAPER_MODEL, text, instead=untried[0], confidence=Confidence.NONE)


def _change(asked: Sequence[Observed], answers: Sequence[Observed], saving: int) -> Recommendation:
    met = sum(each.met for each in answers)
    text = f"{answers[0].model} in place of {asked[0].model}: {met} of its {len(answers)} answers met the bar"
    return _about(
        asked,
        Kind.CHEAPER_MODEL,
        text,
        instead=answers[0].model,
        saving=saving,
        evidence=answers,
        confidence=confidence(len(answers)),
    )


def _saving(asked: Sequence[Observed], model: str, prices: Prices) -> int:
    """Returns what the calls would have cost less at another model with as many tokens; 0 when it has no price."""
    total = 0
    for each in asked:
        price = prices(each, model)
        if price is None:
            return 0
        total += each.cost_usd_micros - cost(price, Usage(each.input_tokens, each.output_tokens))
    return total


def _expected(saving: int, answers: Sequence[Observed]) -> int:
    """Only as many calls save something as the model's own answers met the bar."""
    return saving * sum(each.met for each in answers) // len(answers)


def _as_good(answers: Sequence[Observed], asked: Sequence[Observed]) -> bool:
    met, bar = sum(each.met for each in answers), sum(each.met for each in asked)
    return met > 0 and met * len(asked) >= bar * len(answers)


def _cached(calls: Sequence[Observed]) -> Iterable[Recommendation]:
    """Of the same question asked again, every answer but the first would have come from an exact cache."""
    again: list[Observed] = []
    for same in _grouped([each for each in calls if not each.degraded], lambda each: (each.tenant_id, each.asked)):
        again += sorted(same, key=lambda each: (each.occurred_at, each.call_id))[1:]
    for repeats in _grouped(again, lambda each: each.operation):
        if saving := sum(each.cost_usd_micros for each in repeats):
            text = f"an exact cache: {len(repeats)} calls asked what had been answered before"
            found = confidence(len(repeats))
            yield _about(repeats, Kind.EXACT_CACHING, text, model="", saving=saving, confidence=found)


def _shorter(calls: Sequence[Observed], prices: Prices) -> Iterable[Recommendation]:
    """A quarter more than the longest answer is proposed, unless one was as long as allowed."""
    paid = [each for each in calls if each.cost_usd_micros and not each.degraded]
    for asked in _grouped(paid, lambda each: (each.operation, each.model)):
        longest = max(each.output_tokens for each in asked)
        if any(each.output_tokens >= each.max_tokens for each in asked):
            continue
        enough = max(1, -(-longest * 5 // 4 // ROUNDED_TO)) * ROUNDED_TO
        freed = 0
        for each in asked:
            if (price := prices(each, each.model)) is not None:
                fewer = min(each.max_tokens, enough)
                freed += hold(price, each.input_tokens, each.max_tokens) - hold(price, each.input_tokens, fewer)
        if freed:
            text = f"max_tokens {enough}: the longest of {len(asked)} answers of {asked[0].model} had {longest}"
            found = confidence(len(asked))
            yield _about(
                asked, Kind.SHORTER_MAX_TOKENS, text, instead=str(enough), freed=freed, evidence=asked, confidence=found
            )


def _about(
    calls: Sequence[Observed],
    kind: Kind,
    text: str,
    *,
    confidence: Confidence,
    instead: str = "",
    model: str | None = None,
    saving: int = 0,
    freed: int = 0,
    evidence: Sequence[Observed] = (),
) -> Recommendation:
    first = calls[0]
    return Recommendation(
        kind=kind,
        tenant_id=first.tenant_id,
        workflow=first.workflow,
        step=first.step,
        task=first.task,
        model=first.model if model is None else model,
        instead=instead,
        calls=len(calls),
        saving_usd_micros=saving,
        freed_usd_micros=freed,
        answers=len(evidence),
        met=sum(each.met for each in evidence),
        confidence=confidence,
        run_ids=_runs(calls),
        evidence_run_ids=_runs(evidence) if kind is Kind.CHEAPER_MODEL else [],
        text=text,
    )


def _runs(calls: Sequence[Observed]) -> list[str]:
    return list(dict.fromkeys(each.run_id for each in calls))[:RUNS_MAX]


def _grouped(calls: Iterable[Observed], by: Callable[[Observed], object]) -> list[list[Observed]]:
    found: dict[object, list[Observed]] = defaultdict(list)
    for each in calls:
        found[by(each)].append(each)
    return list(found.values())
