"""ClickHouse's own engine, as this process sets it up."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinks.embedded import MERGES_NICE, ChdbEngine
from tests.harness import until

Rows = Callable[[str], list[list[Any]]]
CAP_SYS_NICE = 23
"""See capabilities(7)."""


def test_merges_stand_back_behind_inserts_and_queries(engine: ChdbEngine, rows: Rows, database: str) -> None:
    said = rows("SELECT value FROM system.server_settings WHERE name = 'os_threads_nice_value_merge_mutate'")
    assert said == [[str(MERGES_NICE)]]
    if not _may_set_niceness():
        pytest.skip("this process has no CAP_SYS_NICE: ClickHouse leaves its threads as they are")

    engine.execute(f"CREATE TABLE {database}.merged (a Int64) ENGINE = MergeTree ORDER BY a")
    seen: set[int] = set()

    def merging() -> bool:
        engine.execute(f"INSERT INTO {database}.merged SELECT number FROM numbers(300000)")
        for _ in range(50):  # a thread stands back for as long as it merges
            seen.update(_niceness("MergeMutate"))
        return MERGES_NICE in seen

    until(merging, 60)


def _may_set_niceness() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return bool(effective >> CAP_SYS_NICE & 1)


def _niceness(thread: str) -> set[int]:
    """Returns the niceness of this process's threads of that name."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == thread:
                found.add(os.getpriority(os.PRIO_PROCESS, int(task.name)))
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return found
