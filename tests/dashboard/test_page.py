"""People sign in, see what happens, and can read it, whatever they see with."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy import page as page_build
from gateway.static import BUILT
from schemas.events import Outcome, RunStatus
from tests.dashboard.conftest import GIVE_UP_MS, PERSON, Platform
from tests.harness import ROOT, feed, until
from tests.servers import had

AXE = ROOT / "dashboard/node_modules/axe-core/axe.min.js"
SCREENS = {
    "live": "/",
    "topics": "/app/topics",
    "topic": "/app/topics/workflow-runs",
    "dead-letters": "/app/dead-letters",
    "settings-profile": "/app/settings",
    "settings-second-factor": "/app/settings?part=factor",
    "settings-keys": "/app/settings?part=keys",
    "settings-people": "/app/settings?part=people",
    "settings-branding": "/app/settings?part=tenant",
}
"""Every screen that is there for who has signed in: a new one has its line here."""
OPENED = {"topic": "record", "dead-letters": "dead-letter"}
"""Screens that the first row of another one opens."""
WIDTHS = (360, 1440)
HEIGHT = 900
FIRST_BYTES_MAX = 200_000
"""Of script, as it comes over the network, until somebody who is signed in sees Live."""
SCRIPTS = """performance.getEntriesByType("resource")
    .map((each) => new URL(each.name).pathname.slice(1)).filter((each) => each.endsWith(".js"))"""
KEPT = ROOT / "docs/screens"


def sign_in(page: Page, platform: Platform, name: str = "admin", code: str = "") -> None:
    """Returns when the page shows Live."""
    page.goto(platform.url)
    page.get_by_label("Tenant").fill("acme")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    if code:
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Live", level=1).wait_for()


def happen(platform: Platform, first: int) -> None:
    """Puts ten runs on the log, of which one fails, and a decision that is escalated."""
    from live_calls import decision, run, step

    numbers = range(first, first + 10)
    moments = [run(number) for number in numbers] + [step(number) for number in numbers]
    moments += [
        run(first + 10, status=RunStatus.FAILED),
        decision(first, outcome=Outcome.ESCALATED),
        decision(first + 1),
    ]
    now = datetime.now(UTC)
    said = [msgspec.structs.replace(each, occurred_at=now) for each in moments]
    records = [platform.codec.encode(each, "test") for each in said]
    with ThreadPoolExecutor(1) as pool:  # as the browser's own loop runs in this thread
        pool.submit(feed, platform.servers, records).result()


def give_up(platform: Platform, **said: Any) -> str:
    """Has the gateway refuse an event; returns its dead letter, once it is listed."""
    with platform.client() as client:
        event = {"occurred_at": "2026-11-22T08:00:00Z", "source": "crm", "subject": "case-1", **said}
        [wrong] = client.post("/events/business-events", json=event).json()["errors"]
        letter = str(wrong["dead_letter"])
        until(lambda: client.get(f"/dead-letters/{letter}").status_code == 200, GIVE_UP_MS / 1000)
    return letter


def test_who_signs_in_with_a_second_factor_sees_what_happens(platform: Platform, page: Page) -> None:
    page.goto(platform.url + "/app/settings")
    page.get_by_label("Tenant").fill("acme")
    page.get_by_label("Name").fill(PERSON)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody is known by this")
    page.get_by_label("Password").fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code")).to_be_focused()
    page.get_by_label("Code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That code is not good")
    page.get_by_label("Code").fill(platform.recovery.pop())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings").wait_for()  # where he wanted to go

    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_role("status").get_by_text("live", exact=True)).to_be_visible()
    happen(platform, 100)
    expect(page.get_by_role("region", name="Last alerts").get_by_text("failed")).to_be_visible()
    expect(page.get_by_role("region", name="Last events").get_by_role("row")).to_have_count(16)
    expect(page.get_by_label("Events per second of", exact=False)).to_be_visible()


def test_a_session_outlives_the_window_and_no_script_can_read_what_renews_it(
    platform: Platform, page: Page, context: BrowserContext
) -> None:
    sign_in(page, platform)
    page.reload()
    page.get_by_role("heading", name="Live").wait_for()
    scripts = [BUILT / each for each in page.evaluate(SCRIPTS)]
    packed = [each.with_name(each.name + ".gz") for each in scripts]
    assert 0 < sum(each.stat().st_size for each in packed if each.is_file()) <= FIRST_BYTES_MAX
    other = context.new_page()
    other.goto(platform.url + "/app/settings")
    other.get_by_role("heading", name="Settings").wait_for()

    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "eyJ" not in kept
    assert "auterity-session" not in json.loads(kept)[2]
    [cookie] = [each for each in context.cookies(platform.url + "/api/v1/auth") if each["name"] == "auterity-session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")

    page.locator("summary").filter(has_text="admin").click()
    page.get_by_role("button", name="Sign out").click()
    for each in (page, other):  # the other window is signed out with it
        each.get_by_role("button", name="Sign in").wait_for()
    page.reload()
    page.get_by_role("button", name="Sign in").wait_for()


def test_what_the_roles_do_not_permit_is_said_and_not_asked_for(platform: Platform, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, platform, "viewer")
    for part, needs in (("keys", "keys:manage"), ("people", "users:manage"), ("tenant", "tenant:manage")):
        page.goto(f"{platform.url}/app/settings?part={part}")
        expect(page.get_by_role("tabpanel")).to_contain_text(needs)
    for part, needs in (
        ("topics/alerts", "log:read"),
        ("topics/alerts/0/0", "log:read"),
        ("dead-letters", "dead-letters:read"),
    ):
        page.goto(f"{platform.url}/app/{part}")
        expect(page.get_by_role("main")).to_contain_text(needs)
    paths = [url.partition("/api/v1")[2] for url in asked]
    assert not [path for path in paths if path.startswith(("/keys", "/users", "/topics", "/records", "/dead-letters"))]


def test_the_log_is_looked_through_and_a_record_leads_to_its_cause_with_the_keyboard_alone(
    platform: Platform, page: Page
) -> None:
    from live_calls import run, step

    began = msgspec.structs.replace(run(500), occurred_at=datetime.now(UTC))
    went_on = msgspec.structs.replace(step(500), causation_id=began.event_id)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(feed, platform.servers, [platform.codec.encode(each, "test") for each in (began, went_on)]).result()
    sign_in(page, platform)
    page.goto(f"{platform.url}/app/topics/agent-steps")
    page.get_by_label("Offset, and below").fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("An offset needs a partition.")
    page.get_by_label("Offset, and below").fill("")
    page.get_by_label("Correlation id").fill(began.correlation_id)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 records in")).to_be_visible()
    assert page.url.endswith(f"/agent-steps?correlation_id={began.correlation_id}")
    with platform.client() as client:
        [found] = client.get("/topics/agent-steps/records", params={"key": began.run_id}).json()["records"]
        place = f"{found['partition']}/{found['offset']}"
        until(lambda: client.get(f"/records/agent-steps/{place}").json()["cause"], GIVE_UP_MS / 1000)
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


def test_a_dead_letter_is_mended_where_it_is_wrong_and_leads_to_what_it_became(platform: Platform, page: Page) -> None:
    letter = give_up(platform, type=7)
    sign_in(page, platform)
    page.goto(f"{platform.url}/app/dead-letters/{letter}")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 5, type: Expected `str`, got `int`")
    editor = page.get_by_role("textbox", name="Event of business-events")
    expect(editor).to_be_focused()
    assert page.evaluate("getSelection().toString()") == '"type": 7'
    editor.fill(editor.input_value() + ",")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("there is more behind the value")
    editor.fill(editor.input_value().rstrip(",").replace('"type": 7', '"type": "Opened"'))
    page.keyboard.press("Control+Enter")
    page.get_by_role("link", name="Look for it on business-events").click()
    page.get_by_role("region", name="Records").get_by_role("row").nth(1).press("Enter")
    expect(page.get_by_role("region", name="Cause and consequences")).to_contain_text(letter)


def test_a_key_is_made_shown_once_and_revoked_with_the_keyboard_alone(platform: Platform, page: Page) -> None:
    sign_in(page, platform)
    page.goto(platform.url + "/app/settings?part=keys")
    page.get_by_role("button", name="Make a key").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("the shop")
    dialog.get_by_label("events:write").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    shown = page.get_by_role("dialog", name="Your new key").get_by_role("region")
    expect(shown).to_contain_text("auterity.acme.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "auterity.acme." not in page.content()
    page.get_by_role("button", name="Revoke the shop").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row").filter(has_text="the shop")).to_contain_text("revoked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_has_a_serious_issue_of_accessibility(
    platform: Platform, browser: Browser, screens: Path | None, scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": HEIGHT}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(platform.url)
    page.get_by_role("button", name="Sign in").wait_for()
    found = {"sign-in": looked(page, "sign-in", scheme, screens)}
    sign_in(page, platform)
    happen(platform, 200 if scheme == "light" else 300)
    give_up(platform, type=7)
    for name, path in SCREENS.items():
        if name != "live":
            page.goto(platform.url + path)
            page.get_by_role("heading", level=1).wait_for()
        page.locator("main section, main [role=alert]").first.wait_for()
        expect(page.get_by_text("Loading", exact=True)).to_have_count(0)
        if name == "live":
            page.get_by_role("region", name="Last alerts").get_by_role("row").nth(1).wait_for()
        found[name] = looked(page, name, scheme, screens)
        if name in OPENED:
            page.locator("main tbody tr").first.press("Enter")
            page.locator("main dl").wait_for()
            found[OPENED[name]] = looked(page, OPENED[name], scheme, screens)
    context.close()
    assert {name: issues for name, issues in found.items() if issues} == {}


def looked(page: Page, name: str, scheme: str, screens: Path | None) -> list[str]:
    """Returns the serious issues of a screen at each width; takes its picture, if that is wanted."""
    issues = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        issues += [f"at {width} px it is {wide} px too wide"] if wide > 0 else []
        if screens is not None and (scheme == "light" or width == max(WIDTHS)):
            screens.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(1000)  # a chart is drawn
            suffix = "" if scheme == "light" else f"-{scheme}"
            page.screenshot(path=screens / f"{name}-{width}{suffix}.png")
    page.evaluate(AXE.read_text())
    said = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return issues + [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in said["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def test_a_connection_that_drops_is_said_with_the_age_of_what_is_shown_and_comes_back(
    platform: Platform, page: Page
) -> None:
    sign_in(page, platform)
    expect(page.get_by_role("status").get_by_text("live", exact=True)).to_be_visible()
    platform.gateway.kill()
    expect(page.get_by_role("status").get_by_text("connection lost")).to_be_visible()
    expect(page.get_by_text("what is shown was told")).to_be_visible()
    platform.gateway.start()
    expect(page.get_by_role("status").get_by_text("live", exact=True)).to_be_visible()
    happen(platform, 400)
    expect(page.get_by_role("region", name="Last events").get_by_role("row")).to_have_count(16)


@pytest.mark.parametrize("name", ["sign-in", *SCREENS, *OPENED.values()])
def test_a_screen_has_its_pictures(name: str) -> None:
    assert all((KEPT / f"{name}-{width}.png").is_file() for width in WIDTHS), "run: make screens"


def test_what_is_pure_in_the_page_is_proved_by_its_own_tests() -> None:
    folder, npm = had(page_build.tools)
    if not (page_build.SOURCES / "node_modules").is_dir():
        had(page_build.build)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "NO_COLOR": "1"}
    command = [*npm, "test", "--silent"]
    done = subprocess.run(
        command, cwd=page_build.SOURCES, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert not done.returncode, done.stdout + done.stderr
