"""R13: while there is work and a broker, somebody gets on with it."""

from statistics import quantiles

from tests.chaos.kills import CONTROL, killed
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand

STALL_MAX_S = 60.0
PAUSE_P95_MAX_S = 15.0


def r13(stand: Stand, outcome: Outcome, *, events: int, kills: int, paused: bool) -> None:
    """Judges the stretches without progress of all runs so far; with none, of one of its own."""
    stalls = [each for each in stand.stalls if each[0] != CONTROL]
    if not stalls:
        outcome.take(killed(stand, "R13", stand.seed, events=events, kills=kills, keys=500))
        stalls = stand.stalls
    row, longest = max(stalls, key=lambda each: each[1])
    outcome.detail["runs"] = len(stalls)
    outcome.within(longest, STALL_MAX_S, "longest s")
    outcome.detail["in"] = row
    if len(stand.pauses) > 1:
        p95 = quantiles(stand.pauses, n=20)[-1]
        outcome.detail["rebalances"] = len(stand.pauses)
        outcome.detail["p95 pause s"] = round(p95, 1)
        if paused:
            outcome.require(p95 <= PAUSE_P95_MAX_S, "p95 pause s", round(p95, 1))
