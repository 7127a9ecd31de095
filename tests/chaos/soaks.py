"""R21 and R25: a constant load for long, with memory and open files looked at; and how much a core takes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from runtime.status import lags
from tests.chaos.arena import Arena
from tests.chaos.crew import Crew, usage
from tests.chaos.drive import Drive
from tests.chaos.feeder import Feeder
from tests.chaos.part import Part
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.tables import query
from tests.harness import business_event, define, until

DRIFT_MB, DRIFT_BESIDE_MB = 20.0, 40.0
"""The second beside other rows on the same processors: who falls behind fetches more at a time, and keeps the room."""
FILES_MAX = 4
ENGINES_MAX = 1000
"""Files of RocksDB's tables and ClickHouse's parts come and go with merges, and those of threads with the threads."""
SAMPLE_S = 1.0
GROWTH_MAX = 0.10
IDLE_SAMPLES = 15
"""Of memory at a mark: more seconds than lie between two times that the worker trims its own."""
SUBJECT_EVENTS = 20
FEED_AHEAD = 20_000
CHECK_S = 2.0
ENOUGH_S = 60.0
"""With less time left, no more is fed."""
CORE_RATE = 20_000
SINK_RATE = 60_000


class Use(msgspec.Struct, frozen=True):
    """Resident memory and open files of a process at one moment."""

    resident_mb: float
    files: int
    engines: int
    """Files that RocksDB and ClickHouse hold, not among the others."""


def r21(stand: Stand, outcome: Outcome, *, seconds: float, rate: float, warm_s: float, events: int) -> None:
    """Soaks the pipeline for so long; or, with `events`, the whole flow in one worker with so many."""
    if events:
        whole_flow(stand, outcome, events)
        return
    with stand.drive("R21", workers=1) as drive:
        soaked(drive, outcome, seconds, rate, warm_s)
        outcome.take(drive.verdict())


def soaked(drive: Drive, outcome: Outcome, seconds: float, rate: float, warm_s: float) -> None:
    """Loads the pipeline, and compares what it holds when all is done with what it held so after the warm-up.

    The least of some idle seconds counts: under load, merges of ClickHouse take and give back 50 MB at any moment.
    """
    warm, load = _marked(drive, outcome, warm_s, rate), _marked(drive, outcome, seconds - warm_s, rate)
    for name, before in warm.items():
        drift = min(each.resident_mb for each in load[name]) - min(each.resident_mb for each in before)
        files = median(each.files for each in load[name]) - median(each.files for each in before)
        allowed = DRIFT_MB if outcome.timed else DRIFT_BESIDE_MB
        outcome.require(drift <= allowed, f"{name} drift MB", round(drift, 1))
        outcome.require(abs(files) <= FILES_MAX, f"{name} files more", files)
    outcome.require(not drive.exits(), "processes that ended", len(drive.exits()))


def _marked(drive: Drive, outcome: Outcome, seconds: float, rate: float) -> dict[str, list[Use]]:
    """Loads the pipeline for so long; returns what each process holds, second by second, once all is done."""
    pids = {name: member.pid for name, member in drive.crew.members.items()}
    engines = dict.fromkeys(pids, 0)
    until_s = drive.now() + seconds
    drive.feed(int(seconds * rate), rate)
    while drive.now() < until_s:
        drive.rest(SAMPLE_S)
        engines = {name: max(most, use(pids[name]).engines) for name, most in engines.items()}
    drive.settle()
    for name, most in engines.items():
        outcome.require(most <= ENGINES_MAX, f"{name} engine files", most)
    return dict(zip(pids, _idle(list(pids.values())), strict=True))


def whole_flow(stand: Stand, outcome: Outcome, events: int) -> None:
    """Runs `auterity worker` and `auterity analytics`, and compares the worker's memory at a fifth and at the end."""
    at = stand.arena
    at.fresh()
    define(at)
    parts = [
        Part(role, role, at.bootstrap, at.registry, at.place / "flow", at.prefix) for role in ("worker", "analytics")
    ]
    feeder = Feeder(at.bootstrap, at.codec)
    marks: dict[str, list[float]] = {}
    began = time.monotonic()
    with Crew(parts) as crew:
        crew.ready()
        for fed in range(0, events, FEED_AHEAD):
            if stand.left_s < ENOUGH_S:
                outcome.require(False, "ran as far as", fed)
                break
            span = range(fed, min(events, fed + FEED_AHEAD))
            feeder.write(business_event(number, f"case-{number // SUBJECT_EVENTS}") for number in span)
            feeder.flush()
            until(lambda: sum(_behind(at.bootstrap, at.prefix).values()) < FEED_AHEAD, 3600, CHECK_S)
            resident = use(crew.members["worker"].pid).resident_mb
            outcome.events = span.stop
            if span.stop >= events // 5 and "at a fifth" not in marks:
                marks["at a fifth"] = _done(at, crew)
            stand.say(f"R21: {span.stop:,} events, {resident:.0f} MB, {time.monotonic() - began:.0f} s")
        marks["at the end"] = _done(at, crew)
        sink = use(crew.members["analytics"].pid).resident_mb
        exits = [code for member in crew.members.values() for code in member.exits]
    growth = median(marks["at the end"]) / median(marks.get("at a fifth", marks["at the end"])) - 1
    for name, found in marks.items():
        outcome.detail[f"worker MB {name}: least, median, most"] = [
            round(each) for each in (min(found), median(found), max(found))
        ]
    outcome.detail["analytics MB at the end"] = round(sink)
    outcome.require(growth <= GROWTH_MAX, "growth", round(growth, 3))
    outcome.require(not exits, "processes that ended", exits)
    if exits:
        crew.tell_logs()
    _judged(outcome, at.place / "flow" / "clickhouse")


