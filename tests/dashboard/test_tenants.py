"""Two tenants who look on at once see nothing of each other, at any screen."""

import json

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import Platform
from tests.dashboard.screen import go, happen, is_live
from tests.dashboard.test_page import SCREENS

TENANTS = ("acme", "other")
FIRST = 900


def test_two_tenants_at_once_see_nothing_of_each_other_at_any_screen(platform: Platform, seat: Seat) -> None:
    pages = {tenant: seat("admin", tenant) for tenant in TENANTS}
    heard: dict[str, list[str]] = {tenant: [] for tenant in TENANTS}
    for tenant, page in pages.items():
        page.on("websocket", lambda socket, mine=heard[tenant]: listen(socket, mine))
        page.reload()
        page.get_by_role("heading", name="Live", level=1).or_(page.get_by_role("heading", level=1)).first.wait_for()
        go(page, "/")
        is_live(page)
    runs = {tenant: happen(platform, FIRST, tenant) for tenant in TENANTS}
    marks = {tenant: [*runs[tenant], *(run[:13] for run in runs[tenant])] for tenant in TENANTS}
    for tenant, page in pages.items():
        expect(page.get_by_role("region", name="Last alerts").get_by_text(runs[tenant][-1]).first).to_be_visible()
    seen = {tenant: [page.locator("main").inner_text()] for tenant, page in pages.items()}
    for path in SCREENS.values():
        for tenant, page in pages.items():
            go(page, path)
            seen[tenant].append(page.locator("main").inner_text())
    for tenant, foreign in (("acme", "other"), ("other", "acme")):
        everything = "\n".join([*seen[tenant], *heard[tenant]])
        assert [run for run in runs[tenant] if run in everything], "its own it does see"
        assert [run for run in runs[foreign] if run in everything] == []
        page = pages[tenant]
        go(page, f"/app/runs/{runs[foreign][0]}")
        expect(page.locator("main [role=alert], main").first).not_to_contain_text("triage")
    print(f"\nnothing of each other on {len(SCREENS)} screens and in {sum(map(len, heard.values()))} frames")
