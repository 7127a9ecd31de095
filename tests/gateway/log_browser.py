"""A LogBrowser of records in memory."""

from collections.abc import Iterator, Mapping, Sequence

from schemas.catalogue import TOPICS
from schemas.record import Record


class ListBrowser:
    """See domain.ports.LogBrowser; offsets are those of the records, which may leave some out."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records: list[Record] = []
        self.add(records)
        self.read_of: list[tuple[str, int]] = []
        """What was read, in turn."""

    def add(self, records: Sequence[Record]) -> None:
        """Puts more of them on the log."""
        self._records = sorted([*self._records, *records], key=lambda each: (each.topic, each.partition, each.offset))

    def read(self, span: Mapping[tuple[str, int], tuple[int, int]]) -> Iterator[Sequence[Record]]:
        """See LogBrowser."""
        for (topic, partition), (begin, end) in span.items():
            self.read_of.append((topic, partition))
            found = [each for each in self._of(topic) if each.partition == partition and begin <= each.offset < end]
            for at in range(0, len(found), 7):
                yield found[at : at + 7]

    def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """See LogBrowser."""
        found = dict.fromkeys(range(TOPICS[topic].partitions), (0, 0))
        return found | {each.partition: (0, each.offset + 1) for each in self._of(topic)}

    def since(self, topic: str, moment_ms: int) -> dict[int, int]:
        """See LogBrowser."""
        ends = {number: end for number, (_, end) in self.spans(topic).items()}
        later = [each for each in self._of(topic) if each.timestamp_ms >= moment_ms]
        return ends | {each.partition: each.offset for each in reversed(later)}

    def partition(self, topic: str, key: bytes) -> int:
        """See LogBrowser."""
        return sum(key) % TOPICS[topic].partitions

    def _of(self, topic: str) -> list[Record]:
        return [each for each in self._records if each.topic == topic]
