"""The first record with a tenant's sequence counts: which ones are missing, and which came again."""

from bisect import bisect_right

from msgspec import Struct

from schemas.events import BudgetEntry


class Gap(Struct, frozen=True):
    """Sequences of a tenant that no record has, both ends included."""

    tenant_id: str
    first: int
    last: int


class Sequences:
    """Takes decided entries in any order; keeps the gaps, not what it has seen."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._gaps: dict[str, list[tuple[int, int]]] = {}
        self.repeated = 0
        """Records that came again, or were written by whom the log had left behind: none of them counts."""

    def first(self, entry: BudgetEntry) -> bool:
        """Returns whether this is the first record with its tenant's sequence, which is from 1 on."""
        tenant, number = entry.tenant_id, entry.sequence
        last = self._last.get(tenant, 0)
        if number > last:
            if number > last + 1:
                self._gaps.setdefault(tenant, []).append((last + 1, number - 1))
            self._last[tenant] = number
            return True
        if number >= 1 and self._fill(self._gaps.get(tenant, []), number):
            return True
        self.repeated += 1
        return False

    def last(self, tenant_id: str) -> int:
        """Returns the highest sequence of the tenant, 0 before the first."""
        return self._last.get(tenant_id, 0)

    def gaps(self) -> list[Gap]:
        """Returns what is missing, by tenant, in order."""
        return [Gap(tenant, *each) for tenant, found in sorted(self._gaps.items()) for each in found]

    def _fill(self, gaps: list[tuple[int, int]], number: int) -> bool:
        at = bisect_right(gaps, number, key=lambda gap: gap[0]) - 1
        if at < 0 or gaps[at][1] < number:
            return False
        first, last = gaps[at]
        gaps[at : at + 1] = [each for each in ((first, number - 1), (number + 1, last)) if each[0] <= each[1]]
        return True
