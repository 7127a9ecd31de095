"""What was fed: the events that follow from a seed, and what must be known of each key afterwards."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from domain.ids import derive
from schemas.events import BusinessEvent
from tests.chaos.totals import POISON, Total, run_id

AT = datetime(2012, 5, 1, 8, tzinfo=UTC)
TENANT = "chaos"


class Oracle:
    """Makes events, and remembers what their effect must be; poisoned ones have none."""

    def __init__(self, seed: int, keys: int) -> None:
        self.seed = seed
        self.keys = keys
        self.totals: dict[str, Total] = defaultdict(Total)
        self.ids: list[str] = []
        self.poisoned: set[str] = set()
        self._random = Random(f"{seed} events")
        self._sequence: dict[str, int] = defaultdict(int)
        self.made = 0

    def events(self, count: int) -> Iterator[BusinessEvent]:
        """Yields the next events, of keys chosen by the seed."""
        for _ in range(count):
            yield self.event(f"subject-{self._random.randrange(self.keys)}")

    def each_key(self) -> Iterator[BusinessEvent]:
        """Yields one more event of every key that has any."""
        for subject in sorted(self.totals):
            yield self.event(subject)

    def event(self, subject: str, poison: str = "") -> BusinessEvent:
        """Returns the subject's next event."""
        event_id = derive("chaos", str(self.seed), str(self.made))
        self.made += 1
        amount = self._random.randrange(1, 1000)
        attributes = {"amount": str(amount)}
        if poison:
            self.poisoned.add(event_id)
            attributes |= {"sequence": "0", POISON: poison}
        else:
            self._sequence[subject] += 1
            attributes["sequence"] = str(self._sequence[subject])
            self.totals[subject] = self.totals[subject].after(self._sequence[subject], amount)
            self.ids.append(event_id)
        return BusinessEvent(
            event_id=event_id,
            tenant_id=TENANT,
            correlation_id=event_id,
            occurred_at=AT + timedelta(seconds=self.made),
            source="chaos",
            subject=subject,
            type="Counted",
            attributes=attributes,
        )

    def by_run(self) -> dict[str, Total]:
        """Returns what must be known at the end, by the key of the steps."""
        return {run_id(subject): total for subject, total in self.totals.items()}
