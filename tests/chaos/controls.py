"""The naive agent under the same faults: where it passes, the harness proves nothing."""

from tests.chaos.kills import CONTROL, killed
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand


def naive_r1(stand: Stand, outcome: Outcome, *, events: int, kills: int) -> None:
    """Must lose or double events when it is killed; undisturbed, it must not."""
    calm = killed(stand, CONTROL, stand.seed, events=events // 4, kills=0, keys=200, role="naive")
    outcome.require(calm.holds, "undisturbed it holds", calm.holds)
    outcome.take(killed(stand, CONTROL, stand.seed, events=events, kills=kills, keys=1000, role="naive"))
    _must_show(outcome, calm.holds and bool(outcome.lost or outcome.doubled))


def naive_r9(stand: Stand, outcome: Outcome, *, events: int, kills: int) -> None:
    """Must count wrongly when it is killed."""
    outcome.take(killed(stand, CONTROL, stand.seed + 1, events=events, kills=kills, keys=500, role="naive"))
    _must_show(outcome, not outcome.state_equal)


def _must_show(outcome: Outcome, shows: bool) -> None:
    outcome.passed = shows
    outcome.detail.pop("not held", None)
