"""The newest messages of one tenant, in the order of the feed: bounded, numbered, and found again by position."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import islice
from operator import ge

from msgspec import Struct

from domain.live import KINDS, Vector

MESSAGES_MAX = 1000
BYTES_MAX = 2 * 1024 * 1024
"""That a ring holds, in memory; who is further behind has lost something."""
ENTRY_BYTES = 500
"""What an entry takes besides its body and its text."""

Totals = tuple[int, ...]
"""How many messages of each kind there were."""
NONE: Totals = (0,) * len(KINDS)


class Entry(Struct):
    """A message, where it lay, and the position behind it."""

    place: int
    """Of domain.live.PLACES."""
    offset: int
    kind: int
    body: bytes
    """JSON, an object without its position."""
    vector: Vector
    text: str = ""
    """The same with its position, once somebody has asked for it."""
    totals: Totals = NONE
    """Up to this one."""


class Ring:
    """Takes in entries, and lets go of the oldest."""

    def __init__(self, floor: Vector, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> None:
        """Begins empty; all that lies behind `floor` will be added."""
        self._entries: deque[Entry] = deque()
        self._floor = list(floor)
        self._messages_max, self._bytes_max = messages_max, bytes_max
        self.bytes = 0
        self.end = 0
        """The number of the next entry."""
        self.totals = NONE

    @property
    def start(self) -> int:
        """The number of the oldest entry that is held."""
        return self.end - len(self._entries)

    def append(self, entry: Entry) -> None:
        """Adds the next entry."""
        totals = list(self.totals)
        totals[entry.kind] += 1
        self.totals = entry.totals = tuple(totals)
        self._entries.append(entry)
        self.end += 1
        self.bytes += _size(entry)
        while len(self._entries) > self._messages_max or self.bytes > self._bytes_max:
            self._forget()

    def halve(self) -> None:
        """Lets go of the older half."""
        for _ in range((len(self._entries) + 1) // 2):
            self._forget()

    def since(self, number: int) -> Sequence[Entry]:
        """Returns the entries from this number on, which is not before `start`."""
        return list(islice(self._entries, number - self.start, None))

    def totals_at(self, number: int) -> Totals:
        """Returns the totals of what lies before this number, which is not before `start`."""
        if number == self.end:
            return self.totals
        entry = self._entries[number - self.start]
        return tuple(count - (kind == entry.kind) for kind, count in enumerate(entry.totals))

    def after(self, position: Vector) -> tuple[list[Entry], int] | None:
        """Returns what lies behind a position: some entries, and the number from which on all others follow.

        The position of those entries is not theirs but the reader's, moved on behind each. None: some of it is not
        held any more. The feed has to have come as far as the position.
        """
        if not all(map(ge, position, self._floor)):
            return None
        entries = self._entries
        crossed = bisect_left(range(len(entries)), True, key=lambda at: all(map(ge, entries[at].vector, position)))
        number = min(crossed + 1, len(entries))
        between = islice(entries, number)
        return [each for each in between if each.offset >= position[each.place]], self.start + number

    def _forget(self) -> None:
        entry = self._entries.popleft()
        self.bytes -= _size(entry)
        self._floor[entry.place] = entry.offset + 1


def _size(entry: Entry) -> int:
    return 2 * len(entry.body) + ENTRY_BYTES


def moved(position: Vector, place: int, offset: int) -> Vector:
    """Returns the position behind what lies at this offset."""
    return (*position[:place], offset + 1, *position[place + 1 :])
