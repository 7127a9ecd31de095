"""Takes a file row by row: its events in batches, and how far it has come."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from connectors.files.content import HEAD_BYTES, digest, earlier
from connectors.files.errors import BadFile, BadRow
from connectors.files.mapping import Mapping, Said, Unfit
from connectors.files.rows import Row, Unreadable
from connectors.files.table import Table
from connectors.files.values import content
from connectors.sources import Source
from domain.ids import derive
from schemas.catalogue import DOOR_BYTES_MAX
from schemas.codec import Codec
from schemas.errors import Rejected
from schemas.events import BusinessEvent
from schemas.record import Outgoing

BATCH_BYTES_MAX = 16 * 1024 * 1024
"""A batch of long rows ends here; so memory stays flat."""
SAYS = "connectors/ingest"
START = bytes(32)
"""The chained digest before the first row."""


class Mark(Struct, frozen=True):
    """A place in a file: rows from its start, what became of them, and the chained digest of all of them."""

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    chain: bytes = START


class Batch(Struct, frozen=True):
    """Some rows as records, and the place behind them."""

    records: list[Outgoing]
    after: Mark
    rejected: list[BadRow]
    """The rows that were left out."""
    ended: bool
    """True when there are no rows behind it."""
    error: BadFile | BadRow | None
    """Why the file cannot be taken further."""
    position: int
    """Bytes of the file, as it lies on the disk, read so far."""


class Taking:
    """One file on its way into the log; a context manager. Reads and computes, publishes nothing."""

    def __init__(self, path: Path, source: Source, tenant: str, workflow: str | None, codec: Codec) -> None:
        """Opens the file; raises BadFile."""
        self._table = Table(path, source.layout)
        self._rows: Iterator[Row | Unreadable] = iter(self._table)
        try:
            self._mapping = Mapping(path.name, source, self._table.columns, workflow)
        except BadFile:
            self._table.close()
            raise
        self._source = source.id
        self._tenant = tenant
        self._codec = codec
        self.file = digest(self._table.head)
        """Names the file, and so its events; to be changed before the first row is taken."""
        self.mark = Mark()
        """The place behind the rows taken so far."""

    def __enter__(self) -> "Taking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def small(self) -> bool:
        """True for text of less than 64 KiB, whose digest will be another when it has grown."""
        return self._table.kind.format.is_text and len(self._table.head) < HEAD_BYTES

    @property
    def earlier(self) -> list[str]:
        """The digests the file would have had when it was shorter, the longest first."""
        kind = self._table.kind.format
        return earlier(self._table.head, kind.has_header) if kind.is_text else []

    @property
    def size(self) -> int:
        """Bytes of the file as it lies on the disk."""
        return self._table.size

    def close(self) -> None:
        """Closes the file."""
        self._table.close()

    def take(self, rows_max: int, bad_rows_max: int | None) -> Batch:
        """Returns the next rows. Stops before the row that makes more than `bad_rows_max` bad ones in the file."""
        records: list[Outgoing] = []
        rejected: list[BadRow] = []
        error: BadFile | BadRow | None = None
        ended = False
        rows, accepted, bad, chain = self.mark.rows, self.mark.accepted, self.mark.rejected, self.mark.chain
        last, size = rows + rows_max, 0
        try:
            while rows < last and size < BATCH_BYTES_MAX:
                row = next(self._rows, None)
                if row is None:
                    ended = True
                    break
                raw, row = _known(row)
                try:
                    record = self._record(row, raw, rows)
                except Unfit as unfit:
                    wrong = BadRow(self._table.name, rows, self._table.place(), str(unfit))
                    if bad_rows_max is not None and bad >= bad_rows_max:
                        error = wrong
                        break
                    rejected.append(wrong)
                    bad += 1
                else:
                    records.append(record)
                    size += len(record.value)
                    accepted += 1
                rows += 1
                chain = sha256(chain + raw).digest()
        except BadFile as bad_file:
            error = bad_file
        self.mark = Mark(rows, accepted, bad, chain)
        return Batch(records, self.mark, rejected, ended, error, self._table.position)

    def skip(self, rows_max: int, build: bool) -> bool:
        """Passes over the next rows; False when there are no more. Raises BadFile.

        What became of them is told only when they are built; else each counts as accepted.
        """
        rows, accepted, bad, chain = self.mark.rows, self.mark.accepted, self.mark.rejected, self.mark.chain
        last = rows + rows_max
        try:
            while rows < last and (row := next(self._rows, None)) is not None:
                raw, row = _known(row)
                try:
                    if build:
                        self._record(row, raw, rows)
                    accepted += 1
                except Unfit:
                    bad += 1
                rows += 1
                chain = sha256(chain + raw).digest()
        finally:
            self.mark = Mark(rows, accepted, bad, chain)
        return rows == last

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies on the disk, read so far."""
        return self._table.position

    def _record(self, row: Row | Unreadable, raw: bytes, number: int) -> Outgoing:
        if isinstance(row, Unreadable):
            raise Unfit(row.reason)
        try:
            record = self._codec.encode(self._event(self._mapping.read(row), raw, number), SAYS)
        except Rejected as error:
            raise Unfit(str(error)) from error
        size = len(record.key) + len(record.value)
        if size > DOOR_BYTES_MAX:
            raise Unfit(f"an event of {size} bytes, more than {DOOR_BYTES_MAX}")
        return record

    def _event(self, said: Said, raw: bytes, number: int) -> BusinessEvent:
        subject, kind, moment, workflow, attributes = said
        event_id = derive(self._tenant, self._source, self.file, str(number), raw.hex())
        return BusinessEvent(
            event_id=event_id,
            tenant_id=self._tenant,
            correlation_id=event_id,
            causation_id=None,
            occurred_at=moment,
            source=self._source,
            subject=subject,
            type=kind,
            workflow=workflow,
            attributes=attributes,
            origin_file=self.file,
            origin_row=number,
        )


def _known(row: Row | Unreadable) -> tuple[bytes, Row | Unreadable]:
    """Returns the digest of the row's content, and the row; unreadable when its values cannot be written down."""
    if isinstance(row, Unreadable):
        return sha256(row.raw).digest(), row
    try:
        return sha256(content(row)).digest(), row
    except UnicodeError:
        reason = "holds bytes that are no text in the file's encoding"
    except (RecursionError, TypeError, ValueError) as error:
        reason = f"holds a value that cannot be written down: {error}"
    raw = repr(row).encode("utf-8", "surrogatepass")
    return sha256(raw).digest(), Unreadable(reason, raw)
