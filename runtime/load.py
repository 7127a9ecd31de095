"""How busy the platform is: what each stage has not taken yet, and how fast topics grow."""

import threading
import time
from collections import Counter

from connectors.kafka import Commits, Ends, begins
from domain.pulse import Busy
from runtime.status import STAGES
from schemas.catalogue import TOPICS
from schemas.errors import Unavailable


class StageLoad:
    """A domain.pulse.Load over connections that stay; who asks while another one is answered is refused. Close it."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._commits: dict[str, Commits] = {}
        self._ends = Ends(bootstrap)
        self._last: tuple[float, dict[str, int]] | None = None
        self._turn = threading.Lock()

    def busy(self) -> Busy:
        """See Load."""
        if not self._turn.acquire(blocking=False):
            raise Unavailable("it is being asked already")
        try:
            return self._busy()
        finally:
            self._turn.release()

    def _busy(self) -> Busy:
        """Returns how busy it is; what stages have committed is read before any end, as in `status.lags`."""
        done = {stage: self._committed(stage) for stage in STAGES}
        first, ends, now = begins(self._bootstrap, TOPICS), self._ends.all(TOPICS), time.monotonic()
        lag = {
            stage: sum(
                max(0, end - max(done[stage].get(place, 0), first.get(place, 0)))
                for place, end in ends.items()
                if place[0] in topics
            )
            for stage, topics in STAGES.items()
        }
        counts: Counter[str] = Counter()
        for (topic, _), end in ends.items():
            counts[topic] += end
        before, self._last = self._last, (now, dict(counts))
        if before is None or now <= before[0]:
            return Busy(lag, {})
        grown = {topic: max(0, count - before[1].get(topic, count)) for topic, count in counts.items()}
        return Busy(lag, {topic: round(count / (now - before[0]), 1) for topic, count in sorted(grown.items())})

    def close(self) -> None:
        """Gives the connections back."""
        with self._turn:
            for commits in self._commits.values():
                commits.close()

    def _committed(self, stage: str) -> dict[tuple[str, int], int]:
        commits = self._commits.get(stage)
        if commits is None:
            commits = self._commits[stage] = Commits(self._bootstrap, f"{self._prefix}.{stage}")
        return commits.of([(topic, number) for topic in STAGES[stage] for number in range(TOPICS[topic].partitions)])
