"""When parts of the platform are gone, the page says so, says how old what it shows is, and goes on by itself."""

import json
import re

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Seat
from tests.dashboard.platform import Platform
from tests.dashboard.screen import eventually, figures, go, happen, is_live, sign_in

TOLD = re.compile(r"what is shown was told .+ ago")
AGE = re.compile(r"^as of .+ ago$")


def counted(page: Page) -> int:
    """Returns how many events Live has counted."""
    return sum(figures(page, "Events counted, by status").values())


def lost(page: Page) -> None:
    """Returns when the page says that it is cut off, and how old what it shows is."""
    expect(page.get_by_role("status").get_by_text("connection lost")).to_be_visible()
    expect(page.get_by_text(TOLD)).to_be_visible()
    expect(page.get_by_text(AGE)).to_be_visible()


def test_while_the_broker_is_away_the_page_says_how_old_it_is_and_then_loses_nothing(
    platform: Platform, seat: Seat
) -> None:
    page = seat()
    go(page, "/")
    is_live(page)
    happen(platform, 400)
    expect(page.get_by_role("region", name="Last alerts").get_by_text("failed").first).to_be_visible()
    before = platform.rows("SELECT count() FROM workflow_runs")
    with platform.without("kafka"):
        lost(page)
        said = page.get_by_text(TOLD).inner_text()
    is_live(page)
    expect(page.get_by_text(TOLD)).to_have_count(0)
    told = counted(page)
    happen(platform, 420)
    expect(page.get_by_role("region", name="Last events").get_by_role("row")).to_have_count(16)
    eventually(page, lambda: counted(page) == told + 23)
    assert platform.rows("SELECT count() FROM workflow_runs") >= before
    print("while the broker was away:", said)


KEPT = """caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name))))
    .then((all) => Promise.all(all.map((each) => each.keys())))
    .then((found) => found.flat().map((each) => new URL(each.url).pathname))"""


def test_while_the_gateway_is_away_the_page_opens_and_says_so_and_goes_on_when_it_is_back(
    platform: Platform, page: Page
) -> None:
    sign_in(page, platform)
    is_live(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    eventually(page, lambda: page.evaluate("navigator.serviceWorker.controller !== null"))
    page.reload()  # all files of the page are kept now
    is_live(page)
    with platform.without("gateway"):
        lost(page)
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("The gateway does not answer.")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        kept = page.evaluate(KEPT)
        assert not [path for path in kept if "/api/" in path]
    is_live(page)
    happen(platform, 440)
    expect(page.get_by_role("region", name="Last events").get_by_role("row")).to_have_count(16)


def test_the_page_can_be_installed(page: Page, platform: Platform) -> None:
    page.goto(platform.url)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    session = page.context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    manifest = json.loads(found["data"])
    assert found["errors"] == []
    assert (manifest["display"], manifest["start_url"]) == ("standalone", "/")
    errors = [each["errorId"] for each in session.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert set(errors) <= {"in-incognito"}  # as every context of a test is
    print("installability errors:", errors or "none")
