"""A sink that does not answer keeps everything uncommitted, and loses nothing when it comes back."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.kafka import committed, ensure_changelogs
from connectors.publisher import KafkaPublisher
from connectors.reader import KafkaLog
from domain.definitions import Definitions
from domain.ports import Refused
from schemas.codec import Codec
from schemas.errors import Unavailable, Undecodable
from schemas.record import Record
from streams.app import Place, group
from streams.rest import SinkStage
from streams.stage import Tools
from tests.harness import business_event, events


class MovableSink:
    """A Sink that can be away; keeps places, refuses what begins with !."""

    topics = ("business-events",)

    def __init__(self) -> None:
        self.away = True
        self.tries = 0
        self.kept: list[str] = []

    def write(self, records: Sequence[Record]) -> list[Refused]:
        self.tries += 1
        if self.away:
            raise Unavailable("the sink is away")
        refused = [Refused(each, Undecodable("it begins with !")) for each in records if each.key == b"!"]
        self.kept += [each.place for each in records if each.key != b"!"]
        return refused


async def test_nothing_is_committed_while_the_sink_is_away_and_all_is_kept_when_it_is_back(
    log: Any, registered: Codec, prefix: str, tmp_path: Path
) -> None:
    publisher = KafkaPublisher(log.bootstrap, "test")
    place = Place(log.bootstrap, tmp_path, prefix)
    ensure_changelogs(log.bootstrap, {})
    sink = MovableSink()

    async def refresh(_: str) -> None:
        """Nothing new."""

    async def nothing() -> None:
        """No definitions."""

    stage = SinkStage(
        "movable", sink, Tools(place, registered, publisher, KafkaLog(log.bootstrap), Definitions(), refresh, nothing)
    )
    outgoing = [registered.encode(business_event(number, f"case-{number}"), "test") for number in range(300)]
    await publisher.publish(outgoing)
    await stage.app.start()
    try:
        await _until(lambda: sink.tries >= 3)
        assert committed(log.bootstrap, group(place, "movable")) == {}
        sink.away = False
        await _until(lambda: sum(committed(log.bootstrap, group(place, "movable")).values()) == 300)
    finally:
        await stage.app.stop()
        await publisher.close()
    assert len(sink.kept) == len(set(sink.kept)) == 300
    assert events(log, registered, "dead-letters") == []


async def _until(check: Any, timeout_s: float = 40.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await asyncio.to_thread(check):
            await asyncio.sleep(0.1)
