"""Money over HTTP: pots, sums, entries, prices and what pricing again changed, as the command line says them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from log_browser import ListBrowser
from quiet_gateway import Quiet
from read_model_records import CODEC, events, fill, records

from domain.accounts import Accounts
from domain.book import Book
from domain.definitions import Definitions
from domain.ledger import BY, Ledger
from domain.recommendations import recommend
from domain.savings import TOPICS, recommendations
from schemas.events import BudgetEntry, EntryKind
from schemas.record import Record
from sinks.read_models.reader import Reader
from sinks.read_models.store import reading
from tests.event_strategies import recorded


def ledger_of(tenant: str, said: list[BudgetEntry] | None = None) -> Ledger:
    found = Ledger()
    for each in events(tenant, "budget-entries") if said is None else said:
        found.take(each)
    return found


@pytest.mark.parametrize("by", BY)
async def test_sums_are_those_of_the_ledger(models: Reader, by: str) -> None:
    found = await Quiet(models).got("/ledger", by=by)
    ledger = ledger_of("acme")
    assert ledger.entries > 0
    assert found["rows"] == msgspec.to_builtins(ledger.rows(by))
    assert found["entries"] == ledger.entries
    assert (found["billed_usd_micros"], found["held_usd_micros"]) == (ledger.billed_usd_micros, ledger.held_usd_micros)


async def test_of_one_sequence_the_first_record_counts_and_a_stretch_of_time_is_summed_alone(tmp_path: Path) -> None:
    at = datetime(2026, 11, 22, 23, tzinfo=UTC)
    said = [entry(number, at + timedelta(hours=number), billed=10**number) for number in (1, 2, 3)]
    late = [entry(2, at, billed=7, event_id="woken"), entry(0, at, billed=9), said[2]]
    fill(tmp_path, [recorded(CODEC.encode(each, "test"), 3, offset) for offset, each in enumerate([*said, *late])])
    reader = Reader(reading(tmp_path, None))
    gateway = Quiet(reader)

    whole = await gateway.got("/ledger", by="day")
    part = await gateway.got(
        "/ledger", **{"from": said[1].occurred_at.isoformat(), "to": said[2].occurred_at.isoformat()}
    )
    listed = await gateway.pages("/ledger/entries", "entries", limit=1)
    reader.close()

    assert whole["rows"] == msgspec.to_builtins(ledger_of("acme", [*said, *late]).rows("day"))
    assert part["billed_usd_micros"] == 100
    assert [each["sequence"] for each in listed] == [3, 2, 1]
    assert [each["offset"] for each in listed] == [2, 1, 0]


def entry(number: int, at: datetime, **said: Any) -> BudgetEntry:
    billed = said.pop("billed", 0)
    common = {"event_id": f"e{number}", "tenant_id": "acme", "correlation_id": "c", "occurred_at": at}
    return BudgetEntry(**{**common, "sequence": number, "billed_usd_micros": billed, "kind": EntryKind.SETTLED, **said})


async def test_entries_are_the_tenants_and_filtered(models: Reader) -> None:
    gateway = Quiet(models)
    whole = await gateway.pages("/ledger/entries", "entries", limit=9)
    decided = {each.sequence: each for each in events("acme", "budget-entries") if each.sequence}
    assert {each["sequence"] for each in whole} == decided.keys()
    kind, run_id = whole[0]["kind"], whole[0]["run_id"]
    found = await gateway.pages("/ledger/entries", "entries", kind=kind, run_id=run_id)
    assert found == [each for each in whole if (each["kind"], each["run_id"]) == (kind, run_id)]


async def test_pots_follow_from_the_entries_on_the_log_and_from_those_that_came_since() -> None:
    lies = ours(records())
    held = next(each for each in events("acme", "budget-entries") if each.kind is EntryKind.HELD)
    partition = lies[-1].partition
    browser = ListBrowser(lies[: len(lies) // 2])
    gateway = Quiet(browser=browser)
    gateway.define("acme", "budgets", {"id": "default", "budgets": [{"id": "all", "limit_usd_micros": 1000}]})

    first = await gateway.got("/budgets")
    browser.add(lies[len(lies) // 2 :])
    second = await gateway.got("/budgets")
    third = await gateway.got("/budgets")

    books = [book(lies[: len(lies) // 2]), book(lies)]
    assert [each["sequence"] for each in (first, second, third)] == [
        books[0].sequence,
        books[1].sequence,
        books[1].sequence,
    ]
    assert [each["open_holds"] for each in (first, second)] == [len(each.holds) for each in books]
    assert held.hold_id and browser.read_of == [("budget-entries", partition)] * 2  # what is known is not read again
    (pot,) = second["pots"]
    assert (pot["budget"], pot["period"], pot["limit_usd_micros"], pot["level"]) == ("all", "month", 1000, "within")


def ours(found: list[Record]) -> list[Record]:
    return [each for each in found if each.topic == "budget-entries" and each.key == b"acme"]


def book(found: list[Record]) -> Book:
    accounts, made = Accounts(), Book()
    for each in found:
        made = accounts.evolve(made, CODEC.decode(each))
    return made


async def test_what_could_be_saved_is_what_the_command_says_of_the_tenant() -> None:
    gateway = Quiet()
    found = await gateway.got("/recommendations")
    said = [each for topic in TOPICS for each in events("acme", topic)]
    assert found["whole"] is True and found["records"] > len(said)
    assert found["recommendations"] == msgspec.to_builtins(recommendations(said, gateway.definitions))
    assert recommend([], lambda *_: None, lambda _: []) == recommendations([], Definitions())


async def test_prices_are_the_tenants_before_the_platforms() -> None:
    gateway = Quiet()
    price = {
        "valid_from": "2026-01-01T00:00:00Z",
        "input_usd_micros_per_million": 3,
        "output_usd_micros_per_million": 5,
    }
    gateway.define("acme", "prices", {"id": "default", "prices": [{"model": "ours", **price}]})
    gateway.define("platform", "prices", {"id": "default", "prices": [{"model": "theirs", **price}]})
    gateway.define("other", "prices", {"id": "default", "prices": [{"model": "secret", **price}]})
    found = (await gateway.got("/prices"))["prices"]
    assert [(each["owner"], each["model"]) for each in found] == [("tenant", "ours"), ("platform", "theirs")]
    assert found[0]["output_usd_micros_per_million"] == 5 and found[0]["cached_input_usd_micros_per_million"] is None


async def test_restatements_say_the_old_figure_the_new_one_and_the_difference(tmp_path: Path) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    reason = (
        "restated 2026-01-01T00:00:00+00:00..2026-02-01T00:00:00+00:00 through 9: 3 attempts, 50 -> 40 micro-dollars; "
    )
    said = [
        entry(1, at, kind=EntryKind.ADJUSTED, model="m", billed=-10, reason=f"{reason}prices models -> abc"),
        entry(2, at, kind=EntryKind.ADJUSTED, model="m", billed=5, reason="it was never spent"),
    ]
    fill(tmp_path, [recorded(CODEC.encode(each, "test"), 0, offset) for offset, each in enumerate(said)])
    reader = Reader(reading(tmp_path, None))
    found = await Quiet(reader).got("/prices/restatements")
    reader.close()
    (one,) = found["restatements"]
    assert (one["attempts"], one["old_usd_micros"], one["new_usd_micros"], one["delta_usd_micros"]) == (3, 50, 40, -10)
    assert found["totals"] == [{"model": "m", "restatements": 1, "delta_usd_micros": -10}]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/ledger", {"by": "colour"}),
        ("/ledger", {"from": "2026-01-01T00:00:00"}),
        ("/ledger/entries", {"kind": "lost"}),
        ("/ledger/entries", {"cursor": "W10"}),
        ("/prices/restatements", {"limit": "2"}),
    ],
)
async def test_what_cannot_be_asked_is_refused(models: Reader, path: str, asked: dict[str, str]) -> None:
    await Quiet(models).got(path, 400, **asked)
