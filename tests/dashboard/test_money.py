"""What a tenant has spent, added up in a browser."""

from playwright.sync_api import expect

from schemas.events import BudgetEntry
from tests.dashboard import spending
from tests.dashboard.conftest import Seat


def test_the_ledger_adds_up_whatever_it_is_summed_by_and_leads_to_its_entries(
    seat: Seat, spent: list[BudgetEntry]
) -> None:
    billed = sum(each.billed_usd_micros for each in spent)
    total = f"${billed // 1_000_000}.{billed % 1_000_000:06}"
    page = seat("admin", spending.TENANT)
    page.get_by_role("link", name="Money", exact=True).click()
    expect(page.get_by_role("region", name="Pots").get_by_role("row").filter(has_text="month")).not_to_have_count(0)
    page.get_by_role("tab", name="Ledger").click()
    for by in ("Workflow", "Team", "Day (UTC)", "Model"):
        page.get_by_role("button", name=by, exact=True).click()
        sums = page.locator("section").filter(has=page.get_by_role("heading", name=f"Billed, by {by.lower()}"))
        expect(sums).to_contain_text(f"{total} billed")
        expect(sums).to_contain_text("Adds up to the ledger's total, to the micro-dollar.")
    page.get_by_role("link", name=spending.CHEAPER).click()
    shown = page.get_by_role("region", name="Entries").get_by_role("row")
    expect(shown).to_have_count(1 + sum(each.model == spending.CHEAPER for each in spent))
    last = next(each for each in reversed(spent) if each.model == spending.CHEAPER)
    expect(shown.nth(1).get_by_role("link", name=f"Run {last.run_id}")).to_be_visible()
    page.reload()  # all of it is in the address
    expect(shown).to_have_count(1 + sum(each.model == spending.CHEAPER for each in spent))
