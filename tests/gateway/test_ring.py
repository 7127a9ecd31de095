"""Whoever is cut off anywhere and comes back to any gateway gets the rest, in the log's order, once."""

from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from domain.live import KINDS, PLACES, Vector
from gateway.ring import Entry, Ring, moved

ZERO: Vector = (0,) * len(PLACES)
PARTITIONS = 3


class Lying(NamedTuple):
    """A record of a log: of ours, or of another tenant."""

    place: int
    offset: int
    ours: bool


def ordered(draw: st.DrawFn, log: list[list[bool]]) -> list[Lying]:
    """Returns the records in an order in which a gateway may read them: each partition's is kept."""
    left = [list(enumerate(partition)) for partition in log]
    found = []
    while any(left):
        place = draw(st.sampled_from([number for number, each in enumerate(left) if each]))
        offset, ours = left[place].pop(0)
        found.append(Lying(place, offset, ours))
    return found


class Gateway:
    """Reads the log in an order of its own, into a small ring."""

    def __init__(self, records: list[Lying], messages_max: int) -> None:
        self.vector = ZERO
        self.ring = Ring(ZERO, messages_max)
        self._records = records

    def read(self, upto: int) -> None:
        for record in self._records[:upto]:
            self.vector = moved(self.vector, record.place, record.offset)
            if record.ours:
                self.ring.append(Entry(record.place, record.offset, KINDS[0], b"{}", self.vector))
        self._records = self._records[upto:]

    def told(self, position: Vector, number: int | None = None) -> Iterator[tuple[Lying, Vector]]:
        """Yields what is told behind a position, each with the position that is told with it; nothing when the ring
        does not reach back that far."""
        found = self.ring.after(position)
        if found is None:
            return
        again, start = found
        for entry in again:
            position = moved(position, entry.place, entry.offset)
            yield Lying(entry.place, entry.offset, True), position
        for entry in self.ring.since(start):
            yield Lying(entry.place, entry.offset, True), entry.vector


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[list[bool]], list[list[Lying]], list[int]]:
    log = [draw(st.lists(st.booleans(), max_size=8)) for _ in range(PARTITIONS)]
    orders = [ordered(draw, log) for _ in range(3)]
    return log, orders, [draw(st.integers(0, 8)) for _ in range(3)]


@given(logs(), st.integers(1, 30))
def test_cut_anywhere_and_resumed_at_other_gateways_a_reader_gets_the_log_once_in_order(
    drawn: tuple[list[list[bool]], list[list[Lying]], list[int]], messages_max: int
) -> None:
    log, orders, cuts = drawn
    got: list[Lying] = []
    position = ZERO
    for order, cut in zip(orders, cuts, strict=True):
        gateway = Gateway(order, messages_max)
        gateway.read(len(order))
        for count, (record, behind) in enumerate(gateway.told(position)):
            if count == cut:
                break
            got.append(record)
            position = behind
    whole = Gateway(orders[0], 1000)
    whole.read(len(orders[0]))
    got += [record for record, _ in whole.told(position)]

    for place, partition in enumerate(log):
        ours = [offset for offset, mine in enumerate(partition) if mine]
        assert [each.offset for each in got if each.place == place] == ours


@given(logs(), st.integers(1, 10))
def test_a_ring_tells_all_behind_a_position_or_says_that_it_does_not_reach_back(
    drawn: tuple[list[list[bool]], list[list[Lying]], list[int]], messages_max: int
) -> None:
    _, orders, cuts = drawn
    gateway = Gateway(orders[0], messages_max)
    at = ZERO
    for cut in cuts:
        gateway.read(cut)
        at = gateway.vector if cut % 2 else at
    gateway.read(len(orders[0]))
    missed = {each for each in orders[0] if each.ours and each.offset >= at[each.place]}

    told = [record for record, _ in gateway.told(at)]

    assert gateway.ring.end - gateway.ring.start <= messages_max
    if gateway.ring.after(at) is None:
        assert len(missed) > messages_max
    else:
        assert set(told) == missed
        assert len(told) == len(missed)
