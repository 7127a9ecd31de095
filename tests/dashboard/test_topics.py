"""The log as it is, looked through in a browser."""

from datetime import UTC, datetime

import msgspec
from playwright.sync_api import expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import GIVE_UP_S, Platform
from tests.dashboard.screen import go
from tests.harness import until


def test_the_log_is_looked_through_and_a_record_leads_to_its_cause_with_the_keyboard_alone(
    platform: Platform, seat: Seat
) -> None:
    from live_calls import run, step

    began = msgspec.structs.replace(run(700), occurred_at=datetime.now(UTC))
    went_on = msgspec.structs.replace(step(700), causation_id=began.event_id)
    platform.say([began, went_on])
    page = seat()
    go(page, "/app/topics/agent-steps")
    page.get_by_label("Offset, and below").fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("An offset needs a partition.")
    page.get_by_label("Offset, and below").fill("")
    page.get_by_label("Correlation id").fill(began.correlation_id)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 records in")).to_be_visible()
    assert page.url.endswith(f"/agent-steps?correlation_id={began.correlation_id}")
    with platform.client("admin") as client:
        [found] = client.get("/topics/agent-steps/records", params={"key": began.run_id}).json()["records"]
        place = f"{found['partition']}/{found['offset']}"
        until(lambda: client.get(f"/records/agent-steps/{place}").json()["cause"], GIVE_UP_S)
    page.get_by_role("region", name="Records").get_by_role("row").nth(1).press("Enter")
    expect(page.get_by_role("link", name=began.run_id, exact=True)).to_have_attribute(
        "href", f"/app/runs/{began.run_id}"
    )
    page.get_by_role("region", name="Cause and consequences").get_by_role("link", name="workflow-runs").wait_for()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.get_by_role("heading", level=1)).to_contain_text("workflow-runs")
    page.get_by_role("region", name="Cause and consequences").get_by_role("link", name="agent-steps").wait_for()
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_url(f"**/agent-steps/{place}")
