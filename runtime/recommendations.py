"""Recommendations from the log of one platform, or one tenant."""

from itertools import chain

from domain import savings
from domain.definitions import Definitions
from domain.recommendations import Recommendation
from runtime.money import Topics


def recommendations(topics: Topics, definitions: Definitions) -> list[Recommendation]:
    """Returns what could be saved; prices are those known now, at the moment of each call."""
    return savings.recommendations(chain.from_iterable(map(topics.events, savings.TOPICS)), definitions)
