"""What is known of each model from how its latest attempts ended."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, field

from schemas.events import AiCall, CallStatus

SAMPLES_MAX = 100
"""Attempts that are remembered of each model: the latest."""
MODELS_MAX = 500
"""Models that are remembered: those asked last."""
ENDS = {CallStatus.COMPLETED, CallStatus.ATTEMPT_FAILED, CallStatus.FAILED}
"""How an attempt ends by the model's doing; one in doubt says nothing of the model, only that a worker ended."""


class Sample(Struct, frozen=True, order=True, array_like=True):
    """How one attempt ended."""

    at: datetime
    event_id: str
    latency_ms: int
    failed: bool


class Evidence(Struct, frozen=True):
    """What a decision reads of a model's history; latencies are those of the answered attempts."""

    attempts: int = 0
    failures: int = 0
    latency_ms_p50: int = 0
    latency_ms_p95: int = 0


NOTHING = Evidence()


class History(Struct, frozen=True):
    """The latest attempts by model, each model's in the order in which they happened."""

    models: dict[str, list[Sample]] = field(default_factory=dict)

    def evidence(self) -> dict[str, Evidence]:
        """Returns what is known of each model."""
        return {model: _evidence(samples) for model, samples in self.models.items()}

    def last_failure(self, model: str) -> datetime | None:
        """Returns when an attempt at the model failed last, as far as is remembered."""
        return next((each.at for each in reversed(self.models.get(model, [])) if each.failed), None)


def after(state: History, call: AiCall) -> History:
    """Returns the history after this moment of a call.

    A model's samples follow from the set of its attempts, whatever their order and however often each is said: they are
    the latest SAMPLES_MAX by when they happened.
    """
    if call.status not in ENDS or call.attempt < 1:
        return state
    sample = Sample(call.occurred_at, call.event_id, call.latency_ms, call.status is not CallStatus.COMPLETED)
    known = state.models.get(call.model, [])
    place = bisect_left(known, sample)
    if place < len(known) and known[place] == sample:
        return state
    kept = [*known[:place], sample, *known[place:]][-SAMPLES_MAX:]
    models = {**state.models, call.model: kept}
    if len(models) > MODELS_MAX:
        del models[min(models, key=lambda name: (models[name][-1], name))]
    return History(models)


def _evidence(samples: Sequence[Sample]) -> Evidence:
    answered = sorted(each.latency_ms for each in samples if not each.failed)
    return Evidence(
        attempts=len(samples),
        failures=len(samples) - len(answered),
        latency_ms_p50=_percentile(answered, 50),
        latency_ms_p95=_percentile(answered, 95),
    )


def _percentile(ordered: Sequence[int], percent: int) -> int:
    """Returns the nearest rank: the least value that so many in a hundred do not exceed; 0 of none."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else 0
