"""A run is found by a filter, followed to what a model was asked, and decided again."""

import re

from playwright.sync_api import expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import GIVE_UP_S, REAL, Platform
from tests.dashboard.screen import go
from tests.harness import business_event, until

ASKS = "SELECT run_id FROM ai_calls WHERE status = 'completed' ORDER BY occurred_at DESC LIMIT 1"


def test_a_run_is_found_its_call_opened_and_every_decision_of_it_comes_out_the_same(
    platform: Platform, seat: Seat
) -> None:
    if not platform.rows(ASKS, REAL):  # nothing was ingested before
        platform.say([business_event(number, f"case-{number}", tenant=REAL) for number in range(3)])
        until(lambda: bool(platform.rows(ASKS, REAL)), GIVE_UP_S)
        platform.settle()
    [[run_id]] = platform.rows(ASKS, REAL)
    page = seat("admin", REAL)
    go(page, "/app/runs")
    filters = page.get_by_role("search", name="Filter of runs")
    filters.get_by_label("Status").select_option("completed")
    filters.get_by_label("Text").fill(run_id)
    rows = page.get_by_role("region", name="Runs", exact=True).get_by_role("row")
    expect(rows).to_have_count(2)  # with its head
    expect(rows.nth(1)).to_contain_text(run_id)
    assert "status=completed" in page.url
    rows.nth(1).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=f"Run {run_id}", level=1)).to_be_visible()
    tree = page.get_by_role("tree")
    calls = tree.locator('[role=treeitem][data-node^="ai-calls/"]')
    calls.first.click()
    expect(page.get_by_role("link", name=re.compile(r"ai-calls \d+:\d+")).first).to_be_visible()

    page.get_by_role("button", name="Replay this run").click()
    replay = page.get_by_role("region", name="Replay")
    expect(replay.get_by_text("the same", exact=True)).to_be_visible()
    said = re.search(r"(\d+) of (\d+) decisions come out as recorded", replay.inner_text())
    assert said is not None
    assert int(said[1]) == int(said[2]) > 0
    print(f"\n{said[0]}")
