"""Reads the log for calls: a few at a time, each on a thread, within a time; only what is the caller's."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from msgspec import Struct

from domain.log_records import LogRecord, own, shown
from domain.log_scan import Scan, Spans
from domain.ports import LogBrowser
from gateway.answers import Refusal
from schemas.codec import Codec
from schemas.errors import LogUnavailable, Unavailable
from schemas.events import Event
from schemas.record import Record

AT_ONCE = 4
"""Calls that read the log at a time; others wait."""
ANSWER_S = 10.0
"""Time that a call has for its turn and its answer."""
SILENT_S, LOOK_S = 1.4, 0.1
"""Who waits while Kafka is silent for so long is refused; how often that is looked at."""
SCAN_S = 3.0
"""Time after which a page ends where it is, as it does at SCANNED_MAX."""
BYTES_MAX = 16 * 1024 * 1024
"""Of values, in one window; where there are more, windows are made smaller."""
NEAR = 200
"""Records that lie so near to each other are read together with those in between."""
ROUNDS_MAX = 100
"""Reads for one answer."""
Place = tuple[str, int, int]
Wanted = Callable[[Record, Event], bool]
T = TypeVar("T")


class Seen(Struct, frozen=True):
    """A record of the caller's, and its event."""

    record: Record
    event: Event


class LogReading:
    """The log, as routes ask it."""

    def __init__(self, browser: LogBrowser, codec: Codec, silent_s: Callable[[], float]) -> None:
        """`silent_s` returns for how long nothing was heard of Kafka."""
        self.browser = browser
        self.codec = codec
        self._silent_s = silent_s
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="log-reading")

    async def asked(self, read: Callable[[], T]) -> T:
        """Returns what reading gives, on a thread; refuses with 503 what takes too long.

        Raises LogUnavailable when Kafka does not answer, soon enough for the caller to know within two seconds.
        """
        loop = asyncio.get_running_loop()
        found, until = loop.run_in_executor(self._threads, read), loop.time() + ANSWER_S
        while not found.done():
            await asyncio.wait([found], timeout=LOOK_S)
            if not found.done() and self._silent_s() > SILENT_S:
                found.cancel()
                raise LogUnavailable(f"Kafka says nothing for {SILENT_S} s")
            if not found.done() and loop.time() > until:
                found.cancel()
                raise Refusal(503, f"the log is not read within {ANSWER_S:.0f} s")
        try:
            return found.result()
        except LogUnavailable:
            raise
        except Unavailable as error:
            raise Refusal(503, str(error)) from error

    async def spans(self, topic: str) -> dict[int, tuple[int, int]]:
        """Returns by partition where the topic begins and ends."""
        return await self.asked(lambda: self.browser.spans(topic))

    async def one(self, tenant_id: str, topic: str, partition: int, offset: int) -> Seen | None:
        """Returns the record that lies there, when it is the tenant's."""
        found = await self.several(tenant_id, [(topic, partition, offset)])
        return found[0] if found else None

    async def several(self, tenant_id: str, places: Sequence[Place]) -> list[Seen]:
        """Returns those of the records at these places that are the tenant's, in the order of the places.

        Places that lie far from each other are read one by one, at most ROUNDS_MAX; those beyond are left out.
        """
        return await self.asked(lambda: self._several(tenant_id, places))

    async def scanned(self, scan: Scan, topic: str, tenant_id: str, wanted: Wanted) -> None:
        """Has the scan look for the tenant's records that are wanted, until it is done or has taken its time."""
        await self.asked(lambda: self._scanned(scan, topic, tenant_id, wanted))

    def _several(self, tenant_id: str, places: Sequence[Place]) -> list[Seen]:
        spans = {topic: self.browser.spans(topic) for topic in {each[0] for each in places}}
        found: dict[Place, Seen] = {}
        wanted = {(topic, number, at) for topic, number, at in places if _lies(spans[topic].get(number), at)}
        for span in _rounds(sorted(wanted)):
            for batch in self.browser.read(span):
                for record in batch:
                    place = (record.topic, record.partition, record.offset)
                    if place in wanted and (event := own(record, self.codec, tenant_id)) is not None:
                        found[place] = Seen(record, event)
        return [found[place] for place in places if place in found]

    def _scanned(self, scan: Scan, topic: str, tenant_id: str, wanted: Wanted) -> None:
        until, bytes_max = monotonic() + SCAN_S, BYTES_MAX
        while not scan.done and monotonic() < until:
            window = scan.window()
            found = self._window(window, topic, tenant_id, wanted, bytes_max)
            if found is not None:
                scan.take(window, found)
            elif not scan.smaller():
                bytes_max = 2**63  # a single record of each partition is read, however large

    def _window(
        self, window: Spans, topic: str, tenant_id: str, wanted: Wanted, bytes_max: int
    ) -> list[LogRecord] | None:
        """Returns what is wanted of a window; None when there is more in it than is read at once."""
        size, found = 0, []
        for batch in self.browser.read({(topic, number): span for number, span in window.items()}):
            size += sum(len(record.value or b"") for record in batch)
            if size > bytes_max:
                return None
            for record in batch:
                event = own(record, self.codec, tenant_id)
                if event is not None and wanted(record, event):
                    found.append(shown(record, event, self.codec))
        return found


def _lies(span: tuple[int, int] | None, offset: int) -> bool:
    return span is not None and span[0] <= offset < span[1]


def _rounds(places: Sequence[Place]) -> Iterator[dict[tuple[str, int], tuple[int, int]]]:
    """Yields what to read, one stretch of each partition at a time, until all of these sorted places are covered."""
    stretches: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for topic, number, offset in places:
        known = stretches.setdefault((topic, number), [])
        if known and offset - known[-1][1] <= NEAR:
            known[-1] = known[-1][0], offset + 1
        else:
            known.append((offset, offset + 1))
    for round_ in range(min(ROUNDS_MAX, max(map(len, stretches.values()), default=0))):
        yield {place: each[round_] for place, each in stretches.items() if round_ < len(each)}
