"""The one loop in which events are decoded, decided, published, remembered and acknowledged.

Outputs are acknowledged by Kafka before the state is written, and the state before the input is committed. Whatever
cannot be read or decided goes to `dead-letters` alone; anything unforeseen ends the process, and what was not
committed is done again.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
import msgspec

from domain.decider import Decider, step
from domain.definitions import Definitions, MissingVersion, UnknownDefinition
from domain.ports import Publisher
from schemas.codec import Codec, UnknownSchema
from schemas.errors import Unavailable, Undecodable
from schemas.events import Event
from schemas.record import Outgoing, Record
from streams.app import Place, stage_app, subscribe
from streams.dead_letters import dead_letter
from streams.keys import Keys
from streams.table import StateTable
from streams.transport import RunRecords

log = logging.getLogger(__name__)

CRASHED = 70
"""Exit status of a process that met what it does not know; its supervisor starts it again."""


class Tools(msgspec.Struct, frozen=True):
    """What every stage is given."""

    place: Place
    codec: Codec
    publisher: Publisher
    definitions: Definitions
    refresh: Callable[[str], Awaitable[None]]
    """Lets the codec learn schema ids registered since for a topic."""
    catch_up: Callable[[], Awaitable[None]]
    """Returns when every definition that is on the log now has been read."""


class Stage:
    """Runs one decider over its inputs."""

    def __init__(self, decider: Decider, tools: Tools) -> None:
        self.name = decider.name
        self.app: faust.App = stage_app(tools.place, decider.name)
        self._decider = decider
        self._tools = tools
        self._source = f"auterity/{decider.name}"
        self._table = StateTable(self.app, decider.state, tools.publisher) if decider.state is not None else None
        consume(self.app, decider.name, decider.inputs, self._run)

    async def _run(self, records: Sequence[Record]) -> None:
        """Takes one run through; when it returns, all that follows from it is on the log and on disk."""
        keys = Keys(self._table, records[0].partition)
        if self._decider.newest:  # else the newest read would depend on chance, and no replay could repeat it
            await self._tools.catch_up()
        outputs: list[Outgoing] = []
        for record, event in await read(records, self._tools):
            if isinstance(event, Undecodable):
                outputs.append(self._dead(record, None, event))
                continue
            if keys.applied(record):
                continue
            try:
                decided = await self._decide(keys, record, event)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  a decider is pure: what fails for this event fails each time
                log.warning("undecidable", extra={"place": record.place, "error": repr(error)})
                outputs.append(self._dead(record, event, error))
                continue
            outputs += decided
        await self._tools.publisher.publish(outputs)
        await keys.write()

    async def _decide(self, keys: Keys, record: Record, event: Event) -> list[Outgoing]:
        """Returns the records that follow, none of them too large, and takes in the state.

        What names a definition that is not known is decided once more when all that is on the log now has been read.
        """
        definitions = self._tools.definitions.at(record.timestamp_ms)
        for last in (False, True):
            try:
                decided, state = step(self._decider, keys.state(record), event, definitions)
            except (UnknownDefinition, MissingVersion):
                if last:
                    raise
                await self._tools.catch_up()
            else:
                outgoing = [self._tools.codec.encode(each, self._source) for each in decided]
                keys.put(record, state)
                return outgoing
        raise AssertionError("the second time returns or raises")

    def _dead(self, record: Record, event: Event | None, error: Exception) -> Outgoing:
        return self._tools.codec.encode(dead_letter(self.name, record, event, error), self._source)


async def read(records: Sequence[Record], tools: Tools) -> list[tuple[Record, Event | Undecodable]]:
    """Decodes the records; asks the registry once when one names a schema id that is not known."""
    decoded = [(record, _decode(record, tools.codec)) for record in records]
    if any(isinstance(event, UnknownSchema) for _, event in decoded):
        await tools.refresh(records[0].topic)
        decoded = [
            (record, _decode(record, tools.codec) if isinstance(event, UnknownSchema) else event)
            for record, event in decoded
        ]
    return decoded


def consume(
    app: faust.App,
    name: str,
    topics: Sequence[str],
    take: Callable[[RunRecords], Awaitable[None]],
    at_once: int = 1,
) -> None:
    """Registers the agent that takes each run and acknowledges it when `take` returns; an error ends the process.

    With `at_once` above 1 so many runs are taken at the same time, also of one partition, and finish in any order.
    """

    async def taken(event: Any) -> None:
        try:
            await take(event.value)
        except Exception:  # noqa: BLE001  the one place where the unforeseen ends the process
            crash(name)
        event.ack()

    async def agent(stream: Any) -> None:
        under_way: set[asyncio.Task[None]] = set()
        async for event in stream.noack().events():
            if at_once == 1:
                await taken(event)
                continue
            if len(under_way) >= at_once:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(taken(event))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    app.agent(subscribe(app, topics), name=f"{name}.agent")(agent)


def crash(name: str) -> None:
    """Logs the current exception and ends the process at once: nothing more is committed."""
    log.critical("stage crashed", exc_info=True, extra={"stage": name})
    logging.shutdown()
    os._exit(CRASHED)


def _decode(record: Record, codec: Codec) -> Event | Undecodable:
    try:
        return codec.decode(record)
    except Undecodable as error:
        return error
