"""The one loop in which events are decoded, decided, published, remembered and acknowledged.

Outputs are acknowledged by Kafka before the state is written, and the state before the input is committed. Whatever
cannot be read or decided goes to `dead-letters` alone; anything unforeseen ends the process, and what was not
committed is done again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import faust
import msgspec

from domain.dead_letters import dead_letter
from domain.decider import Decider, step
from domain.definitions import Definitions, MissingVersion, UnknownDefinition
from domain.ports import LogReader, Publisher
from schemas.codec import Codec, UnknownSchema
from schemas.errors import Rejected, Unavailable, Undecodable
from schemas.events import Event
from schemas.record import Outgoing, Record, said_by
from streams.app import Place, changelog, stage_app
from streams.ending import crash
from streams.journal import Journal
from streams.keys import Keys
from streams.lanes import Lanes
from streams.table import StateTable

log = logging.getLogger(__name__)

UNKNOWN = (UnknownSchema, UnknownDefinition, MissingVersion)
"""What a record names that has perhaps only not been read yet."""
VERIFY_S = 5.0
"""How often a stage that has nothing to write looks whether its changelog is still its own."""


class Tools(msgspec.Struct, frozen=True):
    """What every stage is given."""

    place: Place
    codec: Codec
    publisher: Publisher
    reader: LogReader
    definitions: Definitions
    refresh: Callable[[str], Awaitable[None]]
    """Lets the codec learn schema ids registered since for a topic."""
    catch_up: Callable[[], Awaitable[None]]
    """Returns when every definition that is on the log now has been read."""


class Deadly(Rejected):
    """The process ended at this record again and again."""


class Stage:
    """Runs one decider over its inputs."""

    def __init__(self, decider: Decider, tools: Tools) -> None:
        self.name = decider.name
        self.topics: Sequence[str] = decider.inputs
        self.place = tools.place
        self.app: faust.App = stage_app(tools.place, decider.name, unpack=tools.codec.records)
        self._decider = decider
        self._tools = tools
        self._source = f"auterity/{decider.name}"
        self._own = self._source.encode()
        self._journal = Journal(tools.place.journals, decider.name, decider.inputs)
        self._table = state_table(self.app, decider.name, decider.state, tools) if decider.state is not None else None
        self.progress = Lanes(self.app, decider.name, decider.inputs, self._run).progress

    def states(self) -> Iterator[tuple[bytes, Any]]:
        """Yields the keys of the partitions that are taken here, and their states; see StateTable.states."""
        return self._table.states() if self._table is not None else iter(())

    async def _run(self, records: Sequence[Record]) -> None:
        """Takes one batch through; when it returns, all that follows from it is on the log and on disk."""
        partition = records[0].partition
        keys = None
        if self._table is not None:
            with self.progress.wait():
                keys = Keys(self._table, await self._table.claim(partition))
        if self._decider.newest:  # else the newest read would depend on chance, and no replay could repeat it
            await self._tools.catch_up()
        self._journal.begin(records)
        outputs: list[Outgoing] = []
        for record in records:
            if said_by(record, self._own):  # its state holds it already
                continue
            try:
                outputs += self._taken(keys, record)
            except UNKNOWN as error:
                self._journal.rest(partition)
                await self._ask(record, error)
                outputs += self._taken(keys, record, last=True)
        self._journal.end(partition)
        await self._tools.publisher.publish(outputs)
        if keys is not None:
            await keys.write()

    async def _ask(self, record: Record, error: Exception) -> None:
        """Reads all there is of schemas or definitions."""
        await (self._tools.refresh(record.topic) if isinstance(error, UnknownSchema) else self._tools.catch_up())
        log.info("asked once more", extra={"place": record.place, "error": str(error)})

    def _taken(self, keys: Keys | None, record: Record, last: bool = False) -> list[Outgoing]:
        """Returns what follows from the record: what was decided, or its dead letter; takes in the state.

        Unless it is the `last` time, it raises at a schema or definition that is not known: the record is taken once
        more when all there is has been read. The journal's mark stands only while nothing is waited for: an end that
        comes from elsewhere is no record's guilt.
        """
        event: Event | None = None
        try:
            if not record.key:
                raise Undecodable("no key")
            if keys is not None and keys.applied(record):
                return []
            if self._journal.mark(record):
                raise Deadly("the process ended at this record three times in a row")
            event = self._tools.codec.decode(record)
            decided, state = step(
                self._decider,
                keys.state(record) if keys is not None else None,
                event,
                self._tools.definitions.at(record.timestamp_ms),
            )
            encode, source = self._tools.codec.encode, self._source
            outgoing = [encode(each, source) for each in decided]  # before the state: one may be too large
            if keys is not None:
                keys.put(record, state)
            return outgoing
        except Unavailable:
            raise
        except Exception as error:
            if not last and isinstance(error, UNKNOWN):
                raise
            # A decider is pure: what fails for this event fails each time.
            if not isinstance(error, Undecodable):
                log.warning("undecidable", extra={"place": record.place, "error": repr(error)})
            return [self._tools.codec.encode(dead_letter(self.name, record, event, error), self._source)]


async def decoded(record: Record, tools: Tools) -> Event:
    """Returns the record's event, and asks the registry once when its schema id is not known; raises Undecodable."""
    try:
        return tools.codec.decode(record)
    except UnknownSchema:
        await tools.refresh(record.topic)
        return tools.codec.decode(record)


def state_table(app: faust.App, name: str, state: type, tools: Tools) -> StateTable:
    """Returns the table of the stage of this name, watched for others who write to it."""
    table = StateTable(
        changelog(tools.place, name),
        tools.place.folder / name / "state",
        state,
        tools.publisher,
        tools.reader,
        lambda: app.consumer_generation_id,
    )

    async def verify() -> None:
        while True:
            await asyncio.sleep(VERIFY_S)
            try:
                await table.verify()
            except Unavailable as error:
                log.warning("changelog not verified", extra={"stage": name, "error": str(error)})
            except Exception:  # noqa: BLE001  fenced, or unforeseen
                crash(name)

    app.task(verify)
    return table
