"""Runs a replay over the topics of a Kafka: reads, decides again, compares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connectors.kafka import committed
from connectors.reader import read, whole
from domain.replay import READ_ORDER, Bounds, Replay, Verdict
from schemas.catalogue import TOPICS
from schemas.codec import Codec
from schemas.record import Record
from streams.stages import DECIDERS

EXPLAINED_MAX = 100
"""Differing records whose first differing field is looked up."""

Span = dict[tuple[str, int], tuple[int, int]]


@dataclass(frozen=True)
class Log:
    """The topics of one Kafka, as far as they went when this was made."""

    bootstrap: str
    span: Span

    @classmethod
    def now(cls, bootstrap: str) -> "Log":
        """Returns the log up to this moment."""
        return cls(bootstrap, whole(bootstrap, TOPICS))

    @property
    def size(self) -> int:
        """Records at most."""
        return sum(end - begin for begin, end in self.span.values())

    def records(self) -> Iterator[Record]:
        """Yields every record: the topics of READ_ORDER first and in that order, each partition in order."""
        for topic in (*READ_ORDER, *(name for name in TOPICS if name not in READ_ORDER)):
            span = {place: span for place, span in self.span.items() if place[0] == topic}
            for batch in read(self.bootstrap, span):
                yield from batch


def verify(
    bootstrap: str,
    prefix: str,
    codec: Codec,
    bounds: Bounds,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Verdict:
    """Makes every decision on the log again and compares it; reads the log once more when something differs."""
    done = {decider.name: committed(bootstrap, f"{prefix}.{decider.name}") for decider in DECIDERS}
    log = Log.now(bootstrap)
    replay = Replay(DECIDERS, codec, bounds, done)
    _feed(replay, log, progress)
    if replay.unlike:
        again = Replay(DECIDERS, codec, bounds, done, keep=replay.unlike[:EXPLAINED_MAX])
        _feed(again, log, progress)
        replay = again
    return replay.verdict()


def _feed(replay: Replay, log: Log, progress: Callable[[int, int], None]) -> None:
    size = log.size
    for number, record in enumerate(log.records()):
        replay.take(record)
        if number % 1000 == 0:
            progress(number, size)
    progress(size, size)
