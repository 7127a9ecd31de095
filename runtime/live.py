"""Follows what is shown live on a thread of its own, and reads it again for who was away."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from operator import sub

import msgspec

from connectors.kafka import begins, ends
from connectors.reader import TopicReader, read
from domain.live import FOLLOWED, PLACES, Vector, shown
from gateway.feed import Feed, Told
from gateway.positions import Positions
from gateway.ring import Entry, moved
from gateway.viewer import MISSED_MAX
from runtime.follower import POLL_S, STALL_S, readable
from schemas.codec import Codec
from schemas.errors import Unavailable, Undecodable
from schemas.record import TENANT_ID, Record, header
from streams.ending import crash

BACK = 250
"""Records of each partition that are read when the gateway starts: who was cut off then goes on from memory."""
AGAIN_RECORDS_MAX = 100_000
"""Records, of all tenants, between two positions that are read for one who was away."""
AGAIN_AT_ONCE, AGAIN_S = 2, 20.0
"""Such reads at a time, and how long one waits for its turn and its end; then there is the latest state only."""
STOP_S = 0.2
"""How soon the thread sees that it is to end."""
NUMBERS = {place: number for number, place in enumerate(PLACES)}

log = logging.getLogger(__name__)


class LiveLog:
    """The feed of one process and the thread that fills it. What cannot be handed on ends the process."""

    def __init__(self, bootstrap: str, codec: Codec, positions: Positions) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._stopped = threading.Event()
        self._turns = asyncio.Semaphore(AGAIN_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        first, last = begins(bootstrap, FOLLOWED), ends(bootstrap, FOLLOWED)
        if missing := {
            topic for topic, number in PLACES if (topic, number) not in first or (topic, number) not in last
        }:
            raise Unavailable(f"Kafka at {bootstrap} has no topic {', '.join(sorted(missing))} yet")
        self._counted_from: Vector = tuple(last[place] for place in PLACES)
        self._vector: Vector = tuple(max(first[place], last[place] - BACK) for place in PLACES)
        self.feed = Feed(self._vector, datetime.now(UTC), positions, self._again)
        self._thread = threading.Thread(target=self._follow, name="live", daemon=True)

    async def start(self) -> None:
        """Returns when what was on the log at the start is in the feed; raises Unavailable."""
        self._thread.start()
        deadline = time.monotonic() + STALL_S
        while any(at < end for at, end in zip(self.feed.vector, self._counted_from, strict=True)):
            if time.monotonic() > deadline:
                raise Unavailable(f"what is followed live on Kafka at {self._bootstrap} could not be read")
            await asyncio.sleep(POLL_S)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        reader, vector = TopicReader(self._bootstrap), self._vector
        try:
            for records, at in reader.follow_from(dict(zip(PLACES, vector, strict=True)), self._stopped.is_set):
                behind = tuple(at[place] for place in PLACES)
                if behind != vector:
                    self._hand_on(self._told(records, vector), behind)
                    vector = behind
        except Exception:  # noqa: BLE001  who looks on must not be told less than happened
            crash("live feed")
        finally:
            reader.close()

    def _hand_on(self, told: Sequence[Told], vector: Vector) -> None:
        """Returns when the feed has taken it: no more than one batch waits for it."""

        async def take() -> None:
            self.feed.take(told, vector, self._counted_from)

        taken = asyncio.run_coroutine_threadsafe(take(), self._loop)
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                taken.result(STOP_S)
                return

    def _told(self, records: Iterable[Record], vector: Vector, tenant_id: str | None = None) -> list[Told]:
        """Returns what is shown of records, of one tenant or all of them, with the position behind each."""
        found = []
        for record in records:
            place = NUMBERS[record.topic, record.partition]
            vector = moved(vector, place, record.offset)
            for event, recorded_ms in readable([record], self._codec):
                message = shown(event, recorded_ms)
                if message is not None and tenant_id in (None, event.tenant_id):
                    entry = Entry(place, record.offset, message.kind, msgspec.json.encode(message), vector)
                    found.append(Told(event.tenant_id, message, entry))
        return found

    async def _again(self, tenant_id: str, position: Vector, target: Vector) -> Sequence[Entry] | None:
        """See gateway.feed.Again."""
        if sum(map(sub, target, position)) > AGAIN_RECORDS_MAX:
            return None
        try:
            async with asyncio.timeout(AGAIN_S), self._turns:
                return await asyncio.to_thread(self._read, tenant_id, position, target)
        except (TimeoutError, Unavailable) as error:
            log.warning("what a reader missed could not be read again", extra={"error": str(error)})
            return None

    def _read(self, tenant_id: str, position: Vector, target: Vector) -> Sequence[Entry] | None:
        first = begins(self._bootstrap, FOLLOWED)
        if any(offset < first[place] for place, offset in zip(PLACES, position, strict=True)):
            return None  # deleted meanwhile
        span = dict(zip(PLACES, zip(position, target, strict=True), strict=True))
        theirs = tenant_id.encode()
        found: list[Entry] = []
        for records in read(self._bootstrap, {place: each for place, each in span.items() if each[0] < each[1]}):
            near = [record for record in records if _named(record) in (None, theirs)]
            found += [each.entry for each in self._told(near, position, tenant_id)]
            if len(found) > MISSED_MAX:
                return None
        return found


def _named(record: Record) -> bytes | None:
    """Returns the tenant that the headers name; what they do not say, or not soundly, the decoder finds out."""
    try:
        return header(record.headers, TENANT_ID)
    except Undecodable:
        return None
