"""What the rows of one workload have measured so far, and where they failed."""

from collections import defaultdict

from benchmarks.process import Figures
from benchmarks.table import Line, Ratio, Skipped, line, ratios
from benchmarks.workloads import Workload

FAILURES_MAX = 2
"""Of one row; then it is not tried again."""


class Tally:
    """Takes in figures and failures; a row without any figures ends as skipped, with its last reason."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._figures: dict[str, list[Figures]] = defaultdict(list)
        self._failures: dict[str, list[str]] = defaultdict(list)
        self._gone: set[str] = set()

    def add(self, who: str, figures: Figures) -> None:
        """Takes in one repetition of a row."""
        self._figures[who].append(figures)

    def failed(self, who: str, reason: str, for_good: bool = False) -> None:
        """Takes in why a repetition gave no figures; `for_good`: it will be so the next time."""
        self._failures[who].append(reason)
        if for_good or len(self._failures[who]) >= FAILURES_MAX:
            self._gone.add(who)

    def tries(self, who: str) -> bool:
        """Returns True while the row is worth another repetition."""
        return who not in self._gone

    def lines(self) -> list[Line]:
        """Returns the rows that have figures."""
        return [
            line(self._workload, row, self._figures[row.who]) for row in self._workload.rows if row.who in self._figures
        ]

    def ratios(self) -> list[Ratio]:
        """Returns what we have against each compared peer."""
        return ratios(self._workload, self.lines())

    def skipped(self) -> list[Skipped]:
        """Returns the rows that have none, with the last reason."""
        lost = {who: said for who, said in self._failures.items() if who not in self._figures}
        return [Skipped(self._workload.name, who, said[-1]) for who, said in lost.items()]

    def notes(self) -> list[str]:
        """Returns a sentence for each row that has figures but failed as well."""
        hurt = {who: said for who, said in self._failures.items() if who in self._figures}
        return [f"{self._workload.name}: {who} failed {len(said)} times: {said[-1]}." for who, said in hurt.items()]
