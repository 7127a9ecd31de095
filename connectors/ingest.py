"""files -> business-events, ingest-positions.

A row is an event whose id follows from tenant, source, file, row number and content, so sending it again changes
nothing; and what the log has acknowledged of a file is not sent again at all.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from connectors.files.errors import BadFile, BadRow
from connectors.files.taking import SAYS, Batch, Mark, Taking
from connectors.sources import Source
from domain.ids import derive
from domain.ports import Publisher
from domain.positions import Positions
from schemas.codec import Codec
from schemas.errors import Rejected
from schemas.events import IngestPosition
from schemas.record import Outgoing

POSITION_BATCHES = 5
"""After so many acknowledged batches the position is written; so many are sent again at most after a crash."""


class Progress(Struct, frozen=True, kw_only=True):
    """How far a file is; always read = accepted + duplicates + rejected."""

    read: int
    accepted: int
    """Rows that are on the log through this ingest."""
    duplicates: int
    """Rows that an earlier ingest had accepted."""
    rejected: int
    """Rows that were refused, now or by an earlier ingest."""
    bytes_read: int
    bytes_total: int
    """Of the file as it lies on the disk."""


class Ingested(Struct, frozen=True, kw_only=True):
    """What became of a file; always read = accepted + duplicates + rejected."""

    read: int
    accepted: int
    duplicates: int
    rejected: int
    seconds: float
    complete: bool
    """True when the end of the file was reached."""


class IngestStopped(Rejected):
    """The file, or a row of it, is wrong. Every row before that is on the log; `ingested` counts them and it."""

    def __init__(self, text: str, ingested: Ingested) -> None:
        super().__init__(text)
        self.ingested = ingested


class OtherWorkflow(Rejected):
    """Rows of the file are on the log for another workflow, under ids that do not depend on it."""


def _silent(_: object) -> None:
    """Tells nobody."""


def _now() -> datetime:
    return datetime.now(UTC)


async def ingest(
    path: Path,
    source: Source,
    tenant: str,
    workflow: str | None,
    *,
    codec: Codec,
    publisher: Publisher,
    positions: Positions,
    progress: Callable[[Progress], None] = _silent,
    rejections: Callable[[BadRow], None] = _silent,
    batch_rows: int = 2000,
    bad_rows_max: int | None = 0,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], datetime] = _now,
) -> Ingested:
    """Publishes every row of the file that the log has not acknowledged yet.

    `workflow`, if given, is named by every event instead of the source's. `rejections` is told every row that is left
    out; `bad_rows_max` is how many may be in the file before it stops (None: any number). `stop` is asked before each
    batch; what is acknowledged by then is kept. `progress` and `rejections` are called on the loop's thread.

    Raises BadFile when the file cannot be opened as the source says; OtherWorkflow; IngestStopped at a bad row or
    where the file cannot be read further, after all before it is on the log; Unavailable when a record was not
    acknowledged, after which the next ingest of the file takes up at the last position written.
    """
    named = workflow if workflow is not None else source.workflow_named
    run = _Run(path, source, tenant, workflow, named, codec, publisher, progress, rejections, now)
    with await asyncio.to_thread(run.open) as taking:
        known = _recorded(taking, positions, tenant, source.id)
        if known is None:
            return await run.publish(taking, None, batch_rows, bad_rows_max, stop)
        if known.accepted and known.workflow != named:
            raise OtherWorkflow(
                f"{path.name}: {known.accepted} rows of it were taken for workflow {known.workflow or 'none'}, not "
                f"{named or 'none'}; another workflow needs another source id"
            )
        verified = await run.verify(taking, known, batch_rows, stop)
        if verified is None:  # stopped
            return run.result(complete=False)
        if verified:
            return await run.publish(taking, known, batch_rows, bad_rows_max, stop)
    with await asyncio.to_thread(
        run.open, known.file
    ) as taking:  # it was changed: what is unchanged is sent under the ids it has
        return await run.publish(taking, None, batch_rows, bad_rows_max, stop)


def _recorded(taking: Taking, positions: Positions, tenant: str, source: str) -> IngestPosition | None:
    """Returns the file's position; that of the same file when it was still shorter than 64 KiB, if there is one."""
    known = positions.last(tenant, source, taking.file)
    if known is not None:
        return known
    for file in taking.earlier:
        known = positions.last(tenant, source, file)
        if known is not None:
            taking.file = file
            return known
    return None


