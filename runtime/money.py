"""The money on the log: the ledger, what was billed attempt by attempt, and adjustments that are put there."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import cache

from connectors.publisher import KafkaPublisher
from connectors.reader import read, whole
from domain.billed import Attempts, Billed
from domain.definitions import Definitions
from domain.ledger import Ledger, Row
from domain.models import Model
from domain.price_book import Books, known, named
from domain.restatement import Restated, Tariffs, restated, standing
from runtime.ask import ask
from runtime.definitions import Overtaken
from runtime.platform import Facts
from runtime.settings import Settings
from schemas.codec import Codec
from schemas.errors import Undecodable
from schemas.events import AiCall, BudgetEntry, Event

TOPIC = "budget-entries"
CALLS = "ai-calls"
SOURCE = "auterity/runtime"
CLIENT = "auterity-money"

COLUMNS = {
    "tenant": "tenant_id",
    "model": "model",
    "workflow": "workflow",
    "day": "toString(toDate(occurred_at, 'UTC'))",
    "principal": "principal",
    "team": "team",
}
"""What domain.ledger.BY is in SQL."""
SUMS = """
    SELECT {key} AS key, sum(billed_usd_micros), sum(held_usd_micros), count()
    FROM budget_entries WHERE sequence > 0 GROUP BY key ORDER BY key
"""


class Topics:
    """Reads topics from their first record to where they end now; of one tenant only, when one is named."""

    def __init__(self, bootstrap: str, codec: Codec, tenant_id: str | None = None) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._tenant_id = tenant_id
        self.unreadable = 0
        """Records that are no events: they are dead letters, and in no sum."""

    def events(self, topic: str) -> Iterator[Event]:
        """Yields the topic's events, each partition in order."""
        for batch in read(self._bootstrap, whole(self._bootstrap, [topic])):
            for record in batch:
                try:
                    event: Event = self._codec.decode(record)
                except Undecodable:
                    self.unreadable += 1
                    continue
                if self._tenant_id is None or event.tenant_id == self._tenant_id:
                    yield event


def ledger(topics: Topics) -> Ledger:
    """Returns the ledger, folded from the topic's first record."""
    found = Ledger()
    for event in topics.events(TOPIC):
        assert isinstance(event, BudgetEntry)
        found.take(event)
    return found


def counted(facts: Facts, conf: Settings, by: str, tenant_id: str | None) -> list[Row]:
    """Returns the same sums as ClickHouse has them."""
    table = ask(facts, conf, SUMS.format(key=COLUMNS[by]), tenant_id)
    return [Row(str(key), int(billed), int(held), int(entries)) for key, billed, held, entries in table.rows]


class Bill:
    """Every attempt that was billed, and the restatements on the log."""

    def __init__(self, topics: Topics, definitions: Definitions) -> None:
        """Reads the entries first: what an entry has billed is on the other topic before."""
        self.attempts = Attempts()
        for event in topics.events(TOPIC):
            assert isinstance(event, BudgetEntry)
            self.attempts.entry(event)
        for call in topics.events(CALLS):
            assert isinstance(call, AiCall)
            self.attempts.call(call)
        self.earlier: list[Restated] = [
            found for each in self.attempts.adjustments if (found := restated(each)) is not None
        ]
        self.tariffs = tariffs(definitions)

    def standing(self) -> list[Billed]:
        """Returns the attempts at the figures that the ledger has for them now."""
        return standing(self.attempts.billed(), self.earlier, self.tariffs)


def tariffs(definitions: Definitions) -> Tariffs:
    """Returns how attempts are priced by what is known; what is looked up once is kept."""

    @cache
    def now(tenant_id: str) -> Books:
        return known(definitions, tenant_id)

    @cache
    def then(digests: str) -> Books:
        return named(definitions, digests)

    @cache
    def model(models_digest: str, name: str, provider: str) -> Model:
        if not models_digest:
            return Model(id=name, provider=provider)
        return definitions.models(models_digest).model(name)

    return Tariffs(now, then, lambda billed: model(billed.models_digest, billed.model, billed.provider))


def adjust(bootstrap: str, codec: Codec, asked: Sequence[BudgetEntry]) -> None:
    """Asks for the adjustments; raises Overtaken when somebody else made one of the same id first."""
    if not asked:
        return
    before = whole(bootstrap, [TOPIC])

    async def written() -> None:
        async with KafkaPublisher(bootstrap, CLIENT) as publisher:
            await publisher.publish([codec.encode(each, SOURCE) for each in asked])

    asyncio.run(written())
    first: dict[str, BudgetEntry] = {}
    after = whole(bootstrap, [TOPIC])
    for batch in read(bootstrap, {place: (before[place][1], end) for place, (_, end) in after.items()}):
        for record in batch:
            try:
                event: Event = codec.decode(record)
            except Undecodable:
                continue
            if isinstance(event, BudgetEntry):
                first.setdefault(event.event_id, event)
    if any(first.get(each.event_id, each) != each for each in asked):
        raise Overtaken("somebody else adjusted the same at the same moment: look at the ledger, and try again")
