"""every topic of a sink -> the sink: runs are gathered, written in one go, and acknowledged after it."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import faust

from domain.dead_letters import dead_letter
from domain.ports import BatchSink, Refused, Sink
from schemas.batch import RecordBatch
from schemas.codec import UnknownSchema
from schemas.errors import Unavailable
from schemas.record import Record
from streams.app import stage_app, subscribe
from streams.ending import crash
from streams.progress import Progress
from streams.stage import Tools
from streams.transport import BatchTransport, RunTransport

log = logging.getLogger(__name__)

RECORDS_MAX = 98_000
"""Records written in one go."""
LINGER_S = 0.2
"""How long a first record waits for more."""
POLL_S = 0.01
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses after a sink that does not answer; the last one again and again. Nothing is acknowledged meanwhile."""


class SinkStage:
    """Runs one sink over its topics."""

    def __init__(self, name: str, sink: Sink, tools: Tools) -> None:
        self.name = name
        self.topics: Sequence[str] = sink.topics
        self.place = tools.place
        self.app: faust.App = stage_app(
            tools.place, name, BatchTransport if isinstance(sink, BatchSink) else RunTransport
        )
        self._sink = sink
        self._tools = tools
        self._waiting: asyncio.Queue[Any] = asyncio.Queue(maxsize=64)
        self.progress = Progress()
        self.app.agent(subscribe(self.app, sink.topics), name=f"{name}.agent")(self._gather)
        self.app.task(self._drain)

    async def _gather(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._waiting.put(event)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            events = [await self._waiting.get()]
            count = events[0].value.count
            until = loop.time() + LINGER_S
            while count < RECORDS_MAX:
                try:
                    events.append(self._waiting.get_nowait())
                except asyncio.QueueEmpty:
                    if loop.time() >= until:
                        break
                    await asyncio.sleep(POLL_S)
                else:
                    count += events[-1].value.count
            try:
                await self._write([each for event in events for each in event.value.items])
            except Exception:  # noqa: BLE001  the one place where the unforeseen ends the process
                crash(self.name)
            for event in events:
                event.ack()
            self.progress.finish()

    async def _write(self, records: list[Record] | list[RecordBatch]) -> None:
        refused = await self._keep(records)
        unknown = [each.record for each in refused if isinstance(each.error, UnknownSchema)]
        if unknown:
            for topic in sorted({record.topic for record in unknown}):
                await self._tools.refresh(topic)
            refused = [each for each in refused if not isinstance(each.error, UnknownSchema)]
            refused += await self._keep(unknown)
        letters = [dead_letter(self.name, each.record, None, each.error) for each in refused]
        source = f"auterity/{self.name}"
        await self._tools.publisher.publish([self._tools.codec.encode(each, source) for each in letters])

    async def _keep(self, records: list[Record] | list[RecordBatch]) -> list[Refused]:
        """Writes until the sink answers, and returns what it refuses."""
        pauses = iter(RETRY_S)
        pause = 0.0
        while True:
            try:
                return list(await asyncio.to_thread(self._put, records))
            except Unavailable as error:
                pause = next(pauses, pause or RETRY_S[-1])
                log.warning("sink unavailable", extra={"sink": self.name, "error": str(error), "pause_s": pause})
                with self.progress.wait():
                    await asyncio.sleep(pause)

    def _put(self, records: list[Any]) -> Sequence[Refused]:
        if isinstance(records[0], RecordBatch):
            assert isinstance(self._sink, BatchSink)
            return self._sink.write_batches(records)
        return self._sink.write(records)
