"""One run of the benchmarks: servers, peers, data, then every row in turn, again and again."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from msgspec import Struct

from benchmarks import environments
from benchmarks.cores import Cores, cores, pinned
from benchmarks.environments import NotThere
from benchmarks.load import containers, load, part
from benchmarks.process import Failed, Figures, measure
from benchmarks.servers import Servers, running, schema_ids
from benchmarks.table import Line, Ratio, Report, Skipped, machine
from benchmarks.tally import Tally
from benchmarks.task import Task
from benchmarks.workloads import OURS, PEERS, WORKLOADS, Row, Workload
from schemas.errors import AuterityError

TOTAL_S = 23 * 60.0
"""After so long no further process is started; what is there is reported."""
PROCESS_S = 75.0
EVENTS = 200_000
REPETITIONS = 5
QUICK_EVENTS, QUICK_REPETITIONS = 20_000, 1

Say = Callable[[str], None]


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    workloads: frozenset[str] = frozenset(each.name for each in WORKLOADS)
    peers: frozenset[str] = frozenset(PEERS)
    events: int = EVENTS
    repetitions: int = REPETITIONS
    total_s: float = TOTAL_S


def run(wanted: Wanted, say: Say) -> Report:
    """Returns the report; starts what it needs and leaves nothing behind. Takes `total_s` and one process at most."""
    began = time.monotonic()
    kept = cores()
    chosen = [workload for workload in WORKLOADS if workload.name in wanted.workloads]
    with _ended_by_sigterm(), running(kept, say) as servers:
        here = Run(wanted, servers, kept, began + wanted.total_s, say)
        here.provide({row.peer for workload in chosen for row in here.rows(workload)})
        for index, workload in enumerate(chosen):
            here.workload(workload, workload.weight / sum(each.weight for each in chosen[index:]))
        return Report(
            ratios=here.ratios,
            rows=here.lines,
            skipped=here.skipped,
            notes=here.notes,
            events=wanted.events,
            repetitions=wanted.repetitions,
            seconds=round(time.monotonic() - began, 1),
            machine=machine(kept.apart),
        )


class Run:
    """What one run knows so far."""

    def __init__(self, wanted: Wanted, servers: Servers, kept: Cores, deadline: float, say: Say) -> None:
        self.ratios: list[Ratio] = []
        self.lines: list[Line] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        self._wanted = wanted
        self._servers = servers
        self._cores = kept
        self._deadline = deadline
        self._say = say
        self._commands: dict[str, list[str] | Exception] = {}
        self._count = 0

    def rows(self, workload: Workload) -> list[Row]:
        """Returns the rows that are wanted."""
        return [row for row in workload.rows if row.peer == OURS or row.peer in self._wanted.peers]

    def provide(self, peers: set[str]) -> None:
        """Makes the peers ready, side by side; one that cannot be had is remembered with the reason."""
        self._say(f"making ready: {', '.join(sorted(peers))} (downloads what is missing, once)")
        waiting = {peer: _begun(partial(environments.command, peer, self._servers.folder)) for peer in peers}
        until = time.monotonic() + environments.SETUP_S + environments.COMPILE_S
        for peer, future in waiting.items():
            try:
                self._commands[peer] = future.result(max(0.0, until - time.monotonic()))
            except TimeoutError:
                self._commands[peer] = NotThere("it was not ready in time")
            except Exception as error:  # noqa: BLE001  whatever keeps a peer away is a reason in the report
                self._commands[peer] = error

    def workload(self, workload: Workload, share: float) -> None:
        """Loads the data, measures every row in turn as often as wanted and as its share of the time allows."""
        left_s = self._deadline - time.monotonic()
        until = time.monotonic() + left_s * share
        if left_s > 0:
            self._say(f"{workload.name}: loading {self._whole(workload):,} events")
            with pinned(self._cores.others):
                self._load(workload)
        tally = Tally(workload)
        longest = 0.0
        for repetition in range(self._wanted.repetitions):
            began = time.monotonic()
            if repetition and began + longest > until:
                self.notes.append(f"{workload.name}: {repetition} repetitions, then its part of the time was over.")
                break
            for row in self.rows(workload):
                if tally.tries(row.who):
                    self._measure(workload, row, tally)
            longest = max(longest, time.monotonic() - began)
        self.lines += tally.lines()
        self.ratios += tally.ratios()
        self.skipped += tally.skipped()
        self.notes += tally.notes()
        self._servers.remove(self._servers.topics() - {"definitions"})

    def _load(self, workload: Workload) -> None:
        events = self._whole(workload)
        parts = sorted({self._events(workload, row) for row in self.rows(workload) if row.share < 1} - {events})
        load(self._servers.bootstrap, self._servers.codec, workload.topic, events, parts)
        if any(row.peer == "chdb" for row in self.rows(workload)):
            containers(self._servers.folder / "containers", events)

    def _whole(self, workload: Workload) -> int:
        return max(1, round(self._wanted.events * workload.share))

    def _events(self, workload: Workload, row: Row) -> int:
        return max(1, min(row.events_max, round(self._whole(workload) * row.share)))

    def _measure(self, workload: Workload, row: Row, tally: Tally) -> None:
        try:
            figures = self._measured(workload, row)
        except (Failed, AuterityError) as error:
            tally.failed(row.who, str(error), for_good=isinstance(error, NotThere))
            self._say(f"{workload.name}: {row.who}: {error}")
        else:
            tally.add(row.who, figures)
            self._say(f"{workload.name}: {row.who}: {figures.events_per_s:,.0f} events/s")

    def _measured(self, workload: Workload, row: Row) -> Figures:
        command = self._commands[row.peer]
        if isinstance(command, Exception):
            raise NotThere(str(command))
        if time.monotonic() > self._deadline:
            raise Failed("no time was left")
        before = self._servers.topics()
        self._count += 1
        events = self._events(workload, row)
        task = Task(
            workload=workload.name,
            bootstrap=self._servers.bootstrap,
            registry=self._servers.registry,
            topic=self._input(workload, row, events),
            events=events,
            name=f"benchmark-{self._count}",
            folder=str(self._servers.folder / f"process-{self._count}"),
            ids=schema_ids(self._servers.codec, workload.outputs),
            variant=row.variant,
        )
        try:
            figures = measure(command, task, self._cores, PROCESS_S, self._servers.folder / f"{task.name}.log")
            written = self._servers.records(workload.outputs)
            if row.compared and workload.outputs and written < events:
                raise Failed(f"wrote {written} records for {events} events")
        finally:
            self._servers.remove((self._servers.topics() - before) | set(workload.outputs))
        return figures

    def _input(self, workload: Workload, row: Row, events: int) -> str:
        if row.peer == "chdb":
            return str(self._servers.folder / "containers")
        return workload.topic if events == self._whole(workload) else part(workload.topic, events)


def _begun(act: Callable[[], list[str]]) -> "Future[list[str]]":
    """Starts it on a thread that the end of the program does not wait for."""
    future: Future[list[str]] = Future()

    def work() -> None:
        try:
            future.set_result(act())
        except Exception as error:  # noqa: BLE001  raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: the servers are stopped and the folder is removed."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
