"""The accounts of tenants, folded from their entries: from the first one when somebody asks, then on from there."""

import threading
from collections import OrderedDict
from time import monotonic

from msgspec import Struct

from domain.accounts import Accounts
from domain.book import Book
from domain.log_records import own
from domain.ports import LogBrowser
from schemas.codec import Codec
from schemas.errors import Unavailable

TOPIC = "budget-entries"
TENANTS_MAX = 200
"""Whose accounts are remembered; those who were not asked for the longest time are read anew."""
READ_S = 8.0
"""Time of one question; how far it came is remembered, so that the next one comes further."""


class NotRead(Unavailable):
    """There are more entries than are read in the time of one call."""


class _Kept(Struct):
    at: int = 0
    book: Book = Book()


class Books:
    """Blocks: for threads."""

    def __init__(self, browser: LogBrowser, codec: Codec) -> None:
        self._browser = browser
        self._codec = codec
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._turn = threading.Lock()

    def of(self, tenant_id: str) -> Book:
        """Returns the tenant's book with all that is on the log now; raises Unavailable."""
        with self._turn:
            kept = self._kept.setdefault(tenant_id, _Kept())
            self._kept.move_to_end(tenant_id)
            if len(self._kept) > TENANTS_MAX:
                self._kept.popitem(last=False)
            self._read(tenant_id, kept)
            return kept.book

    def _read(self, tenant_id: str, kept: _Kept) -> None:
        until, accounts = monotonic() + READ_S, Accounts()
        partition = self._browser.partition(TOPIC, tenant_id.encode())
        begin, end = self._browser.spans(TOPIC).get(partition, (0, 0))
        if end < kept.at:  # another log
            kept.at, kept.book = 0, Book()
        for batch in self._browser.read({(TOPIC, partition): (max(begin, kept.at), end)}) if kept.at < end else ():
            for record in batch:
                if (event := own(record, self._codec, tenant_id)) is not None:
                    kept.book = accounts.evolve(kept.book, event)
                kept.at = record.offset + 1
            if monotonic() > until and kept.at < end:
                raise NotRead(f"{end - kept.at} records of accounts are left to read: ask again")
        kept.at = end
