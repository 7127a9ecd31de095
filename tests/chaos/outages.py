"""R2 and R3: the broker is killed, paused or away; ClickHouse refuses, hangs, answers too late, or writes a part."""

import signal
import time
from random import Random

from schemas.errors import Unavailable
from tests.chaos.disturbances import RATE
from tests.chaos.drive import Drive
from tests.chaos.faulty_engine import MODES
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand

RESUME_S = 30.0
PAUSE_S = 5.0
"""How long a slow broker does not answer."""
SETTLING_S = 2.0
"""What was written just before an outage may be committed just after its begin."""
SILENT = ("refuse", "hang", "late")
"""Modes in which nothing may be committed."""


def r2(stand: Stand, outcome: Outcome, *, kills: int, events: int, outage_s: float) -> None:
    """Kills the broker again and again, has it pause once, and keeps it away for a while."""
    chance = Random(f"{stand.seed} broker")
    resumed = []
    with stand.drive("R2") as drive:
        drive.feed(events)
        moments = sorted(chance.uniform(0.05, 0.8) for _ in range(kills))
        for at in moments:
            drive.reach(at * events)
            stand.arena.broker_crash()
            resumed.append(_resumes(drive))
        stand.arena.broker_signal(signal.SIGSTOP)
        time.sleep(PAUSE_S)
        stand.arena.broker_signal(signal.SIGCONT)
        if outage_s:
            drive.feed_more(events // 10)
            stand.arena.broker_crash(outage_s)
            resumed.append(_resumes(drive))
        drive.settle()
        outcome.within(round(max(resumed), 1), RESUME_S, "slowest resumption s")
        outcome.take(drive.verdict())


def r3(stand: Stand, outcome: Outcome, *, outage_s: float, times: int) -> None:
    """Takes ClickHouse away in every way there is."""
    with stand.drive("R3") as drive:
        with drive.load(RATE):
            found = sink_outages(drive, outage_s, times)
        began = time.monotonic()
        drive.settle()
        outcome.require(not found["committed while away"], "committed while away", found["committed while away"])
        outcome.detail["modes"] = found["modes"]
        outcome.within(round(time.monotonic() - began, 1), 2 * outage_s, "drained after s")
        outcome.take(drive.verdict())


def sink_outages(drive: Drive, outage_s: float, times: int) -> dict[str, int]:
    """Goes through the modes of the engine; returns how many there were, and what was committed in silent ones."""
    committed = 0
    for mode in MODES * times:
        began = drive.now()
        drive.control.write_text(mode)
        drive.rest(SETTLING_S)
        before = drive.monitor.look()
        drive.rest(outage_s - SETTLING_S)
        after = drive.monitor.look()
        drive.control.unlink()
        if before.done is None or after.done is None:
            raise Unavailable("the broker does not answer")
        if mode in SILENT:
            committed += after.done[drive.sink] - before.done[drive.sink]
        drive.reach_sink(after.done[drive.sink] + 1)
        drive.monitor.excused.append((drive.sink, began, drive.now()))
        drive.rest(1.0)
    return {"modes": len(MODES) * times, "committed while away": committed}


def _resumes(drive: Drive) -> float:
    """Returns how long it takes, from now on, until something more is committed; now, the broker is back."""
    began = time.monotonic()
    before = drive.monitor.done(drive.totals)
    while time.monotonic() - began < 2 * RESUME_S:
        sample = drive.monitor.look()
        done = -1 if sample.done is None else sample.done[drive.totals]
        if done > before or (sample.end is not None and done >= sample.end[drive.totals]):
            break
        time.sleep(0.2)
    return time.monotonic() - began
