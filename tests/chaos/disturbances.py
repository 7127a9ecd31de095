"""R12 and R14: workers that are frozen past their session and woken, or asked to end, under load."""

import threading
from random import Random
from statistics import median

from tests.chaos.drive import Drive
from tests.chaos.faults import Fault
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand

BEYOND_S = 3.0
"""A frozen worker sleeps so much longer than its session lasts."""
EXIT_S = 10.0
RATE = 1500.0
"""Events a second, so that the load lasts as long as the faults."""


def r12(stand: Stand, outcome: Outcome, *, zombies: int) -> None:
    """Freezes workers in turn; when they wake their partitions are somebody else's."""
    with stand.drive("R12") as drive:
        freeze(drive, zombies)
        drive.settle()
        drive.rebuild()
        outcome.detail["frozen"] = zombies
        outcome.take(drive.verdict())


def r14(stand: Stand, outcome: Outcome, *, stops: int) -> None:
    """Asks workers to end, one after the other."""
    with stand.drive("R14") as drive:
        seconds = terminate(drive, stops)
        drive.settle()
        outcome.require(max(seconds) <= EXIT_S, "slowest exit s", round(max(seconds), 1))
        outcome.detail["median exit s"] = round(median(seconds), 1)
        outcome.detail["exits"] = sorted({code for each in drive.crew.members.values() for code in each.exits})
        outcome.take(drive.verdict())


def freeze(drive: Drive, zombies: int) -> None:
    """Freezes a worker so many times, each past its session, while events keep coming."""
    chance = Random(f"{drive.seed} zombies")
    session_s = drive.crew.members[drive.workers[0]].part.session_timeout_s
    with drive.load(RATE):
        for _ in range(zombies):
            drive.play([Fault("stop", 0.0, chance.choice(drive.workers), session_s + BEYOND_S)], 1)
            drive.rest(chance.uniform(2.0, 5.0))


def terminate(drive: Drive, stops: int) -> list[float]:
    """Ends a worker with SIGTERM so many times, while events keep coming; returns how long each took."""
    chance = Random(f"{drive.seed} stops")
    seconds = []
    with drive.load(RATE):
        for _ in range(stops):
            name = chance.choice(drive.workers)
            drive.crew.ready([name])
            seconds.append(drive.crew.term(name))
            drive.applied.append((drive.now(), Fault("term", 0.0, name)))
            drive.rest(chance.uniform(0.5, 3.0))
    return seconds


def at_once(*works: threading.Thread) -> None:
    """Runs the threads side by side."""
    for each in works:
        each.start()
    for each in works:
        each.join()
