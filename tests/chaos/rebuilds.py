"""R10 and R22: state is made again from the topics alone, by other workers, on another day; and from its changelog."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from connectors.reader import read_all
from schemas.record import Record
from streams.changelog import Fold
from streams.table import Kept
from tests.chaos.crew import Crew
from tests.chaos.drive import Drive
from tests.chaos.monitor import Monitor
from tests.chaos.part import Part
from tests.chaos.report import Outcome
from tests.chaos.stand import Stand
from tests.chaos.totals import NAME
from tests.harness import until

DAY_S = 86_400.0
BATCHES = (0, 37, 1)
"""Records of a run at most; 0: the product's own."""
WORKERS = (2, 4, 1)
REBUILD_S = 3600.0
PROBES = 64
"""Events that show that a worker which begins anew has its state again: every partition has one."""


class Way(msgspec.Struct, frozen=True):
    """How a rebuild differs from the first run."""

    workers: int
    batch: int
    ahead_s: float
    hash_seed: int


def r10(stand: Stand, outcome: Outcome, *, events: int, keys: int, rebuilds: int) -> None:
    """Rebuilds state with other numbers of workers, sizes of batches, clocks and hash seeds."""
    with stand.drive("R10", keys=keys, workers=1) as drive:
        filled(drive, events)
        again(stand, drive, outcome, rebuilds)
        outcome.take(drive.verdict())


def r22(stand: Stand, outcome: Outcome, *, keys: int, seconds: float) -> None:
    """Takes a worker's disk away and measures until it has taken in an event of every partition."""
    with stand.drive("R22", keys=keys, workers=1) as drive:
        filled(drive, 0)
        cold(drive, outcome, seconds)
        outcome.take(drive.verdict())


def filled(drive: Drive, events: int) -> None:
    """Writes an event of every key there may be, and so many of keys by chance, and waits until all are taken in."""
    subjects = (drive.oracle.event(f"subject-{number}") for number in range(drive.oracle.keys))
    drive.feeder.write(subjects)
    drive.feeder.write(drive.oracle.events(events))
    drive.settle()


def cold(drive: Drive, outcome: Outcome, seconds: float) -> None:
    """Starts the worker without its disk while events wait for it."""
    [name] = drive.workers
    before = drive.monitor.look().done
    assert before is not None
    drive.crew.hold(name)
    drive.feeder.write(drive.oracle.events(PROBES))
    drive.feeder.flush()
    began = time.monotonic()
    drive.crew.release_without_disk(name)
    drive.reach(before[drive.totals] + PROBES)
    took = time.monotonic() - began
    outcome.within(round(took, 1), seconds, "recovered after s")
    outcome.detail["keys"] = drive.oracle.keys
    drive.settle()


def again(stand: Stand, drive: Drive, outcome: Outcome, rebuilds: int) -> None:
    """Rebuilds so many times and compares the digests of all states; and all copies of each output."""
    digests = {dump(stand.arena.bootstrap, stand.arena.changelog())}
    for number in range(rebuilds):
        way = Way(
            WORKERS[number % 3],
            BATCHES[(number + number // 3) % 3],
            DAY_S * (number % 2),
            number % 3,
        )
        digests.add(_rebuilt(stand, drive, f"{drive.arena.prefix}-{number}", way))
    outcome.require(len(digests) == 1, "different digests of the state", len(digests))
    outcome.detail["digest"] = sorted(digests)[0][:16]
    unlike = _unlike(stand.arena.bootstrap, "agent-steps")
    outcome.require(not unlike, "outputs whose copies differ", unlike)


def dump(bootstrap: str, changelog: str) -> str:
    """Returns the SHA-256 of every key and its state, sorted, without the offsets applied."""
    states: dict[bytes, bytes] = {}
    for partition, records in _by_partition(bootstrap, changelog):
        fold = Fold()
        for key, value in fold.take(records):
            states.pop(key, None)
            if value is not None:
                states[key] = bytes(msgspec.msgpack.decode(value, type=Kept).state)
        assert not fold.stale, f"partition {partition} holds changes of a former writer alone"
    told = sha256()
    for key in sorted(states):
        told.update(len(key).to_bytes(4) + key + len(states[key]).to_bytes(4) + states[key])
    return told.hexdigest()


def _rebuilt(stand: Stand, drive: Drive, prefix: str, way: Way) -> str:
    """Runs workers of a group of its own over the same topics, and returns the digest of what they know at the end."""
    at = stand.arena
    at.add_changelog(prefix)
    options: dict[str, Any] = {"run_records_max": way.batch, "clock_ahead_s": way.ahead_s, "hash_seed": way.hash_seed}
    parts = [
        Part("stage", f"{prefix}-{each}", at.bootstrap, at.registry, at.place / f"{prefix}-{each}", prefix, **options)
        for each in range(way.workers)
    ]
    group = f"{prefix}.{NAME}"
    with Crew(parts):
        monitor = Monitor(at.bootstrap, {group: ("business-events",)})
        try:
            until(lambda: not any(monitor.behind().values()), REBUILD_S, 0.3)
        finally:
            monitor.close()
    return dump(at.bootstrap, at.changelog(prefix))


def _unlike(bootstrap: str, topic: str) -> int:
    """Returns how many event ids have copies with different bytes."""
    first: dict[bytes | None, bytes] = {}
    unlike = 0
    for batch in read_all(bootstrap, [topic]):
        for record in batch:
            said = sha256(record.value or b"").digest()
            unlike += first.setdefault(_id(record), said) != said
    return unlike


def _id(record: Record) -> bytes | None:
    return next(value for name, value in record.headers if name == "ce_id")


def _by_partition(bootstrap: str, topic: str) -> Sequence[tuple[int, list[Record]]]:
    found: dict[int, list[Record]] = {}
    for batch in read_all(bootstrap, [topic]):
        for record in batch:
            found.setdefault(record.partition, []).append(record)
    return sorted(found.items())
