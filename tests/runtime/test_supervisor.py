"""What ends by itself is started again, ever more slowly; what does not stop in time is killed."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runtime import supervisor
from runtime.errors import ServerFailed
from runtime.processes import ManagedProcess, identify
from runtime.supervisor import BACK_OFF_S, Child, stop_all, supervise, worker_name, workers

ENDS_AT_ONCE = "raise SystemExit('it went wrong')"
STAYS = "import time; time.sleep(60)"
STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
READY = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""


class ChildOf(Child):
    """A child that runs this program instead; its ready file is the program's argument."""

    def __init__(self, folder: Path, program: str, name: str = "child") -> None:
        super().__init__(folder, name, ["nothing"], {})
        (folder / "run").mkdir(exist_ok=True)
        self.starts: list[float] = []
        self._argv = [sys.executable, "-c", program, str(folder / "run" / f"{name}.ready")]

    def start(self) -> None:
        self.starts.append(time.monotonic())
        super().start()

    @property
    def pid(self) -> int:
        assert self._process.record is not None
        return self._process.record.pid


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., ChildOf]]:
    """Makes children, and ends those that are left."""
    made: list[ChildOf] = []

    def make(program: str, name: str = "child") -> ChildOf:
        made.append(ChildOf(tmp_path, program, name))
        return made[-1]

    yield make
    for each in made:
        each._process.stop(0.05)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The supervisor's clock, moved by hand; the processes' own goes on."""
    found = Clock()
    monkeypatch.setattr(supervisor, "time", found)
    return found


def until(check: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(one: ChildOf) -> None:
    until(lambda: not one._process.alive())


def test_a_child_that_ends_at_once_is_started_again_with_growing_pauses(
    child: Callable[..., ChildOf], clock: Clock
) -> None:
    one = child("pass")
    one.start()
    pauses = []
    for _ in range(len(BACK_OFF_S) + 2):
        gone(one)
        began, starts = clock.now, len(one.starts)
        one.watch()
        while len(one.starts) == starts:
            clock.now += 0.25
            one.watch()
        pauses.append(clock.now - began)

    assert pauses == [*BACK_OFF_S, BACK_OFF_S[-1], BACK_OFF_S[-1]]


def test_a_child_that_lives_is_left_alone(child: Callable[..., ChildOf], clock: Clock) -> None:
    one = child(STAYS)
    one.start()
    pid = one.pid
    for _ in range(10):
        clock.now += 10
        one.watch()

    assert (one.pid, len(one.starts)) == (pid, 1)


def test_a_child_that_ran_long_enough_starts_again_without_a_pause(child: Callable[..., ChildOf], clock: Clock) -> None:
    one = child(STAYS)
    one.start()
    one._tries = 4
    clock.now += supervisor.STEADY_S + 1
    one.watch()
    os.kill(one.pid, signal.SIGKILL)
    gone(one)

    one.watch()

    assert len(one.starts) == 2


def test_a_child_that_ran_briefly_keeps_its_pauses(child: Callable[..., ChildOf], clock: Clock) -> None:
    one = child(STAYS)
    one.start()
    one._tries = 4
    clock.now += supervisor.STEADY_S - 1
    one.watch()
    os.kill(one.pid, signal.SIGKILL)
    gone(one)

    one.watch()

    assert len(one.starts) == 1


def test_a_child_that_ignores_sigterm_is_killed_after_its_time(
    child: Callable[..., ChildOf], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 1.0)
    one = child(STUBBORN)
    one.start()
    one.wait_ready()
    pid, began = one.pid, time.monotonic()

    one.stop()

    assert identify(pid) is None
    assert 1.0 <= time.monotonic() - began < 6


def test_a_frozen_child_is_stopped(child: Callable[..., ChildOf]) -> None:
    one = child(STAYS)
    one.start()
    pid = one.pid
    os.kill(pid, signal.SIGSTOP)

    one.stop()

    assert identify(pid) is None


def test_a_frozen_child_counts_as_running(child: Callable[..., ChildOf]) -> None:
    one = child(STAYS)
    one.start()
    os.kill(one.pid, signal.SIGSTOP)

    one.watch()

    assert len(one.starts) == 1


def test_a_child_of_the_same_name_that_still_runs_is_stopped_before(child: Callable[..., ChildOf]) -> None:
    first, second = child(STAYS), child(STAYS)
    first.start()
    pid = first.pid

    second.start()

    assert identify(pid) is None
    assert identify(second.pid) is not None


def test_ready_is_what_this_start_says_and_not_the_one_before(child: Callable[..., ChildOf]) -> None:
    one = child(READY)
    one.start()
    one.wait_ready()
    os.kill(one.pid, signal.SIGKILL)
    gone(one)
    one._argv[2] = "import time; time.sleep(0.5); raise SystemExit('it went wrong')"

    one.start()

    with pytest.raises(ServerFailed, match="child ended before it was ready: it went wrong"):
        one.wait_ready()


def test_a_child_that_ends_before_it_is_ready_says_why(child: Callable[..., ChildOf]) -> None:
    one = child(ENDS_AT_ONCE)
    one.start()

    with pytest.raises(ServerFailed, match="child ended before it was ready: it went wrong"):
        one.wait_ready()


def test_a_child_that_was_stopped_is_not_ready_any_more(child: Callable[..., ChildOf], tmp_path: Path) -> None:
    one = child(READY)
    one.start()
    one.wait_ready()
    one.stop()

    assert not (tmp_path / "run" / "child.ready").exists()


def test_stopping_what_never_ran_or_was_stopped_does_nothing(child: Callable[..., ChildOf]) -> None:
    one = child(STAYS)
    one.stop()
    one.start()
    one.stop()
    one.stop()


def test_children_are_stopped_side_by_side(child: Callable[..., ChildOf], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 1.0)
    children = [child(STUBBORN, f"child-{number}") for number in range(4)]
    for each in children:
        each.start()
    for each in children:
        each.wait_ready()
    began = time.monotonic()

    stop_all(children)

    assert time.monotonic() - began < 4 * 1.0
    assert not any(each._process.alive() for each in children)


def test_no_children_are_stopped_at_once() -> None:
    stop_all([])


def supervised(children: Sequence[Child], stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=supervise, args=(children, stop))
    thread.start()
    return thread


def test_children_that_are_killed_are_started_again_until_it_is_over(child: Callable[..., ChildOf]) -> None:
    children, stop = [child(STAYS, "one"), child(STAYS, "two")], threading.Event()
    thread = supervised(children, stop)
    try:
        until(lambda: all(each._process.alive() for each in children))
        killed = children[0].pid
        os.kill(killed, signal.SIGKILL)
        until(lambda: len(children[0].starts) == 2 and children[0]._process.alive())
    finally:
        stop.set()
        thread.join(20)

    assert not thread.is_alive()
    assert len(children[1].starts) == 1
    assert not any(each._process.alive() for each in children)


def test_a_child_that_cannot_be_started_at_all_leaves_none_of_the_others_running(
    child: Callable[..., ChildOf], monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, broken = child(STAYS, "fine"), child(STAYS, "broken")

    def fail() -> None:
        raise OSError("no space left")

    monkeypatch.setattr(broken, "start", fail)

    with pytest.raises(OSError, match="no space left"):
        supervise([fine, broken], threading.Event())
    assert not fine._process.alive()


def test_a_child_that_cannot_be_started_again_for_a_moment_costs_no_other_its_life(
    child: Callable[..., ChildOf], monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, broken, stop = child(STAYS, "fine"), child(STAYS, "broken"), threading.Event()
    thread = supervised([fine, broken], stop)
    try:
        until(lambda: fine._process.alive() and broken._process.alive())
        start, fails = broken.start, [OSError("no space left"), OSError("no space left")]

        def try_again() -> None:
            if fails:
                raise fails.pop()
            start()

        monkeypatch.setattr(broken, "start", try_again)
        os.kill(broken.pid, signal.SIGKILL)
        until(lambda: not thread.is_alive() or (not fails and broken._process.alive()))
        assert thread.is_alive()
        assert fine._process.alive()
    finally:
        stop.set()
        thread.join(20)


def test_workers_have_names_numbers_and_records_of_their_own(tmp_path: Path) -> None:
    names = [each._process.name for each in workers(tmp_path, 3, {})]

    assert names == [worker_name(1), worker_name(2), worker_name(3)] == ["worker", "worker-2", "worker-3"]


def test_a_worker_is_told_its_number_its_folder_and_its_environment(tmp_path: Path) -> None:
    second = workers(tmp_path, 2, {"AUTERITY_KAFKA": "here:9092"})[1]

    assert second._argv[2:] == ["runtime.cli", "worker", "--number", "2", "--data-dir", str(tmp_path)]
    assert second._env["AUTERITY_KAFKA"] == "here:9092"


def test_the_last_line_of_a_child_that_ended_is_logged(
    child: Callable[..., ChildOf], caplog: pytest.LogCaptureFixture
) -> None:
    one = child(ENDS_AT_ONCE)
    one.start()
    gone(one)

    one.watch()

    [told] = [record for record in caplog.records if record.message == "process ended"]
    assert (told.child, told.last_line) == ("child", "it went wrong")  # type: ignore[attr-defined]


def test_a_child_that_another_command_stopped_is_started_again(child: Callable[..., ChildOf], tmp_path: Path) -> None:
    one = child(STAYS)
    one.start()
    other = ManagedProcess(tmp_path, "child")
    assert other.adopt()
    other.stop(5)

    one.watch()

    assert len(one.starts) == 2
