"""`auterity read-models` on a real Kafka: without its file, rebuilt, said again; the rows are the same."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.kafka import committed
from runtime.read_models import check
from schemas.codec import Codec
from sinks.read_models.sink import AnotherLog
from sinks.read_models.store import FILE, turn, writing
from sinks.read_models.tables import METADATA
from tests.domain.simulation import Flow, case
from tests.harness import ROOT, START_S, Worker, feed

STAGES = ["read-models"]


def flow() -> Flow:
    return case(6).flow(6, faults=True)


def rows(folder: Path) -> dict[str, list[str]]:
    """Returns every row of every table."""
    engine = writing(folder, None)
    with turn(engine) as connection:
        found = {each.name: sorted(map(repr, connection.execute(select(each)))) for each in METADATA.sorted_tables}
    engine.dispose()
    return found


def rebuilt(worker: Worker) -> None:
    """Runs `auterity read-models --rebuild`."""
    argv = [sys.executable, "-m", "runtime.cli", "read-models", "--rebuild", "--json"]
    done = subprocess.run(argv, env=worker._env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=START_S)
    assert not done.returncode, done.stderr


def test_a_lost_file_and_a_rebuild_give_the_same_rows(log: Any, registered: Codec, prefix: str, tmp_path: Path) -> None:
    outgoing = [registered.encode(each.event, each.source) for each in flow().written()]
    with Worker(log, prefix, tmp_path, "read-models") as worker:
        feed(log, outgoing)
        worker.settle(stages=STAGES)
        live = rows(tmp_path)
        assert len(live["steps"]) > 20
        assert worker.stop() == 0

        for each in tmp_path.glob(f"{FILE}*"):
            each.unlink()
        worker.start()
        worker.settle(stages=STAGES)
        assert rows(tmp_path) == live

        rebuilt(worker)  # beside the process, which goes on behind it
        assert rows(tmp_path) == live
        feed(log, outgoing[:20])  # said again: new places, no new facts
        worker.settle(stages=STAGES)
        again = rows(tmp_path)
        assert again.pop("applied") != live.pop("applied")
        assert again == live


def test_a_store_of_a_longer_log_is_refused_and_one_that_lacks_something_is_filled_again(
    log: Any, registered: Codec, prefix: str
) -> None:
    feed(log, [registered.encode(flow().first("workflow-runs")[0], "test")])
    with pytest.raises(AnotherLog, match=r"workflow-runs/3 up to 7, where Kafka ends at [01]: they are of another log"):
        check(log.bootstrap, f"{prefix}.read-models", {("workflow-runs", 3): 7})
    check(log.bootstrap, f"{prefix}.read-models", {})
    assert committed(log.bootstrap, f"{prefix}.read-models") == {}
