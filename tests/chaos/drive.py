"""One run: a crew at work on what a feeder writes, faults in between, and the verdict at the end."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from connectors.reader import read_all
from schemas.errors import Unavailable
from schemas.events import Event
from schemas.record import Outgoing
from tests.chaos.arena import Arena
from tests.chaos.crew import Crew
from tests.chaos.faults import Fault
from tests.chaos.feeder import Feeder
from tests.chaos.monitor import Monitor
from tests.chaos.oracle import Oracle
from tests.chaos.part import Part
from tests.chaos.tables import TOPICS
from tests.chaos.totals import NAME
from tests.chaos.verdict import SINK, Verdict, judge
from tests.harness import until

SETTLE_S = 240.0
POLL_S = 0.05
PAUSE_S = 30.0
"""Where a pause is looked for after a fault."""


class Drive:
    """A run on fresh topics; a context, after which its processes are gone."""

    def __init__(
        self,
        arena: Arena,
        seed: int,
        *,
        keys: int = 1000,
        workers: int = 3,
        role: str = "stage",
        worker_bootstrap: str = "",
        **options: Any,
    ) -> None:
        arena.fresh()
        self.arena = arena
        self.seed = seed
        self.oracle = Oracle(seed, keys)
        self.feeder = Feeder(arena.bootstrap, arena.codec)
        self.control = arena.place / "engine"
        self.workers = [f"{role}-{number}" for number in range(workers)]
        self.applied: list[tuple[float, Fault]] = []
        sink = self.part("sink", "sink", control=self.control)
        self.crew = Crew([sink, *(self.part(role, name, worker_bootstrap, **options) for name in self.workers)])
        self.totals, self.sink = f"{arena.prefix}.{NAME}", f"{arena.prefix}.{SINK}"

    def __enter__(self) -> "Drive":
        self.crew.__enter__()
        try:
            self.crew.ready()
        except BaseException:
            self.crew.tell_logs()
            self.crew.stop()
            raise
        self.monitor = Monitor(self.arena.bootstrap, {self.totals: ("business-events",), self.sink: TOPICS})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.monitor.close()
        self.crew.stop()
        if error is not None:
            self.crew.tell_logs()

    def part(self, role: str, name: str, bootstrap: str = "", **options: Any) -> Part:
        """Returns a process of this run."""
        at = self.arena
        return Part(role, name, bootstrap or at.bootstrap, at.registry, at.place / name, at.prefix, **options)

    def feed(self, count: int, rate: float = 0.0) -> None:
        """Begins to write so many events."""
        self.feeder.start(self.oracle.events(count), rate)

    @contextmanager
    def load(self, rate: float) -> Iterator[None]:
        """Feeds so many events a second for as long as it is entered."""
        over = threading.Event()

        def events() -> Iterator[Event]:
            while not over.is_set():
                yield from self.oracle.events(1)

        self.feeder.start(events(), rate)
        try:
            yield
        finally:
            over.set()
            self.feeder.join()

    def feed_more(self, count: int) -> None:
        """Waits for what is being fed, and begins to write so many events more."""
        self.feeder.join()
        self.feed(count)

    def reach(self, count: float, timeout_s: float = SETTLE_S) -> None:
        """Returns when so many events are through."""
        until(lambda: self.monitor.done(self.totals) >= count, timeout_s)

    def reach_sink(self, count: float, timeout_s: float = SETTLE_S) -> None:
        """Returns when the sink has committed so many records."""
        until(lambda: self.monitor.done(self.sink) >= count, timeout_s)

    def rest(self, seconds: float) -> None:
        """Lets time pass."""
        time.sleep(max(0.0, seconds))

    def now(self) -> float:
        """Returns the time as the monitor counts it."""
        return time.monotonic()

    def play(self, faults: Iterable[Fault], events: int) -> None:
        """Does each fault when its share of so many events is through."""
        last = time.monotonic()
        for fault in faults:
            while self.monitor.done(self.totals) < fault.at * events and time.monotonic() < last + fault.after_s:
                time.sleep(POLL_S)
            last = time.monotonic()
            self.applied.append((last, fault))
            self.do(fault)

    def do(self, fault: Fault) -> None:
        """Does one fault; returns when it is over."""
        match fault.kind:
            case "kill":
                self.crew.kill(fault.target)
            case "stop":
                self.crew.freeze(fault.target, fault.for_s)
            case "broker":
                self.arena.broker_crash(fault.for_s)
            case _:
                self.control.write_text(fault.kind)
                time.sleep(fault.for_s)
                self.control.unlink()

    def settle(self, timeout_s: float = SETTLE_S) -> None:
        """Returns when everything fed is acknowledged, and committed by every group, twice running."""
        self.feeder.join()
        idle = 0

        def quiet() -> bool:
            nonlocal idle
            try:
                behind = self.monitor.behind()
            except Unavailable:
                behind = {"broker": 1}
            idle = 0 if any(behind.values()) else idle + 1
            return idle >= 2

        until(quiet, timeout_s, 0.3)

    def settled(self, timeout_s: float = SETTLE_S) -> bool:
        """Settles; False when it does not come to that within the time."""
        try:
            self.settle(timeout_s)
        except AssertionError:
            return False
        return True

    def rebuild(self) -> None:
        """Takes every worker's disk away, so that state comes from the changelog, and asks each key once more."""
        for name in self.workers:
            self.crew.hold(name)
        for name in self.workers:
            self.crew.release_without_disk(name)
        self.feeder.start(list(self.oracle.each_key()))
        self.settle()

    def pauses(self) -> list[float]:
        """Returns for each fault that cost the group a member how long nothing moved afterwards."""
        found = []
        for at, fault in self.applied:
            if fault.kind in ("kill", "term", "stop"):
                after = [seconds for group, _, seconds in self.monitor.pauses(at, at + PAUSE_S) if group == self.totals]
                found.append(round(max(after, default=0.0), 1))
        return found

    def at_work(self) -> list[str]:
        """Returns the workers that have said that they run."""
        return [name for name in self.workers if self.crew.members[name].part.ready.exists()]

    def exits(self) -> list[int]:
        """Returns how each process ended that ended by itself."""
        return [code for member in self.crew.members.values() for code in member.exits]

    def letters(self, number: int) -> list[Outgoing]:
        """Returns the records of which the stage's dead letters tell, as they were, that name this schema id."""
        found = {}
        for batch in read_all(self.arena.bootstrap, ["dead-letters"]):
            for record in batch:
                letter = self.arena.codec.decode(record)
                if letter.stage == NAME and (letter.source_value or b"")[1:5] == number.to_bytes(4):
                    headers = [(each.name, each.value) for each in letter.source_headers]
                    found[letter.event_id] = Outgoing(
                        letter.source_topic, letter.source_key, letter.source_value, headers
                    )
        return list(found.values())

    def verdict(self) -> Verdict:
        """Ends all processes and returns what the tables say; nothing can follow."""
        copies = self.monitor.look_at("agent-steps")
        self.crew.stop()
        found = judge(self.arena.place / "sink" / "clickhouse", self.oracle, self.feeder.bad, self.feeder.poisoned)
        found.redelivered = max(0.0, copies / max(1, len(self.oracle.ids)) - 1)
        found.detail |= {"starts": sum(self.crew.facts().values()), "longest stall s": round(self.monitor.stall_s(), 1)}
        return found
