"""A process of the data directory is found again, ended for certain, and never mistaken for another."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import processes
from runtime.errors import ServerFailed
from runtime.processes import ManagedProcess, recorded

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[ManagedProcess]:
    process = ManagedProcess(tmp_path, "worker")
    yield process
    process.stop(0.1)


def _is_up(process: ManagedProcess) -> bool:
    return "up" in process.log_file.read_text()


def test_a_started_process_is_alive_until_it_is_stopped(worker: ManagedProcess) -> None:
    worker.start(SLEEPER)
    worker.wait_ready(lambda: _is_up(worker), 10)
    assert worker.alive()
    assert worker.record is not None
    pid = worker.record.pid
    worker.stop(5)
    assert not worker.alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_another_command_started_is_adopted_and_can_be_stopped(worker: ManagedProcess, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.processes import ManagedProcess\n"
        f"ManagedProcess(Path(sys.argv[1]), 'worker').start({SLEEPER!r}, ports=(1234,), setup='v1')"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2]
    )
    assert worker.adopt()
    assert worker.record is not None
    assert (worker.record.ports, worker.record.setup) == ((1234,), "v1")
    worker.stop(5)
    assert not worker.alive()
    assert not worker.adopt()


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(worker: ManagedProcess) -> None:
    worker.start(STUBBORN)
    worker.wait_ready(lambda: _is_up(worker), 10)
    began = time.monotonic()
    worker.stop(0.5)
    assert not worker.alive()
    assert 0.5 <= time.monotonic() - began < 5


def test_a_frozen_process_ends_within_the_grace(worker: ManagedProcess) -> None:
    worker.start(SLEEPER)
    worker.wait_ready(lambda: _is_up(worker), 10)
    assert worker.record is not None
    os.kill(worker.record.pid, signal.SIGSTOP)
    began = time.monotonic()
    worker.stop(10)
    assert time.monotonic() - began < 5


def test_a_process_that_dies_at_once_fails_with_its_last_line(worker: ManagedProcess) -> None:
    worker.start((sys.executable, "-c", "print('hello'); raise SystemExit('ValueError: no such topic')"))
    with pytest.raises(ServerFailed, match="worker ended before it was ready: ValueError: no such topic") as failure:
        worker.wait_ready(lambda: False, 10)
    assert str(worker.log_file) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_program_that_does_not_exist_fails_with_the_shells_word(worker: ManagedProcess) -> None:
    worker.start(("/nowhere/program",))
    with pytest.raises(ServerFailed, match="/nowhere/program"):
        worker.wait_ready(lambda: False, 10)


def test_a_process_that_is_never_ready_fails_after_the_timeout(worker: ManagedProcess) -> None:
    worker.start(SLEEPER)
    with pytest.raises(ServerFailed, match=r"was not ready after 0\.2 s"):
        worker.wait_ready(lambda: False, 0.2)
    assert worker.alive()


def test_the_line_of_an_earlier_start_is_not_blamed(worker: ManagedProcess) -> None:
    worker.log_file.parent.mkdir()
    worker.log_file.write_text("ERROR of yesterday\n")
    worker.start(("/bin/sh", "-c", "exit 3"))
    with pytest.raises(ServerFailed, match="it wrote nothing"):
        worker.wait_ready(lambda: False, 10)


def test_a_process_of_the_same_id_that_began_at_another_time_is_not_ours(worker: ManagedProcess) -> None:
    worker.start(SLEEPER)
    assert worker.record is not None
    pid, record_file = worker.record.pid, worker.log_file.parents[1] / "run" / "worker.json"
    genuine = record_file.read_text()
    record_file.write_text(genuine.replace(worker.record.began, "another moment"))
    stranger = ManagedProcess(worker.log_file.parents[1], "worker")
    assert not stranger.adopt()
    stranger.stop(0.1)
    os.kill(pid, 0)


def test_a_zombie_is_not_alive(worker: ManagedProcess) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = processes.identify(child.pid)
    assert record is not None
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and not collected
    assert processes.identify(child.pid) is None
    assert child.stdin is not None
    child.stdin.close()
    child.wait()


def test_a_damaged_record_counts_as_none(worker: ManagedProcess, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.json").write_text('{"pid": ')
    assert not worker.adopt()


def test_all_live_processes_of_a_data_directory_are_listed(worker: ManagedProcess, tmp_path: Path) -> None:
    worker.start(SLEEPER)
    dead = ManagedProcess(tmp_path, "dead")
    dead.start(("/bin/sh", "-c", "exit 0"))
    while dead.alive():
        time.sleep(0.01)
    assert [process.name for process in recorded(tmp_path)] == ["worker"]


def test_a_child_holds_none_of_the_callers_streams_and_no_terminal_signal_reaches_it(
    worker: ManagedProcess, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.processes import ManagedProcess\n"
        f"ManagedProcess(Path(sys.argv[1]), 'worker').start({SLEEPER!r})"
    )
    held, inherited = os.pipe()
    os.set_inheritable(inherited, True)
    caller = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,  # returns only when nobody holds the pipes any more
        pass_fds=[inherited],
        timeout=20,
        check=True,
    )
    os.close(inherited)
    assert os.read(held, 1) == b""
    os.close(held)
    assert caller.stdout == caller.stderr == b""
    assert worker.adopt()
    assert worker.record is not None
    assert os.getsid(worker.record.pid) == worker.record.pid


def test_what_a_killed_process_started_goes_with_it(worker: ManagedProcess, tmp_path: Path) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! > {tmp_path}/grandchild; echo up; while :; do sleep 0.1; done"
    worker.start(("/bin/sh", "-c", script))
    worker.wait_ready(lambda: _is_up(worker), 10)
    grandchild = int((tmp_path / "grandchild").read_text())
    worker.stop(0.2)
    until = time.monotonic() + 5
    while processes.identify(grandchild) and time.monotonic() < until:
        time.sleep(0.02)
    assert processes.identify(grandchild) is None


def test_a_long_log_is_set_aside_at_the_next_start(worker: ManagedProcess) -> None:
    worker.log_file.parent.mkdir()
    with worker.log_file.open("wb") as log:
        log.truncate(processes.LOG_BYTES_MAX + 1)
    worker.start(("/bin/sh", "-c", "echo fresh; sleep 60"))
    worker.wait_ready(lambda: worker.log_file.read_text() == "fresh\n", 10)
    assert worker.log_file.with_suffix(".log.1").stat().st_size > processes.LOG_BYTES_MAX


def test_a_starter_that_dies_before_the_record_is_written_leaves_nothing_running(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from runtime.processes import ManagedProcess\n"
        "class Doomed(ManagedProcess):\n"
        "    def _remember(self, record):\n"
        "        print(record.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Doomed(Path(sys.argv[1]), 'worker').start({SLEEPER!r})"
    )
    starter = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert starter.returncode == -signal.SIGKILL
    until = time.monotonic() + 5
    while processes.identify(int(starter.stdout)) and time.monotonic() < until:
        time.sleep(0.02)
    assert processes.identify(int(starter.stdout)) is None
    assert "up" not in (tmp_path / "logs" / "worker.log").read_text()
