"""R1, R9 and R11: workers and the sink are killed under load; nothing is lost, doubled, changed or turned round."""

from typing import Any

from tests.chaos.faults import planned
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.verdict import Verdict

REDELIVERED_MAX = 0.10
EVENTS_A_KILL = 20_000
"""What is done again follows from the number of kills; its share is judged where there are fewer of them."""
CONTROL = "control"
"""Names the runs of the naive agent."""


def r1(stand: Stand, outcome: Outcome, *, events: int, kills: int, seeds: int, rebuild: bool, heels: float) -> None:
    """Kills random workers, and the sink now and then, and counts in ClickHouse.

    With `rebuild` the run serves R9 too: state comes from the changelog at the end. `heels` is the share of kills that
    come right after another.
    """
    for number in range(seeds):
        seed = stand.seed + number
        outcome.take(killed(stand, "R1", seed, events=events, kills=kills, keys=1000, rebuild=rebuild, heels=heels))
    share = round(outcome.redelivered, 4)
    outcome.require(share <= REDELIVERED_MAX or events / kills < EVENTS_A_KILL, "redelivered", share)


def r9(stand: Stand, outcome: Outcome, *, events: int, kills: int, shared: bool) -> None:
    """Compares state with the oracle: from disk after the kills, and from the changelog without a disk."""
    found = stand.kept.get("R1") if shared else None
    outcome.take(found or killed(stand, "R9", stand.seed, events=events, kills=kills, keys=500, rebuild=True))


def r11(stand: Stand, outcome: Outcome, *, events: int, kills: int) -> None:
    """Looks for a sequence number behind a later one of its key, in every table; R1's run serves it."""
    found = stand.kept.get("R1")
    outcome.take(found or killed(stand, "R11", stand.seed, events=events, kills=kills, keys=1000))


def killed(
    stand: Stand,
    row: str,
    seed: int,
    *,
    events: int,
    kills: int,
    keys: int,
    rebuild: bool = False,
    heels: float = 1 / 3,
    **options: Any,
) -> Verdict:
    """Returns the verdict on a run of so many events with so many kills."""
    with stand.drive(row, seed, keys=keys, **options) as drive:
        targets = [*drive.workers * 3, "sink"]
        drive.feed(events)
        drive.play(planned(seed, ["kill"], kills, targets, heels), events)
        drive.settle()
        if rebuild:
            drive.rebuild()
        found = drive.verdict()
    stand.kept[row] = found
    return found
