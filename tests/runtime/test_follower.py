"""Who follows a topic knows all of it, or is no more."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from connectors.kafka import ensure_topics
from runtime.follower import Follower
from runtime.kafka_server import EmbeddedKafka
from schemas.catalogue import TOPICS
from streams.lanes import CRASHED
from tests.harness import ROOT, SETTLE_S, Frozen

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


async def test_a_follower_knows_for_how_long_it_has_heard_nothing(own: EmbeddedKafka) -> None:
    ensure_topics(own.bootstrap, [TOPICS["sessions"]])
    follower = Follower(own.bootstrap, "sessions", lambda _: None)
    await follower.start()

    async def heard() -> None:
        while follower.age_s() > 1:
            await asyncio.sleep(0.05)

    await asyncio.wait_for(heard(), SETTLE_S)
    with Frozen(own):
        await asyncio.sleep(1.5)
        assert follower.age_s() > 1
    await asyncio.wait_for(heard(), SETTLE_S)
    await asyncio.to_thread(follower.stop)
