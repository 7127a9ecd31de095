"""What a stage must not be, for the controls: it acknowledges before it works, counts without applied offsets, and
believes every body that decodes."""

import asyncio
import signal
import sqlite3
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro
import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError

from schemas.catalogue import TOPICS
from schemas.events import AgentStep, BusinessEvent
from schemas.record import PREFIX
from streams.app import group
from streams.stage import Tools
from tests.chaos.totals import NAME, Total, outcome

RECORDS_MAX = 200
WORK_S = 0.25
"""What a batch takes it at least, acknowledged as it is: a kill hits hardly anything else."""


class NaiveStage:
    """Counts in a database that all workers share; right as long as nothing happens."""

    def __init__(self, tools: Tools, session_timeout_s: float) -> None:
        self._tools = tools
        self._consumer = AIOKafkaConsumer(
            "business-events",
            bootstrap_servers=tools.place.bootstrap,
            group_id=group(tools.place, NAME),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=int(session_timeout_s * 1000),
            heartbeat_interval_ms=1000,
            metadata_max_age_ms=5000,
        )
        self._table = sqlite3.connect(tools.place.folder.parent / "naive.db", isolation_level=None, timeout=30)
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute("CREATE TABLE IF NOT EXISTS totals (key BLOB PRIMARY KEY, total BLOB)")

    async def run(self, ready: Path) -> None:
        """Runs until SIGTERM."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await self._consumer.start()
        ready.parent.mkdir(parents=True, exist_ok=True)
        ready.touch()
        while not stop.is_set():
            fetched = await self._consumer.getmany(timeout_ms=200, max_records=RECORDS_MAX)
            try:
                await self._consumer.commit()
            except CommitFailedError:  # its partitions are another's now, who fetches the same
                continue
            for records in fetched.values():
                await asyncio.sleep(WORK_S)
                steps = [self._step(each, said) for each in records if (said := believed(each)) is not None]
                await self._tools.publisher.publish([self._tools.codec.encode(each, "naive") for each in steps])
        await self._consumer.stop()

    def _step(self, record: Any, said: BusinessEvent) -> AgentStep:
        """Counts the event, once more if need be, and returns a step with an id of chance."""
        found = self._table.execute("SELECT total FROM totals WHERE key = ?", (record.key,)).fetchone()
        before = msgspec.msgpack.decode(found[0], type=Total) if found else Total()
        total = before.after(int(said.attributes["sequence"]), int(said.attributes["amount"]))
        self._table.execute("REPLACE INTO totals VALUES (?, ?)", (record.key, msgspec.msgpack.encode(total)))
        return outcome(said, str(uuid4()), total)


def believed(record: Any) -> BusinessEvent | None:
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
