"""R12 and R14: workers that are frozen past their session and woken, or asked to end, under load."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import median

from tests.chaos.drive import Drive
from tests.chaos.faults import Fault
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.harness import until

BEYOND_S = 3.0
"""A frozen worker sleeps so much longer than its session lasts."""
EXIT_S = 10.0
RATE = 1500.0
"""Events a second, so that the load lasts as long as the faults."""
READY_S = 60.0


def r12(stand: Stand, outcome: Outcome, *, zombies: int) -> None:
    """Freezes workers in turn; when they wake their partitions are somebody else's."""
    with stand.drive("R12") as drive:
        with drive.load(RATE):
            freeze(drive, zombies)
        drive.settle()
        drive.rebuild()
        outcome.detail["frozen"] = zombies
        outcome.take(drive.verdict())


def r14(stand: Stand, outcome: Outcome, *, stops: int) -> None:
    """Asks workers to end, one after the other."""
    with stand.drive("R14") as drive:
        with drive.load(RATE):
            told(outcome, terminate(drive, stops))
        drive.settle()
        outcome.detail["exits"] = sorted(set(drive.exits()))
        outcome.take(drive.verdict())


def told(outcome: Outcome, seconds: list[float]) -> None:
    """Adds how long the exits took."""
    outcome.detail |= {"stops": len(seconds), "median exit s": round(median(seconds), 1)}
    outcome.within(round(max(seconds), 1), EXIT_S, "slowest exit s")


def freeze(drive: Drive, zombies: int) -> None:
    """Freezes a worker so many times, each past its session."""
    chance = Random(f"{drive.seed} zombies")
    session_s = drive.crew.members[drive.workers[0]].part.session_timeout_s
    for _ in range(zombies):
        drive.play([Fault("stop", 0.0, chance.choice(drive.workers), session_s + BEYOND_S)], 1)
        drive.rest(chance.uniform(2.0, 5.0))


def terminate(drive: Drive, stops: int, at_once: int = 1) -> list[float]:
    """Ends workers that are at work with SIGTERM, so many times; returns how long each took."""
    chance = Random(f"{drive.seed} stops")
    seconds: list[float] = []
    with ThreadPoolExecutor(at_once) as pool:
        while len(seconds) < stops:
            until(lambda: bool(drive.at_work()), READY_S)
            names = chance.sample(drive.at_work(), min(at_once, stops - len(seconds), len(drive.at_work())))
            seconds += pool.map(drive.crew.term, names)
            drive.applied += [(drive.now(), Fault("term", 0.0, name)) for name in names]
            drive.rest(chance.uniform(0.2, 1.5))
    return seconds
