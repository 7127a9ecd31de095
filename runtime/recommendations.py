"""Recommendations from the log of one platform, or one tenant."""

from collections.abc import Sequence
from functools import cache

from domain.definitions import Definitions
from domain.models import LOCAL
from domain.observations import Observations, Observed
from domain.price_book import quote
from domain.prices import Price
from domain.recommendations import Recommendation, recommend
from runtime.money import Topics
from schemas.errors import Rejected, Unavailable

TOPICS = ("ai-calls", "agent-steps", "compliance-decisions")


def recommendations(topics: Topics, definitions: Definitions) -> list[Recommendation]:
    """Returns what could be saved; prices are those known now, at the moment of each call."""

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
    for topic in TOPICS:
        for event in topics.events(topic):
            seen.take(event)
    return recommend(seen.observed(), prices, lambda call: others(call.models_digest))
