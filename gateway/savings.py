"""What could be saved, by the newest stretch of what became of AI calls; reckoned at most once a minute."""

from collections import OrderedDict
from collections.abc import Iterator
from time import monotonic

from msgspec import Struct

from domain.definitions import Definitions
from domain.log_records import own
from domain.ports import LogBrowser
from domain.recommendations import Recommendation
from domain.savings import TOPICS, recommendations
from schemas.codec import Codec
from schemas.events import Event

RECORDS_MAX = 32_000
"""That are looked at of each topic: the newest, as many of each partition."""
KEPT_S = 60.0
TENANTS_MAX = 200


class Savings(Struct, frozen=True):
    """What could be saved, and whether all that there is was looked at."""

    found: list[Recommendation]
    records: int
    whole: bool
    at: float


class SavingsOf:
    """Blocks: for threads."""

    def __init__(self, browser: LogBrowser, codec: Codec, definitions: Definitions) -> None:
        self._browser = browser
        self._codec = codec
        self._definitions = definitions
        self._kept: OrderedDict[str, Savings] = OrderedDict()

    def of(self, tenant_id: str) -> Savings:
        """Returns what the tenant could save; raises Unavailable."""
        kept = self._kept.get(tenant_id)
        if kept is None or monotonic() - kept.at > KEPT_S:
            kept = self._kept[tenant_id] = self._made(tenant_id)
            if len(self._kept) > TENANTS_MAX:
                self._kept.popitem(last=False)
        return kept

    def _made(self, tenant_id: str) -> Savings:
        spans = {topic: self._browser.spans(topic) for topic in TOPICS}
        stretch = {
            (topic, number): (max(begin, end - RECORDS_MAX // len(each)), end)
            for topic, each in spans.items()
            for number, (begin, end) in each.items()
        }
        whole = all(begin == spans[topic][number][0] for (topic, number), (begin, _) in stretch.items())
        found = recommendations(self._events(tenant_id, stretch), self._definitions)
        return Savings(found, sum(end - begin for begin, end in stretch.values()), whole, monotonic())

    def _events(self, tenant_id: str, stretch: dict[tuple[str, int], tuple[int, int]]) -> Iterator[Event]:
        for batch in self._browser.read({place: span for place, span in stretch.items() if span[0] < span[1]}):
            for record in batch:
                if (event := own(record, self._codec, tenant_id)) is not None:
                    yield event
