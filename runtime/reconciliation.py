"""An invoice's file against the ledger; on request, what it says of attempts in doubt goes on the ledger."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from domain.invoices import BadInvoice, Invoice, invoice
from domain.reconciliation import Reconciliation, adjustment, reconcile
from runtime.definitions import read
from runtime.money import Bill, Topics, adjust
from schemas.codec import Codec

BYTES_MAX = 256 * 1024 * 1024


class Question(Struct, frozen=True, kw_only=True):
    """What is to be compared."""

    file: Path
    columns: Mapping[str, str]
    provider: str | None = None
    """None: every provider's attempts."""
    tenant_id: str | None = None
    begin: datetime | None = None
    end: datetime | None = None


class Compared(Struct, frozen=True):
    """An invoice, and where its lines and the ledger's attempts went."""

    invoice: Invoice
    found: Reconciliation
    applied: int

    @property
    def clean(self) -> bool:
        """Whether nothing is left for a person to look at, once what was applied is on the ledger."""
        found = self.found
        settled = self.applied == len(found.settles)
        return settled and not (found.different or found.only_invoice or found.only_ledger or self.invoice.bad)


def compare(bootstrap: str, codec: Codec, question: Question, apply: bool) -> Compared:
    """Compares; with `apply`, asks for an adjustment of each attempt in doubt that the invoice names.

    Raises BadInvoice, and Overtaken when somebody else applies an invoice at the same moment.
    """
    said = opened(question.file, question.columns)
    bill = Bill(Topics(bootstrap, codec, question.tenant_id), read(bootstrap, codec))
    billed = [each for each in bill.standing() if question.provider in (None, each.provider)]
    found = reconcile(said.lines, billed, question.begin, question.end)
    if not apply:
        return Compared(said, found, 0)
    now = datetime.now(UTC)
    adjust(bootstrap, codec, [adjustment(each, now) for each in found.settles])
    return Compared(said, found, len(found.settles))


def opened(file: Path, columns: Mapping[str, str]) -> Invoice:
    """Returns the invoice in the file; raises BadInvoice."""
    try:
        if (size := file.stat().st_size) > BYTES_MAX:
            raise BadInvoice(f"{file}: {size} bytes, more than {BYTES_MAX}")
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return invoice(lines, columns)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInvoice(f"{file} cannot be read: {error}") from error
    except BadInvoice as error:
        raise BadInvoice(f"{file}: {error}") from error
