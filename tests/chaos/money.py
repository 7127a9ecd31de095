"""R20: more calls than a budget pays for, all at once; what the provider bills never passes it, whatever is killed."""

import time
from itertools import pairwise
from random import Random

from tests.chaos.reckoning import Reckoning, reckon
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.till import Till

LATENCY_MS = 150
"""Of the provider: when a worker is killed many attempts are open, and many are over."""
PAUSE_S = 1.0
"""After the moment of a fault, at most: chance."""
WAIT_S = 20.0
"""For the moment of a fault; it comes then at the latest."""


def killed(stand: Stand, outcome: Outcome, *, calls: int, kills: int, seeds: int, workers: int, broker: bool) -> None:
    """Kills workers while attempts are open; with `broker`, the broker once as well."""
    for number in range(seeds):
        seed = stand.seed + number
        with Till(stand.arena, seed, calls, workers, LATENCY_MS) as till:
            chance = Random(f"{seed} kills")
            till.feed(0, calls)
            for share in sorted(chance.uniform(0.05, 0.95) for _ in range(kills)):
                till.reach(share * calls / 2, WAIT_S)
                time.sleep(chance.uniform(0.0, PAUSE_S))
                till.kill()
            if broker and stand.arena.kafka is not None:
                stand.arena.broker_crash()
            _told(stand, outcome, till, seed)


def frozen(stand: Stand, outcome: Outcome, *, calls: int, times: int, seeds: int) -> None:
    """Freezes the writer of the budgets with its decisions in hand; it is replaced, wakes, and says them."""
    for number in range(seeds):
        seed = stand.seed + number
        with Till(stand.arena, seed, calls, 2, LATENCY_MS) as till:
            chance = Random(f"{seed} frozen")
            at = [0, *sorted(chance.randrange(calls // 10, calls * 9 // 10) for _ in range(times)), calls]
            till.feed(0, at[1])
            for begin, end in pairwise(at[1:]):
                till.reach(begin / 4, WAIT_S)
                till.freeze(lambda begin=begin, end=end: till.feed(begin, end))
            _told(stand, outcome, till, seed)


def _told(stand: Stand, outcome: Outcome, till: Till, seed: int) -> None:
    late = till.settle()
    statuses, repeated = dict(till.watch.statuses), till.watch.repeated
    found = reckon(till)
    outcome.add_spent(len(till.calls), found.lost, found.doubled, not found.unlike, found.overshoot)
    outcome.passed &= found.holds
    seen = f"bill {found.bill} and ledger {found.ledger} of {found.cap}, {found.asked} asked, {late} leases ended"
    stand.say(f"  seed {seed}: {seen}, {repeated} said again, {statuses}")
    outcome.detail[f"seed {seed}"] = seen if found.holds else f"{seen}: {_flaws(found)}"
    outcome.detail["said again"] = outcome.detail.get("said again", 0) + repeated
    outcome.detail["kills"] = outcome.detail.get("kills", 0) + till.kills


def _flaws(found: Reckoning) -> str:
    names = ("overshoot", "short", "lost", "doubled", "open", "unlike")
    return ", ".join(f"{name} {value}" for name in names if (value := getattr(found, name)))
