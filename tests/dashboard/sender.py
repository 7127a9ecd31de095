"""Puts so many events a second on the log: `python -m tests.dashboard.sender KAFKA REGISTRY RATE SECONDS`."""

import asyncio
import sys
import time
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec

from connectors.publisher import KafkaPublisher
from connectors.registry import Registry
from schemas.codec import Codec
from schemas.events import Outcome, RunStatus
from schemas.record import Outgoing
from tests.chaos.gateways import known

BEAT_S = 0.1
FIRST = 1_000_000
OF_EACH_RUN = 4


def records(codec: Codec, events: int, numbers: "count[int]") -> list[Outgoing]:
    """Returns the records of so many events: runs that begin, go on, are decided on and end."""
    known()
    from live_calls import decision, run, step

    made: list[Any] = []
    while len(made) < events:
        number = next(numbers)
        outcome = Outcome.ALLOWED if number % 50 else Outcome.ESCALATED
        status = RunStatus.COMPLETED if number % 40 else RunStatus.FAILED
        made += [run(number), step(number), decision(number, outcome=outcome), run(number, status=status)]
    now = datetime.now(UTC)
    return [codec.encode(msgspec.structs.replace(each, occurred_at=now), "test") for each in made[:events]]


async def send(bootstrap: str, codec: Codec, rate: int, seconds: float) -> float:
    """Sends at this pace; returns how many a second it were."""
    sent, numbers, began = 0, count(FIRST + int(time.time()) % 10**9 * 1000), time.monotonic()
    async with KafkaPublisher(bootstrap, "test") as publisher:
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate) - sent
            due -= due % OF_EACH_RUN
            if due:
                await publisher.publish(records(codec, due, numbers))
                sent += due
            await asyncio.sleep(max(0.0, BEAT_S - (time.monotonic() - began - passed)))
    return sent / (time.monotonic() - began)


if __name__ == "__main__":
    bootstrap, registry_url, rate, seconds = sys.argv[1:]
    registry = Registry(registry_url)
    print(f"{asyncio.run(send(bootstrap, registry.codec(), int(rate), float(seconds))):.0f}")
    registry.close()
