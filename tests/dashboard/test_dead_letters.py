"""What was refused at the door is mended at the screen, and lies on the log."""

from uuid import uuid4

from playwright.sync_api import expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import Platform
from tests.dashboard.screen import eventually, go


def test_refused_bytes_are_mended_at_the_screen_and_the_event_lies_on_the_log(platform: Platform, seat: Seat) -> None:
    subject = f"case-{uuid4().hex[:8]}"
    bytes_sent = f'{{"source": "shop", "subject": "{subject}", "occurred_at": "2026-11-22T08:00:00Z"}}'
    with platform.client() as sender:
        headers = {"Content-Type": "application/json"}
        answer = sender.post("/events/business-events", content=bytes_sent, headers=headers)
        assert answer.status_code == 422
        letter = answer.json()["errors"][0]["dead_letter"]
        eventually(page := seat(), lambda: seen(platform, letter))

    go(page, "/app/dead-letters?topic=business-events")
    row = page.get_by_role("region", name="Dead letters").get_by_role("row").nth(1)
    expect(row).to_contain_text("type")
    row.click()
    expect(page.get_by_role("heading", name="Dead letter", level=1)).to_be_visible()
    assert page.url.endswith(f"/app/dead-letters/{letter}")
    editor = page.get_by_label("Event of business-events, as JSON")
    assert subject in editor.input_value()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_contain_text("type")  # still wrong: it is said where
    editor.fill(bytes_sent.replace('{"source"', '{"type": "Mended", "source"'))
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("region", name="Mend and send again")).to_contain_text("It was mended")

    [event] = [event for event, _ in platform.on_log("business-events") if event.subject == subject]
    assert (event.type, event.causation_id, event.tenant_id) == ("Mended", letter, "acme")
    expect(page.get_by_text(event.event_id)).to_be_visible()
    go(page, f"/app/topics/business-events?correlation_id={event.correlation_id}")
    expect(page.get_by_role("region", name="Records", exact=True).get_by_role("row").nth(1)).to_contain_text(subject)


def seen(platform: Platform, letter: str) -> bool:
    """Whether the read models have the letter."""
    with platform.client("admin") as admin:
        return admin.get(f"/dead-letters/{letter}").status_code == 200
