"""Measured processes: pinned, limited, and heard when they fail."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.cores import Cores, cores, pinned
from benchmarks.environments import NotThere, command
from benchmarks.process import Failed, measure
from benchmarks.task import Task
from runtime.bench import WrongName, bench

WELL = """
import os, sys
from benchmarks.clock import Clock
from benchmarks.task import given
clock = Clock()
clock.begin()
assert os.getcwd() == given().folder
assert os.sched_getaffinity(0) == {%d}
print("a framework says hello", end="")
sys.stdout.flush()
clock.end()
clock.leave(given().events)
"""


def task(folder: Path) -> Task:
    return Task(
        workload="replay", bootstrap="nowhere:1", topic="none", events=5, name="test", folder=str(folder / "own")
    )


def run(folder: Path, script: str, limit_s: float = 20.0) -> object:
    return measure([sys.executable, "-c", script], task(folder), cores(), limit_s, folder / "log")


def test_a_process_measures_itself_on_the_last_core_in_a_folder_of_its_own(tmp_path: Path) -> None:
    figures = run(tmp_path, WELL % max(os.sched_getaffinity(0)))

    assert figures.events == 5  # type: ignore[attr-defined]


def test_a_process_without_figures_fails_with_the_last_thing_it_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"ended with status 1: no such topic$"):
        run(tmp_path, "import sys; sys.exit('no such topic\\n\\tat Some.java(1)')")


def test_a_process_that_counts_other_events_than_it_was_given_fails(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="counted 4 events, not 5"):
        run(tmp_path, """print('{"events": 4, "seconds": 1.0, "cpu_seconds": 1.0}')""")


def test_a_process_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="not done within 1 s; nothing on standard error"):
        run(tmp_path, "import time; time.sleep(60)", limit_s=1.0)


def test_what_starts_meanwhile_runs_on_the_cores_it_is_pinned_to() -> None:
    before = os.sched_getaffinity(0)
    with pinned(frozenset({min(before)})):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_a_single_core_is_shared_and_the_report_can_say_so() -> None:
    assert not Cores(frozenset({0}), frozenset({0})).apart
    assert Cores(frozenset({1}), frozenset({0})).apart


def test_without_a_compiler_kafka_streams_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(NotThere, match="no JDK"):
        command("kafka-streams", tmp_path)


def test_without_uv_a_python_peer_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("benchmarks.environments.ROOT", tmp_path)

    with pytest.raises(NotThere, match="uv is not there"):
        command("quix-streams", tmp_path)


def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(WrongName, match="workload routing is none of decode-and-route, keyed-total"):
        bench(["routing"], [], None, None, False, print)
