"""People sign in, see what happens, and can read it, whatever they see with."""

import json
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from deploy import page as page_build
from domain.ids import derive
from gateway.static import BUILT
from tests.dashboard import spending
from tests.dashboard.conftest import Seat
from tests.dashboard.platform import PERSON, Platform
from tests.dashboard.screen import give_up, go, happen, is_live, ran, sign_in
from tests.harness import ROOT
from tests.servers import had

AXE = ROOT / "dashboard/node_modules/axe-core/axe.min.js"
SCREENS = {
    "live": "/",
    "runs": "/app/runs",
    "run": "/app/runs/RUN",
    "topics": "/app/topics",
    "topic": "/app/topics/workflow-runs",
    "dead-letters": "/app/dead-letters",
    "money-budgets": "/app/money",
    "money-ledger": "/app/money?part=ledger",
    "money-entries": "/app/money?part=entries",
    "money-savings": "/app/money?part=savings",
    "money-prices": "/app/money?part=prices",
    "settings-profile": "/app/settings",
    "settings-second-factor": "/app/settings?part=factor",
    "settings-keys": "/app/settings?part=keys",
    "settings-webhooks": "/app/settings?part=webhooks",
    "settings-people": "/app/settings?part=people",
    "settings-branding": "/app/settings?part=tenant",
}
"""Every screen that is there for who has signed in: a new one has its line here; RUN is a run with all that can be."""
OPENED = {"topic": "record", "dead-letters": "dead-letter"}
"""Screens that the first row of another one opens."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 1440)
"""Of which pictures are kept."""
WIDEST = 3840
HEIGHT = 900
FIRST_BYTES_MAX = 200_000
"""Of script, as it comes over the network, until somebody who is signed in sees Live."""
SCRIPTS = """performance.getEntriesByType("resource")
    .map((each) => new URL(each.name).pathname.slice(1)).filter((each) => each.endsWith(".js"))"""
KEPT = ROOT / "docs/screens"


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
    page.get_by_label("Code").fill(platform.recovery["acme"].pop())
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings").wait_for()  # where he wanted to go

    page.get_by_role("link", name="Live", exact=True).click()
    is_live(page)
    happen(platform, 100)
    expect(page.get_by_role("region", name="Last alerts").get_by_text("failed", exact=True)).to_be_visible()
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


def test_what_the_roles_do_not_permit_is_said_and_not_asked_for(platform: Platform, seat: Seat) -> None:
    asked: list[str] = []
    page = seat("viewer")
    page.on("request", lambda request: asked.append(request.url))
    for part, needs in (
        ("keys", "keys:manage"),
        ("webhooks", "keys:manage"),
        ("people", "users:manage"),
        ("tenant", "tenant:manage"),
    ):
        go(page, f"/app/settings?part={part}")
        expect(page.get_by_role("tabpanel")).to_contain_text(needs)
    go(page, f"/app/runs/{ran(platform)}")
    expect(page.get_by_text("Not shown, as your roles lack it")).to_contain_text("decisions:read")
    expect(page.get_by_role("region", name="Replay")).to_contain_text("decisions:read")
    page.get_by_role("treeitem", name="routed").first.click()
    expect(page.get_by_text("log:read")).to_be_visible()
    for part, needs in (
        ("topics/alerts", "log:read"),
        ("topics/alerts/0/0", "log:read"),
        ("dead-letters", "dead-letters:read"),
        ("money?part=ledger", "money:read"),
    ):
        go(page, f"/app/{part}")
        expect(page.get_by_role("main")).to_contain_text(needs)
    paths = [url.partition("/api/v1")[2] for url in asked]
    refused = ("/keys", "/webhooks", "/users", "/topics", "/records", "/dead-letters", "/budgets", "/ledger")
    assert not [path for path in paths if path.startswith(refused)]
    assert not [path for path in paths if path.endswith("/replay")]


def test_a_run_is_found_as_it_comes_and_gone_through_with_the_keyboard_alone(platform: Platform, seat: Seat) -> None:
    page = seat()
    go(page, "/app/runs?workflow=triage&status=failed")
    expect(page.get_by_label("Status")).to_have_value("failed")
    page.get_by_role("search").wait_for()
    happen(platform, 500)  # one of them fails
    rows = page.get_by_role("region", name="Runs", exact=True).get_by_role("row")
    rows.filter(has_text=derive("acme", "510")).focus()
    before = rows.count()
    happen(platform, 520)
    page.get_by_role("button", name="1 new").wait_for()
    assert rows.count() == before  # nothing moves under who is among them
    page.get_by_role("button", name="1 new").press("Enter")
    expect(rows).to_have_count(before + 1)
    rows.nth(1).press("Enter")
    page.get_by_role("tree").get_by_role("treeitem").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Content of the event")).to_contain_text("run_id")
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Content of the event")).to_have_count(0)
    page.go_back()
    expect(page.get_by_label("Status")).to_have_value("failed")


def test_a_key_is_made_shown_once_and_revoked_with_the_keyboard_alone(seat: Seat) -> None:
    page = seat()
    go(page, "/app/settings?part=keys")
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


def test_who_logged_in_long_ago_says_the_password_again_and_what_was_asked_is_done(
    platform: Platform, seat: Seat
) -> None:
    page = seat()
    go(page, "/app/settings?part=webhooks")
    page.get_by_role("button", name="Make a webhook").click()
    page.get_by_role("dialog").get_by_label("Title").fill("the shop")
    refusal = {"status": 403, "detail": "log in again", "reauthenticate": {"max_age_s": 900}}
    long_ago = {"status": 403, "content_type": "application/problem+json", "body": json.dumps(refusal)}
    page.route("**/webhooks", lambda route: route.fulfill(**long_ago), times=1)  # nobody waits a quarter of an hour
    page.get_by_role("dialog").get_by_role("button", name="Make", exact=True).click()
    again = page.get_by_role("dialog", name="Log in again")
    expect(again.get_by_label("Your password")).to_be_focused()
    again.get_by_label("Your password").fill("not the password")
    page.keyboard.press("Enter")
    expect(again.get_by_role("alert")).to_contain_text("not your password")
    again.get_by_label("Your password").fill(platform.password)
    page.keyboard.press("Enter")
    made = page.get_by_role("dialog", name="Your new webhook")
    expect(made.get_by_role("region", name="Secret")).to_contain_text("whsec_")
    expect(made.get_by_role("region", name="Address")).to_contain_text("/api/v1/hooks/")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Revoke the shop").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row").filter(has_text="the shop")).to_contain_text("revoked")


@pytest.mark.usefixtures("spent")
def test_no_screen_has_a_serious_issue_of_accessibility(
    platform: Platform, page: Page, seat: Seat, screens: Path | None
) -> None:
    page.goto(platform.url)
    page.get_by_role("button", name="Sign in").wait_for()
    found = looked(page, "sign-in", screens)
    mine = seat()
    go(mine, "/")
    is_live(mine)
    happen(platform, 200)
    run_id = ran(platform)
    give_up(platform, type=7)
    for name, path in SCREENS.items():
        mine = seat("admin", spending.TENANT) if name.startswith("money") else seat()
        go(mine, path.replace("RUN", run_id))
        mine.locator("main section, main [role=alert]").first.wait_for()
        if name == "live":
            mine.get_by_role("region", name="Last alerts").get_by_role("row").nth(1).wait_for()
        elif name == "run":
            mine.get_by_role("treeitem", name="routed").first.click()
            mine.get_by_role("region", name="Content of the event").wait_for()
        found |= looked(mine, name, screens)
        if name in OPENED:
            mine.locator("main tbody tr").first.press("Enter")
            mine.locator("main dl").first.wait_for()
            found |= looked(mine, OPENED[name], screens)
        mine.emulate_media(color_scheme="light", reduced_motion="no-preference")
    assert {name: issues for name, issues in found.items() if issues} == {}


def looked(page: Page, name: str, screens: Path | None) -> dict[str, list[str]]:
    """Returns the serious issues of a screen, light and dark; takes its pictures, if they are wanted."""
    return {f"{name}, {scheme}": _looked(page, name, scheme, screens) for scheme in SCHEMES}


def _looked(page: Page, name: str, scheme: Literal["light", "dark"], screens: Path | None) -> list[str]:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    issues = []
    for width in (WIDEST, *WIDTHS):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        issues += [f"at {width} px it is {wide} px too wide"] if wide > 0 else []
        if screens is not None and width != WIDEST and (scheme == "light" or width == max(WIDTHS)):
            screens.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(1000)  # a chart is drawn
            suffix = "" if scheme == "light" else f"-{scheme}"
            page.screenshot(path=screens / f"{name}-{width}{suffix}.png")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    said = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return issues + [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in said["violations"]
        if each["impact"] in ("serious", "critical")
    ]


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
