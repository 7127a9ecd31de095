"""What the choice of a model is asked and says: the question, every model's standing, and what of it is recorded."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from domain.model_access import Caller
from domain.model_history import Evidence
from domain.models import Capability, Constraints
from schemas.events import Constraint, Ranked, Standing

TOKENS = 1_000_000


class Priced(Protocol):
    """What a model costs."""

    def upper_bound(self, input_tokens: int, output_tokens: int) -> int:
        """Returns the most that so many tokens cost, in micro-dollars."""


class Price(Struct, frozen=True):
    """Micro-dollars for a million tokens."""

    input_usd_micros_per_million: int
    output_usd_micros_per_million: int

    def upper_bound(self, input_tokens: int, output_tokens: int) -> int:
        """Returns what so many tokens cost in micro-dollars, rounded up to a whole one."""
        total = input_tokens * self.input_usd_micros_per_million + output_tokens * self.output_usd_micros_per_million
        return -(-total // TOKENS)


FREE = Price(0, 0)


class Question(Struct, frozen=True, kw_only=True):
    """What is asked of a model, without its words."""

    task: str = ""
    input_tokens_max: int
    """No fewer than the model will count."""
    max_tokens: int
    """Of the answer."""
    needs: tuple[Capability, ...] = ("chat",)
    restricted: bool = False
    """True when nothing of it may leave the platform."""
    constraints: Constraints = Constraints()


ASKED = (Standing.CHOSEN, Standing.RANKED_LOWER, Standing.LAST_RESORT)
"""These are asked, in this order; every other one is passed over."""


class Routing(Struct, frozen=True, kw_only=True):
    """The decision: first who is asked and in which order, then who was passed over, by id."""

    question: Question
    caller: Caller
    route: str = ""
    """The route of the policy that was taken; empty when none is written down."""
    degraded: bool = False
    """True when the local model is chosen because no other one fits."""
    ranking: list[Ranked]

    @property
    def chosen(self) -> Ranked | None:
        """The model that is asked first; None when nobody may answer."""
        return next((each for each in self.ranking if each.standing is Standing.CHOSEN), None)

    @property
    def asked(self) -> list[Ranked]:
        """Who is asked, one after the other, until one answers."""
        return [each for each in self.ranking if each.standing in ASKED]

    @property
    def reason(self) -> str:
        """Why the chosen model is, or why nobody may answer."""
        if (chosen := self.chosen) is not None:
            return chosen.reason
        return "no model may answer: " + "; ".join(f"{each.model}: {each.reason}" for each in self.ranking)


class RoutedFields(Struct, frozen=True, kw_only=True):
    """What the routed record of a call says of the decision, by the names of its fields."""

    task: str
    route: str
    model: str
    """Empty, as the provider, when nobody may answer."""
    provider: str
    degraded: bool
    reason: str
    input_tokens_max: int
    max_tokens: int
    constraints: list[Constraint]
    ranking: list[Ranked]


def routed_fields(routing: Routing) -> RoutedFields:
    """Returns what goes into the routed record."""
    chosen = routing.chosen
    return RoutedFields(
        task=routing.question.task,
        route=routing.route,
        model=chosen.model if chosen is not None else "",
        provider=chosen.provider if chosen is not None else "",
        degraded=routing.degraded,
        reason=routing.reason,
        input_tokens_max=routing.question.input_tokens_max,
        max_tokens=routing.question.max_tokens,
        constraints=_constraints(routing.question, routing.caller),
        ranking=routing.ranking,
    )


def evidence_of(ranking: Iterable[Ranked]) -> dict[str, Evidence]:
    """Returns the history that a recorded ranking was decided by: with it, the decision can be made again."""
    return {
        each.model: Evidence(each.attempts, each.failures, each.latency_ms_p50, each.latency_ms_p95) for each in ranking
    }


def breakers_of(ranking: Iterable[Ranked]) -> frozenset[str]:
    """Returns the open breakers that mattered to a recorded ranking."""
    return frozenset(each.model for each in ranking if each.standing is Standing.BREAKER_OPEN)


def _constraints(question: Question, caller: Caller) -> list[Constraint]:
    limits = question.constraints
    said = {
        "cost_usd_micros_max": "" if limits.cost_usd_micros_max is None else str(limits.cost_usd_micros_max),
        "latency_ms_max": "" if limits.latency_ms_max is None else str(limits.latency_ms_max),
        "regions": ",".join(sorted(limits.regions)),
        "compliance": ",".join(sorted(limits.compliance)),
        "models": ",".join(sorted(limits.models)),
        "last_resort": "" if limits.last_resort else "false",
        "needs": ",".join(sorted(question.needs)),
        "restricted": "local" if question.restricted else "",
        "roles": ",".join(sorted(caller.roles)),
        "tenant_models": ",".join(sorted(caller.models)),
    }
    return [Constraint(name=name, value=value) for name, value in said.items() if value]
