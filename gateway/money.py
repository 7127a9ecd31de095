"""GET /budgets, /ledger, /recommendations, /prices: what the caller's tenant may spend, has spent, and could save."""

from fastapi import APIRouter, Request, Response

from domain.doors import Call
from domain.identity import Permission, Principal
from domain.ledger_sums import Ledgers
from domain.pots import filled, open_holds
from domain.price_list import listed
from domain.read_models import LIMIT_MAX, Entry
from domain.reading import Query
from gateway.answers import Done
from gateway.bodies import Share
from gateway.books import Books
from gateway.cursors import behind
from gateway.door import Door
from gateway.log_reading import LogReading
from gateway.money_documents import (
    HOLDS_MAX,
    RESTATEMENTS_MAX,
    Budgeted,
    EntriesAsked,
    EntryList,
    LedgerAsked,
    LedgerSums,
    PriceList,
    Recommended,
    Restatements,
    differences,
    price_document,
    restated,
)
from gateway.questions import Asked, asked, builtins, moment, reading
from gateway.reads import Reads
from gateway.run_documents import entry_document
from gateway.savings import SavingsOf


def routes(door: Door, log: LogReading, reads: Reads, ledgers: Ledgers) -> APIRouter:
    """Returns the routes of money; each needs money:read."""
    router = APIRouter(tags=["money"])
    books = Books(log.browser, door.codec)
    savings = SavingsOf(log.browser, door.codec, door.definitions)
    needed = Permission.READ_MONEY

    @router.get("/budgets", summary="How full the budgets are", **reading(None, Budgeted))
    async def budgets(request: Request) -> Response:
        """Returns the pots of this moment's windows, and the open holds, by all entries that are on the log."""

        async def work(call: Call, principal: Principal, _: Share) -> Done:
            tenant_id = principal.tenant_id
            book = await log.asked(lambda: books.of(tenant_id))
            known, __ = door.definitions.budgets(tenant_id)
            pots = list(filled(known, book, tenant_id, call.at)) if known is not None else []
            holds = open_holds(book)
            said = {"open_holds": len(holds), "in_doubt": len(book.doubts), "sequence": book.sequence}
            return Done(builtins(Budgeted(pots=pots, holds=holds[:HOLDS_MAX], **said)), status=200)

        return await door.call(request, needed, work)

    @router.get("/ledger", summary="What was billed and is held", **reading(LedgerAsked, LedgerSums))
    async def ledger(request: Request) -> Response:
        """Returns the sums of the tenant's entries: those of `auterity ledger`."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            said = asked(request, LedgerAsked)
            begin, end = moment("from", said.begin), moment("to", said.end)
            as_of = await reads.as_of(request)
            rows = await reads.answered(ledgers.sums(principal.tenant_id, said.by, begin, end))
            names = ("billed_usd_micros", "held_usd_micros", "entries")
            total = {name: sum(getattr(row, name) for row in rows) for name in names}
            return Done(builtins(LedgerSums(by=said.by, rows=rows, as_of=as_of, **total)), status=200)

        return await door.call(request, needed, work)

    @router.get("/ledger/entries", summary="Entries of the ledger", **reading(EntriesAsked, EntryList))
    async def entries(request: Request) -> Response:
        """Returns the entries that were decided, the newest first."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            query = _entries(asked(request, EntriesAsked))
            as_of = await reads.as_of(request)
            page = await reads.page(principal.tenant_id, query)
            return Done(builtins(EntryList([entry_document(each) for each in page.rows], page.next, as_of)), status=200)

        return await door.call(request, needed, work)

    @router.get("/recommendations", summary="What could be saved", **reading(None, Recommended))
    async def recommended(request: Request) -> Response:
        """Returns what could be saved, the most first, with its evidence; reckoned at most once a minute."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            found = await log.asked(lambda: savings.of(principal.tenant_id))
            return Done(builtins(Recommended(found.found, found.records, found.whole)), status=200)

        return await door.call(request, needed, work)

    @router.get("/prices", summary="What models cost", **reading(None, PriceList))
    async def prices(request: Request) -> Response:
        """Returns every price of the books that hold for the tenant; models without one there have their own."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            found = map(price_document, listed(door.definitions, principal.tenant_id))
            return Done(builtins(PriceList(list(found))), status=200)

        return await door.call(request, needed, work)

    @router.get("/prices/restatements", summary="What pricing again changed", **reading(Asked, Restatements))
    async def restatements(request: Request) -> Response:
        """Returns what restatements have changed, the newest first, and by model."""

        async def work(_: Call, principal: Principal, __: Share) -> Done:
            asked(request, Asked)
            as_of = await reads.as_of(request)
            query = Query(of=Entry, where={"kind": "adjusted"}, order=("sequence",), newest_first=True, limit=LIMIT_MAX)
            found = restated(await reads.rows(principal.tenant_id, query))
            return Done(
                builtins(Restatements(restatements=found[:RESTATEMENTS_MAX], totals=differences(found), as_of=as_of)),
                status=200,
            )

        return await door.call(request, needed, work)

    return router


def _entries(said: EntriesAsked) -> Query[Entry]:
    texts = {"model": said.model, "workflow": said.workflow, "run_id": said.run_id, "kind": said.kind}
    begin, end = moment("from", said.begin), moment("to", said.end)
    return Query(
        of=Entry,
        where={name: value for name, value in texts.items() if value is not None},
        least={} if begin is None else {"occurred_at": begin},
        below={} if end is None else {"occurred_at": end},
        order=("occurred_at", "sequence"),
        newest_first=True,
        after=behind(said.cursor, (int, int)),
        limit=said.limit,
    )
