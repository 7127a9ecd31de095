"""Two tenants who look on at once see nothing of each other, at any screen."""

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import Platform
from tests.dashboard.screen import go, happen, is_live
from tests.dashboard.test_page import SCREENS

TENANTS = ("acme", "other")
FIRST = 900


def listened(page: Page) -> list[str]:
    """Returns where all that comes over the page's WebSockets will be."""
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    return heard


def test_two_tenants_at_once_see_nothing_of_each_other_at_any_screen(platform: Platform, seat: Seat) -> None:
    pages = {tenant: seat("admin", tenant) for tenant in TENANTS}
    heard = {tenant: listened(page) for tenant, page in pages.items()}
    for page in pages.values():
        page.reload()  # its connection is made anew, and listened to
        go(page, "/")
        is_live(page)
    runs = {tenant: happen(platform, FIRST, tenant) for tenant in TENANTS}
    seen: dict[str, list[str]] = {}
    for tenant, page in pages.items():
        failed = page.get_by_role("region", name="Last alerts").locator("tbody tr").filter(has_text="failed").first
        expect(failed).to_be_visible()
        expect(page.get_by_role("region", name="Last events").get_by_role("row")).to_have_count(16)
        seen[tenant] = [page.locator("main").inner_html()]
    for path in SCREENS.values():
        for tenant, page in pages.items():
            go(page, path.replace("RUN", runs[tenant][0]))
            seen[tenant].append(page.locator("main").inner_html())
    for tenant, foreign in (TENANTS, TENANTS[::-1]):
        everything = "\n".join([*seen[tenant], *heard[tenant]])
        assert [run for run in runs[tenant] if run in everything]  # its own it does see
        assert [run for run in runs[foreign] if run in everything] == []
        go(pages[tenant], f"/app/runs/{runs[foreign][0]}")
        expect(pages[tenant].locator("main").get_by_role("alert")).to_be_visible()
        expect(pages[tenant].get_by_role("tree")).to_have_count(0)
    frames = sum(map(len, heard.values()))
    print(f"\nnothing of each other on {len(SCREENS)} screens and in {frames} frames of the live connection")
