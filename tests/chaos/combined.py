"""Runs of the gate that serve several rows at once: faults of parts that do not know of each other."""

from concurrent.futures import ThreadPoolExecutor

import msgspec

from tests.chaos.disturbances import RATE, freeze, terminate, told
from tests.chaos.outages import sink_outages
from tests.chaos.poisons import DEATHS_MAX, deaths, mixed, poisoned
from tests.chaos.rebuilds import again, cold, filled
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand


class Shared(msgspec.Struct, frozen=True):
    """How much of each."""

    zombies: int = 3
    stops: int = 20
    outage_s: float = 20.0
    bad: int = 10_000
    good: int = 10_000
    events: int = 5000
    keys: int = 50_000
    recovered_s: float = 10.0
    rebuilds: int = 2


def disturbed(stand: Stand, outcome: Outcome, how: Shared) -> None:
    """R3, R12, R14: ClickHouse is away in every way, while workers are frozen, woken, and asked to end."""
    with stand.drive("R3 R12 R14") as drive, ThreadPoolExecutor(1) as pool:
        with drive.load(RATE):
            away = pool.submit(sink_outages, drive, how.outage_s, 1)
            freeze(drive, how.zombies)
            told(outcome, terminate(drive, how.stops, at_once=2))
            passed = away.result()["committed while away"]
        drive.settle()
        outcome.require(not passed, "committed while away", passed)
        drive.rebuild()
        outcome.detail["frozen"] = how.zombies
        outcome.take(drive.verdict())


def poisonous(stand: Stand, outcome: Outcome, how: Shared) -> None:
    """R5, R8: what nobody can read, then an event at which the decider raises and one at which the process dies."""
    with stand.drive("R5 R8", keys=200) as drive:
        mixed(drive, how.bad, how.good)
        drive.settle()
        outcome.require(not drive.exits(), "processes that ended", len(drive.exits()))
        poisoned(drive, 1, 1, how.events)
        drive.settle()
        outcome.require(deaths(drive) <= DEATHS_MAX, "deaths", deaths(drive))
        outcome.take(drive.verdict())


def rebuilt(stand: Stand, outcome: Outcome, how: Shared) -> None:
    """R10, R22: a worker without its disk, then state made again from the topics alone."""
    with stand.drive("R10 R22", keys=how.keys, workers=1) as drive:
        filled(drive, 0)
        cold(drive, outcome, how.recovered_s)
        again(stand, drive, outcome, how.rebuilds)
        outcome.take(drive.verdict())