def _done(at: Arena, crew: Crew) -> list[float]:
    """Returns the megabytes that the worker holds, second by second, once all is done."""
    until(lambda: not any(_behind(at.bootstrap, at.prefix).values()), 3600, CHECK_S)
    return [each.resident_mb for each in _idle([crew.members["worker"].pid])[0]]


def _idle(pids: Sequence[int]) -> list[list[Use]]:
    """Returns what each process holds, second by second, until its allocator has given back."""
    found: list[list[Use]] = [[] for _ in pids]
    for _ in range(IDLE_SAMPLES):
        time.sleep(SAMPLE_S)
        for pid, uses in zip(pids, found, strict=True):
            uses.append(use(pid))
    return found


def _judged(outcome: Outcome, folder: Path) -> None:
    """Adds what the tables say of the whole flow: every event has its row and its request, every run its end."""
    runs = -(-outcome.events // SUBJECT_EVENTS)
    for noun, wanted, what in (
        ("business_events", outcome.events, "event_id"),
        ("requests", outcome.events, "causation_id"),
        ("workflow_runs", runs, "if(status = 'completed', run_id, NULL)"),
    ):
        [[rows, different]] = query(folder, f"SELECT count({what}), uniqExact({what}) FROM auterity.{noun}")
        outcome.lost += max(0, wanted - int(different))
        outcome.doubled += max(0, int(rows) - wanted)
        outcome.detail[noun] = int(rows)
    outcome.require(not (outcome.lost or outcome.doubled), "lost, doubled", [outcome.lost, outcome.doubled])


def r25(stand: Stand, outcome: Outcome, *, events: int, backlog: bool) -> None:
    """Measures how many events a worker takes for each second of processor time, with everything on.

    With `backlog` the sink begins when the worker is done, and is measured too: beside the worker it never has much to
    do at a time.
    """
    with stand.drive("R25", workers=1) as drive:
        [name] = drive.workers
        held = drive.now()
        if backlog:
            drive.crew.hold("sink")
        drive.feed(events)
        drive.reach(events // 10)  # warm
        rate = _core_rate(drive, name, drive.totals, lambda: drive.reach(events))
        outcome.require(rate >= CORE_RATE or not outcome.timed, "events a second and core", rate)
        if backlog:
            drive.crew.release("sink")
            drive.crew.ready(["sink"])
            drive.monitor.excused.append((drive.sink, held, drive.now()))
            rate = _core_rate(drive, "sink", drive.sink, drive.settle)
            outcome.require(rate >= SINK_RATE or not outcome.timed, "rows a second and core", rate)
        else:
            drive.settle()
        outcome.take(drive.verdict())


def _core_rate(drive: Drive, name: str, group: str, work: Callable[[], object]) -> int:
    """Returns how many records the group commits during the work, for each second of the process's time."""
    pid = drive.crew.members[name].pid
    before, done = usage(pid)[0], drive.monitor.done(group)
    work()
    return round((drive.monitor.done(group) - done) / (usage(pid)[0] - before))


def use(pid: int) -> Use:
    """Returns what the process holds now."""
    return Use(*usage(pid)[1:])


def _behind(bootstrap: str, prefix: str) -> dict[str, int]:
    behind = lags(bootstrap, prefix)
    del behind["read-models"]  # nobody fills them here
    return {stage: sum(places.values()) for stage, places in behind.items()}
