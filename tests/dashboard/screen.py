"""What people do at every screen: sign in, go somewhere, read figures."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from playwright.sync_api import Page, expect

from domain.ids import derive
from domain.read_models import RUN_TOPICS
from schemas.events import Event, Outcome, RunStatus
from tests.dashboard.platform import GIVE_UP_S, Platform
from tests.harness import until

GO = "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')); }"


def sign_in(page: Page, platform: Platform, name: str = "admin", code: str = "", tenant: str = "acme") -> None:
    """Returns when the page shows Live."""
    page.goto(platform.url)
    page.get_by_label("Tenant").fill(tenant)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    if code:
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Live", level=1).wait_for()


def go(page: Page, path: str) -> None:
    """Goes to a screen without loading the page anew, and returns when it is there."""
    page.evaluate(GO, path)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.get_by_text("Loading", exact=True)).to_have_count(0)


def is_live(page: Page) -> None:
    """Returns when the page says that it is connected."""
    expect(page.get_by_role("status").get_by_text("live", exact=True)).to_be_visible()


def eventually(
    page: Page, check: Callable[[], bool], give_up_s: float = 120.0, seen: Callable[[], object] = lambda: ""
) -> None:
    """Returns when the check holds; the page goes on meanwhile. What is seen is said when it never does."""
    deadline = time.monotonic() + give_up_s
    while not check():
        assert time.monotonic() < deadline, f"not so after {give_up_s} s: {seen()}"
        page.wait_for_timeout(50)


def figures(page: Page, label: str) -> dict[tuple[str, ...], int]:
    """Returns the last column of a table by what stands before it."""
    rows = page.get_by_role("region", name=label, exact=True).locator("tbody tr")
    read = (
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.querySelector('data')?.value ?? cell.innerText))"
    )
    return {tuple(text.strip() for text in cells[:-1]): int(cells[-1]) for cells in rows.evaluate_all(read)}


def happen(platform: Platform, first: int, tenant: str = "acme") -> list[str]:
    """Puts ten runs on the log, of which one fails, and a decision that is escalated; returns the ids of the runs."""
    from live_calls import decision, run, step

    numbers = range(first, first + 10)
    moments: list[Event] = [run(number, tenant) for number in numbers] + [step(number, tenant) for number in numbers]
    moments += [
        run(first + 10, tenant, RunStatus.FAILED),
        decision(first, tenant, Outcome.ESCALATED),
        decision(first + 1, tenant),
    ]
    now = datetime.now(UTC)
    platform.say([msgspec.structs.replace(each, occurred_at=now) for each in moments])
    return [derive(tenant, str(number)) for number in range(first, first + 11)]


def give_up(platform: Platform, **said: Any) -> str:
    """Has the gateway refuse an event; returns its dead letter, once it is listed."""
    event = {"occurred_at": "2026-11-22T08:00:00Z", "source": "crm", "subject": "case-1", **said}
    with platform.client("admin") as client:
        [wrong] = client.post("/events/business-events", json=event).json()["errors"]
        letter = str(wrong["dead_letter"])
        until(lambda: client.get(f"/dead-letters/{letter}").status_code == 200, GIVE_UP_S)
    return letter


def ran(platform: Platform) -> str:
    """Puts a run on the log that has attempts, rankings, holds and settlements; returns its id."""
    from read_model_records import events, run_of

    run_id = str(run_of("acme"))
    said = [each for topic in (*RUN_TOPICS, "budget-entries") for each in events("acme", topic)]
    platform.say([each for each in said if each.run_id == run_id])
    return run_id
