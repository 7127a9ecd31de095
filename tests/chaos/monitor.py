"""Progress seen from outside: what each group has committed, once a second, and for how long nothing moved."""

import threading
import time
from collections.abc import Mapping, Sequence

import msgspec

from connectors.kafka import committed, ends
from schemas.errors import Unavailable

POLL_S = 0.5


class Sample(msgspec.Struct, frozen=True):
    """One look; `done` and `end` are None when the broker did not answer."""

    at: float
    done: dict[str, int] | None
    """By group: records committed."""
    end: dict[str, int] | None
    """By group: records on its topics."""


class Monitor:
    """Samples until it is closed."""

    def __init__(self, bootstrap: str, groups: Mapping[str, Sequence[str]]) -> None:
        self.samples: list[Sample] = []
        self.excused: list[tuple[str, float, float]] = []
        """Stretches in which a group cannot get on, and is not to blame: group, begin, end."""
        self._bootstrap = bootstrap
        self._groups = groups
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)
        self._thread.start()

    def done(self, group: str) -> int:
        """Returns how many records the group has committed, as last seen."""
        for sample in reversed(self.samples):
            if sample.done is not None:
                return sample.done[group]
        return 0

    def look(self) -> Sample:
        """Returns what is committed and what lies on the topics, now."""
        try:
            done = {group: committed(self._bootstrap, group) for group in self._groups}
            last = ends(self._bootstrap, {topic for topics in self._groups.values() for topic in topics})
        except Unavailable:
            return Sample(time.monotonic(), None, None)
        end = {
            group: sum(offset for (topic, _), offset in last.items() if topic in topics)
            for group, topics in self._groups.items()
        }
        return Sample(time.monotonic(), {group: sum(offsets.values()) for group, offsets in done.items()}, end)

    def look_at(self, topic: str) -> int:
        """Returns how many records lie on the topic."""
        return sum(ends(self._bootstrap, [topic]).values())

    def behind(self) -> dict[str, int]:
        """Returns how many records each group has not committed, now; raises Unavailable without a broker."""
        sample = self.look()
        if sample.done is None or sample.end is None:
            raise Unavailable("the broker does not answer")
        return {group: sample.end[group] - sample.done[group] for group in self._groups}

    def pauses(self, begin: float = 0.0, until: float = float("inf")) -> list[tuple[str, float, float]]:
        """Returns each group's stretches with lag and without progress: group, when it began, seconds.

        A broker that does not answer starts the clock again: nobody can go on without it.
        """
        found = []
        for group in self._groups:
            since = before = last_at = None
            for sample in self.samples:
                if not begin <= sample.at <= until:
                    continue
                moving = sample.done is None or sample.end is None or sample.done[group] >= sample.end[group]
                moving |= any(each == group and first <= sample.at <= last for each, first, last in self.excused)
                now = None if sample.done is None else sample.done[group]
                if moving or since is None or now != before:
                    if since is not None and sample.at - since > 2 * POLL_S:
                        found.append((group, since, sample.at - since))
                    since = None if moving else sample.at
                before = now
                last_at = sample.at
            if since is not None and last_at is not None:
                found.append((group, since, last_at - since))
        return found

    def stall_s(self, begin: float = 0.0) -> float:
        """Returns the longest stretch in seconds with lag and without progress."""
        return max((seconds for _, _, seconds in self.pauses(begin)), default=0.0)

    def close(self) -> None:
        """Ends the sampling."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(POLL_S):
            self.samples.append(self.look())
