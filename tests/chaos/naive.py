"""What a stage must not be, for the controls: it acknowledges before it works, counts without applied offsets, and
believes every body that decodes."""

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any
from uuid import uuid4

import fastavro
import faust
import msgspec

from schemas.catalogue import TOPICS
from schemas.codec import PREFIX
from schemas.events import AgentStep, BusinessEvent
from schemas.record import Record
from streams.app import stage_app, subscribe
from streams.progress import Progress
from streams.stage import Tools
from tests.chaos.totals import NAME, Total, outcome

WORK_S = 0.02
"""What a run of records takes it at least."""


class NaiveStage:
    """Counts in a database that all workers share; right as long as nothing happens."""

    name = NAME
    topics: Sequence[str] = ("business-events",)

    def __init__(self, tools: Tools) -> None:
        self.place = tools.place
        self.progress = Progress()
        self.app: faust.App = stage_app(tools.place, NAME)
        self._tools = tools
        self._table = sqlite3.connect(tools.place.folder.parent / "naive.db", isolation_level=None, timeout=30)
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute("CREATE TABLE IF NOT EXISTS totals (key BLOB PRIMARY KEY, total BLOB)")
        self.app.agent(subscribe(self.app, self.topics), name=f"{NAME}.agent")(self._count)

    async def _count(self, stream: Any) -> None:
        async for event in stream.noack().events():
            event.ack()
            await asyncio.sleep(WORK_S)
            steps = [self._step(record, said) for record in event.value if (said := believed(record)) is not None]
            await self._tools.publisher.publish([self._tools.codec.encode(each, "naive") for each in steps])
            self.progress.finish()

    def _step(self, record: Record, said: BusinessEvent) -> AgentStep:
        """Counts the event, once more if need be, and returns a step with an id of chance."""
        found = self._table.execute("SELECT total FROM totals WHERE key = ?", (record.key,)).fetchone()
        before = msgspec.msgpack.decode(found[0], type=Total) if found else Total()
        total = before.after(int(said.attributes["sequence"]), int(said.attributes["amount"]))
        self._table.execute("REPLACE INTO totals VALUES (?, ?)", (record.key, msgspec.msgpack.encode(total)))
        return outcome(said, str(uuid4()), total)


def believed(record: Record) -> BusinessEvent | None:
    """Returns the event of a body, whatever digest, key and headers say; None when it does not decode."""
    try:
        data = fastavro.schemaless_reader(BytesIO((record.value or b"")[PREFIX:]), _schema(record.topic), None)
        event: BusinessEvent = msgspec.convert(data, TOPICS[record.topic].event)
    except Exception:  # noqa: BLE001  what a naive agent does: away with it
        return None
    return event


@cache
def _schema(topic: str) -> Any:
    return fastavro.parse_schema(dict(TOPICS[topic].schema))
