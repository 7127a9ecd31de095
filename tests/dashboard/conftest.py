"""A platform with its page, and a browser in which people are signed in: each started once for all of these tests."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from deploy import page as page_build
from deploy import servers as programs
from gateway.static import BUILT
from schemas.events import BudgetEntry
from tests.dashboard import spending
from tests.dashboard.platform import Platform
from tests.dashboard.screen import sign_in
from tests.servers import had

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-precise-memory-info"]
GIVE_UP_MS = 120_000
"""Far beyond what a machine takes that has nothing else to do."""
MINUTES = 10.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=MINUTES, help="how long the page is watched by make test-e2e")


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """All of the platform, with the people that the tests of the gateway know."""
    had(page_build.build)
    assert (BUILT / "index.html").is_file()
    started = Platform(tmp_path_factory.mktemp("page"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, closed when the last of these tests has run: its loop holds the thread, and no other runs
    beside it."""
    program = had(lambda: programs.program("chromium", lambda _: None))
    with sync_playwright() as playwright:
        expect.set_options(timeout=GIVE_UP_MS)
        found = playwright.chromium.launch(executable_path=str(program), args=FLAGS)
        yield found
        found.close()


def unused(browser: Browser) -> BrowserContext:
    """Returns a browser that nobody has used yet."""
    found = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    found.set_default_timeout(GIVE_UP_MS)
    return found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used yet."""
    found = unused(browser)
    yield found
    found.close()


@pytest.fixture(scope="session")
def wrong() -> list[str]:
    """What went wrong in the scripts of pages."""
    return []


@pytest.fixture(autouse=True)
def _nothing_is_wrong(wrong: list[str]) -> Iterator[None]:
    """What goes wrong in the scripts of a page fails the test."""
    wrong.clear()
    yield
    assert not wrong


def watched(page: Page, wrong: list[str]) -> Page:
    """Has it said what goes wrong in the page's scripts."""
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    return page


@pytest.fixture
def page(context: BrowserContext, wrong: list[str]) -> Page:
    """A window of that browser."""
    return watched(context.new_page(), wrong)


Seat = Callable[..., Page]


@pytest.fixture(scope="package")
def seat(platform: Platform, browser: Browser, wrong: list[str]) -> Seat:
    """Returns the window of a person who stays signed in for all tests, each in a browser of the own."""
    taken: dict[tuple[str, str], Page] = {}

    def of(name: str = "admin", tenant: str = "acme") -> Page:
        if (name, tenant) not in taken:
            page = watched(unused(browser).new_page(), wrong)
            sign_in(page, platform, name, tenant=tenant)
            taken[name, tenant] = page
        return taken[name, tenant]

    return of


@pytest.fixture(scope="session")
def screens() -> Path | None:
    """Where screenshots go, if they are wanted: `make screens`."""
    place = os.environ.get("AUTERITY_SCREENS")
    return Path(place) if place else None


@pytest.fixture(scope="package")
def spent(platform: Platform) -> list[BudgetEntry]:
    """What the other tenant has spent."""
    found = spending.entries(datetime.now(UTC))
    with ThreadPoolExecutor(1) as pool:  # as the browser's own loop runs in this thread
        pool.submit(spending.define, platform.bootstrap, platform.codec).result()
    platform.say(found)
    return found
