"""What a process gives back of its memory."""

import asyncio
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import memory

PIECES = """
import asyncio, os
from runtime import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

async def main():
    memory.bound()
    memory.TRIM_S = 0.1
    held = [bytes(1000) for _ in range(100_000)]
    kept = held[::50]
    del held
    before = resident()
    task = asyncio.create_task(memory.trimmed())
    await asyncio.sleep(1)
    task.cancel()
    print(before - resident(), len(kept))

asyncio.run(main())
"""
"""Frees 98 of 100 kilobytes; the others lie between them."""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to trim")
def test_what_is_free_between_what_is_not_is_given_back() -> None:
    told = subprocess.run([sys.executable, "-c", PIECES], capture_output=True, text=True, check=True).stdout.split()

    assert float(told[0]) > 50


async def test_where_there_is_nothing_to_trim_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())

    memory.bound()
    await asyncio.wait_for(memory.trimmed(), 1)


def test_garbage_is_looked_for_less_often_once_a_worker_is_there() -> None:
    said = (
        "import gc; from runtime.memory import settled; settled(); print(gc.get_threshold()[0], gc.get_freeze_count())"
    )
    threshold, frozen = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True
    ).stdout.split()

    assert int(threshold) == memory.GARBAGE_AFTER
    assert int(frozen) > 1000