class _Run:
    """One ingest: what it counts and whom it tells."""

    def __init__(
        self,
        path: Path,
        source: Source,
        tenant: str,
        workflow: str | None,
        named: str | None,
        codec: Codec,
        publisher: Publisher,
        progress: Callable[[Progress], None],
        rejections: Callable[[BadRow], None],
        now: Callable[[], datetime],
    ) -> None:
        self._path = path
        self._source = source
        self._tenant = tenant
        self._workflow = workflow
        self._named = named
        self._codec = codec
        self._publisher = publisher
        self._progress = progress
        self._rejections = rejections
        self._now = now
        self._began = perf_counter()
        self._accepted = self._duplicates = self._rejected = 0

    def open(self, file: str | None = None) -> Taking:
        """Opens the file; its events bear the digest given, else that of its head."""
        taking = Taking(self._path, self._source, self._tenant, self._workflow, self._codec)
        taking.file = file or taking.file
        return taking

    async def verify(
        self, taking: Taking, known: IngestPosition, batch_rows: int, stop: Callable[[], bool]
    ) -> bool | None:
        """Reads what the position covers and says whether it is what was read then; None when stopped.

        Where rows were refused then, all are built again: a source that was corrected makes others of them.
        """
        build = known.rejected > 0
        while (left := known.rows - taking.mark.rows) > 0:
            if stop():
                return None
            try:
                more = await asyncio.to_thread(taking.skip, min(left, batch_rows), build)
            except BadFile as error:
                self._skipped(taking)
                raise IngestStopped(str(error), self.result(complete=False)) from error
            self._skipped(taking)
            if not more:
                break
        mark = taking.mark
        same = mark.rows == known.rows and mark.chain.hex() == known.content
        if same and (not build or mark.rejected == known.rejected):
            taking.mark = Mark(known.rows, known.accepted, known.rejected, mark.chain)
            return True
        self._duplicates = self._rejected = 0
        return False

    async def publish(
        self,
        taking: Taking,
        known: IngestPosition | None,
        batch_rows: int,
        bad_rows_max: int | None,
        stop: Callable[[], bool],
    ) -> Ingested:
        """Publishes the rows behind the position, while one batch is on its way the next is made."""
        written, whole = taking.mark, known is not None and known.complete
        due = 0
        batch = await self._next(taking, batch_rows, bad_rows_max) if not stop() else None
        if known is None and batch is not None and batch.after.rows and taking.small:
            # its name is on the log before its first row, or it could not be known again when it crashes, then grows
            await self._publisher.publish([self._position(taking.file, Mark(), complete=False)])
        acknowledged: Batch | None = None
        while batch is not None:
            records = batch.records
            if acknowledged is not None and due >= POSITION_BATCHES:
                written, whole, due = acknowledged.after, False, 0
                records = [self._position(taking.file, written, complete=False), *records]
            sent = self._publisher.publish(records) if records else asyncio.sleep(0)
            if batch.ended or batch.error or stop():
                await sent
                following = None
            else:
                making = asyncio.create_task(self._next(taking, batch_rows, bad_rows_max))
                try:
                    await sent
                finally:
                    following = await making  # the file is open as long as a thread reads it
            due += 1
            acknowledged = batch
            self._count(batch, taking)
            batch = following
        complete = acknowledged is not None and acknowledged.ended
        after = acknowledged.after if acknowledged is not None else taking.mark
        news = after != written or (complete and not whole)
        if acknowledged is not None and news and (after.rows or complete):
            await self._publisher.publish([self._position(taking.file, after, complete)])
        if acknowledged is not None and acknowledged.error is not None:
            error = acknowledged.error
            self._rejected += isinstance(error, BadRow)
            raise IngestStopped(str(error), self.result(complete=False)) from error
        return self.result(complete)

    def result(self, complete: bool) -> Ingested:
        """Returns what has been counted."""
        return Ingested(
            read=self._accepted + self._duplicates + self._rejected,
            accepted=self._accepted,
            duplicates=self._duplicates,
            rejected=self._rejected,
            seconds=perf_counter() - self._began,
            complete=complete,
        )

    async def _next(self, taking: Taking, rows: int, bad_rows_max: int | None) -> Batch:
        return await asyncio.to_thread(taking.take, rows, bad_rows_max)

    def _position(self, file: str, mark: Mark, complete: bool) -> Outgoing:
        content = mark.chain.hex()
        # the same rows may be known once as a part and later as the whole: those are two things to say
        whole = ("complete",) if complete else ()
        event_id = derive(self._tenant, self._source.id, file, str(mark.rows), content, *whole)
        event = IngestPosition(
            event_id=event_id,
            tenant_id=self._tenant,
            correlation_id=event_id,
            occurred_at=self._now(),
            source=self._source.id,
            file=file,
            file_name=self._path.name,
            workflow=self._named,
            rows=mark.rows,
            accepted=mark.accepted,
            rejected=mark.rejected,
            content=content,
            complete=complete,
        )
        return self._codec.encode(event, SAYS)

    def _skipped(self, taking: Taking) -> None:
        self._duplicates, self._rejected = taking.mark.accepted, taking.mark.rejected
        self._tell(taking.position, taking.size)

    def _count(self, batch: Batch, taking: Taking) -> None:
        self._accepted += len(batch.records)
        self._rejected += len(batch.rejected)
        for each in batch.rejected:
            self._rejections(each)
        self._tell(batch.position, taking.size)

    def _tell(self, position: int, size: int) -> None:
        counted = self.result(complete=False)
        self._progress(
            Progress(
                read=counted.read,
                accepted=counted.accepted,
                duplicates=counted.duplicates,
                rejected=counted.rejected,
                bytes_read=position,
                bytes_total=size,
            )
        )
