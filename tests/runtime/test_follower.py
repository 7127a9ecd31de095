"""Who follows a topic knows all of it, or is no more."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from streams.ending import CRASHED
from tests.harness import ROOT

FOLLOWS = """
import asyncio, sys, time
from runtime.follower import Follower

def take(batch):
    raise ValueError("what nobody foresaw")

async def main():
    await Follower(sys.argv[1], "definitions", take).start()
    time.sleep(60)

asyncio.run(main())
"""


def test_a_follower_that_fails_ends_its_process(servers: Any, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", FOLLOWS, servers.bootstrap]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)

    assert done.returncode == CRASHED
    assert "what nobody foresaw" in done.stderr
