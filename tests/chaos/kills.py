"""R1, R9 and R11: workers and the sink are killed under load; nothing is lost, doubled, changed or turned round."""

from typing import Any

from tests.chaos.faults import planned
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.verdict import Verdict

REDELIVERED_MAX = 0.10


def r1(stand: Stand, outcome: Outcome, *, events: int, kills: int, seeds: int) -> None:
    """Kills random workers, and the sink now and then, and counts in ClickHouse."""
    for number in range(seeds):
        found = killed(stand, "R1", stand.seed + number, events=events, kills=kills, keys=1000)
        outcome.take(found)
    outcome.require(outcome.redelivered <= REDELIVERED_MAX, "redelivered", round(outcome.redelivered, 4))


def r9(stand: Stand, outcome: Outcome, *, events: int, kills: int) -> None:
    """Compares state with the oracle: from disk after the kills, and from the changelog without a disk."""
    outcome.take(killed(stand, "R9", stand.seed, events=events, kills=kills, keys=500, rebuild=True))


def r11(stand: Stand, outcome: Outcome, *, events: int, kills: int) -> None:
    """Looks for a sequence number behind a later one of its key, in every table; R1's run serves it."""
    found = stand.kept.get("R1")
    if found is None:
        found = killed(stand, "R11", stand.seed, events=events, kills=kills, keys=1000)
    outcome.take(found)


def killed(
    stand: Stand, row: str, seed: int, *, events: int, kills: int, keys: int, rebuild: bool = False, **options: Any
) -> Verdict:
    """Returns the verdict on a run of so many events with so many kills."""
    with stand.drive(row, seed, keys=keys, **options) as drive:
        targets = [*drive.workers * 3, "sink"]
        drive.feed(events)
        drive.play(planned(seed, ["kill"], kills, targets), events)
        drive.settle()
        if rebuild:
            drive.rebuild()
        found = drive.verdict()
    stand.kept[row] = found
    return found
