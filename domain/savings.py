"""What could be saved, by the events that say what became of AI calls, and the prices known now."""

from collections.abc import Iterable, Sequence
from functools import cache

from domain.definitions import Definitions
from domain.models import LOCAL
from domain.observations import Observations, Observed
from domain.price_book import quote
from domain.prices import Price
from domain.recommendations import Recommendation, recommend
from schemas.errors import Rejected, Unavailable
from schemas.events import Event

TOPICS = ("ai-calls", "agent-steps", "compliance-decisions")


def recommendations(events: Iterable[Event], definitions: Definitions) -> list[Recommendation]:
    """Returns what could be saved, by the events of TOPICS in any order; prices are those known now, at the moment of
    each call."""

    @cache
    def workflow(digest: str) -> str:
        try:
            return definitions.workflow(digest).id
        except Unavailable:
            return ""

    def prices(call: Observed, model: str) -> Price | None:
        try:
            return quote(definitions, call.tenant_id, call.models_digest, model, call.occurred_at).price
        except (Rejected, Unavailable):
            return None

    @cache
    def others(models_digest: str) -> Sequence[str]:
        try:
            return [each.id for each in definitions.models(models_digest).models if each.id != LOCAL]
        except Unavailable:
            return []

    seen = Observations(workflow)
    for event in events:
        seen.take(event)
    return recommend(seen.observed(), prices, lambda call: others(call.models_digest))
