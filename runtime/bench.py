"""The benchmarks of the repository, behind the command line."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from runtime import terminal
from schemas.errors import AuterityError

if TYPE_CHECKING:
    from benchmarks.table import Report


class NoBenchmarks(AuterityError):
    """The benchmarks come with the repository, not with the package."""


class WrongName(AuterityError):
    """There is no workload or peer of this name."""


def bench(
    workloads: Sequence[str],
    peers: Sequence[str],
    events: int | None,
    repetitions: int | None,
    quick: bool,
    say: Callable[[str], None],
) -> "Report":
    """Measures the workloads (none named: all) against the peers (none named: all), and returns the report.

    Raises NoBenchmarks in an installation without them, WrongName naming those that there are.
    """
    if find_spec("benchmarks") is None:
        raise NoBenchmarks("the benchmarks come with the repository, not with the package")
    from benchmarks.run import EVENTS, QUICK_EVENTS, QUICK_REPETITIONS, REPETITIONS, Wanted, run
    from benchmarks.workloads import PEERS, WORKLOADS

    wanted = Wanted(
        workloads=_known("workload", workloads, [each.name for each in WORKLOADS]),
        peers=_known("peer", peers, PEERS),
        events=events or (QUICK_EVENTS if quick else EVENTS),
        repetitions=repetitions or (QUICK_REPETITIONS if quick else REPETITIONS),
    )
    return run(wanted, say)


def write(report: "Report") -> None:
    """Puts the figures into benchmarks/README.md."""
    from benchmarks.table import README
    from benchmarks.table import write as replace

    replace(report, README)


def show(report: "Report") -> None:
    """Prints the figures for a person."""
    from benchmarks.table import grid

    terminal.rows(*grid(report))
    for each in report.skipped:
        terminal.out.print(f"skipped: {each.workload}, {each.peer}: {each.reason}", markup=False, highlight=False)
    for note in report.notes:
        terminal.out.print(note, markup=False, highlight=False)


def _known(kind: str, named: Sequence[str], all_: Sequence[str]) -> frozenset[str]:
    found = {name for each in named for name in each.split(",") if name} or set(all_)
    if strange := sorted(found - set(all_)):
        raise WrongName(f"{kind} {', '.join(strange)} is none of {', '.join(all_)}")
    return frozenset(found)
