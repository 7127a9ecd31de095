"""Who may not do something is told so at the screen, and refused at the door."""

from typing import Any

from playwright.sync_api import expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import Platform
from tests.dashboard.screen import go

SCREENS = {"/app/topics": "log:read", "/app/dead-letters": "dead-letters:read", "/app/money": "money:read"}
LACKS = "Your roles do not permit this."


def test_a_viewer_is_told_why_not_and_the_door_says_the_same(platform: Platform, seat: Seat) -> None:
    page = seat("viewer")
    for path, needs in SCREENS.items():
        go(page, path)
        expect(page.get_by_text(LACKS).first).to_be_visible()
        expect(page.locator("main")).to_contain_text(needs)
    letter, event = refused(platform)
    go(page, f"/app/dead-letters/{letter}")
    expect(page.get_by_text(LACKS).first).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)

    with platform.client("viewer") as viewer, platform.client("compliance-officer") as officer:
        for path in ("/topics", "/dead-letters", f"/dead-letters/{letter}", "/ledger", "/budgets", "/keys", "/users"):
            assert viewer.get(path).status_code == 403, path
        for client in (viewer, officer):
            assert client.post(f"/dead-letters/{letter}/mend", json=event).status_code == 403
            assert client.post("/events/business-events", json=event).status_code == 403
            assert client.post("/workflows/execute", json={}).status_code == 403


def test_who_may_read_dead_letters_but_not_mend_them_sees_no_way_to_send_one_again(
    platform: Platform, seat: Seat
) -> None:
    letter, _ = refused(platform)
    page = seat("compliance-officer")
    go(page, f"/app/dead-letters/{letter}")
    panel = page.get_by_role("region", name="Mend and send again")
    expect(panel).to_contain_text("dead-letters:mend")
    expect(panel.get_by_role("button")).to_have_count(0)


def refused(platform: Platform) -> tuple[str, dict[str, Any]]:
    """Offers an event that lacks its type; returns the dead letter that holds it, and the event as it should be."""
    whole = {"occurred_at": "2026-11-22T08:00:00Z", "source": "shop", "subject": "S-1", "type": "Opened"}
    with platform.client() as sender:
        answer = sender.post("/events/business-events", json={**whole, "type": None})
    assert answer.status_code == 422
    return str(answer.json()["errors"][0]["dead_letter"]), whole
