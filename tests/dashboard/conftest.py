"""A gateway with its page and read models, and a browser that looks at it: each started once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from deploy import page as page_build
from deploy import servers as programs
from gateway.static import BUILT
from schemas.codec import Codec
from tests.chaos.gateways import Gateway, gateways, known
from tests.harness import Worker
from tests.servers import had

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
GIVE_UP_MS = 60_000
"""Far beyond what a machine takes that has nothing else to do."""
PERSON = "operator"
"""Who has a second factor here."""


class Platform(NamedTuple):
    """Where the page is, and who may sign in."""

    gateway: Gateway
    servers: Any
    codec: Codec
    password: str
    recovery: list[str]
    """Codes of the person's, each good once."""

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.gateway.port}"

    @contextmanager
    def client(self, name: str = "admin") -> Iterator[httpx2.Client]:
        """Gives who calls the gateway as a person who has signed in."""
        with httpx2.Client(base_url=f"{self.url}/api/v1", trust_env=False, timeout=60) as client:
            said = {"tenant": "acme", "name": name, "password": self.password}
            token = client.post("/auth/login", json=said).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client


@pytest.fixture(scope="module")
def platform(servers: Any, registered: Codec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The gateway and the read models, with the people that the tests of the gateway know."""
    had(page_build.build)
    assert (BUILT / "index.html").is_file()
    known()
    from gateway_calls import PASSWORD

    folder = tmp_path_factory.mktemp("page")
    with (
        gateways(servers, registered, folder, 1) as [gateway],
        Worker(servers, "page", gateway.folder, "read-models"),
    ):
        where = f"http://127.0.0.1:{gateway.port}/api/v1"
        yield Platform(gateway, servers, registered, PASSWORD, enrolled(where, PASSWORD))


def enrolled(where: str, password: str) -> list[str]:
    """Gives the person a second factor; returns the recovery codes."""
    with httpx2.Client(base_url=where, trust_env=False, timeout=60) as client:

        def post(path: str, said: Any) -> Any:
            return client.post(path, json=said).raise_for_status().json()

        said = {"tenant": "acme", "name": PERSON, "password": password}
        client.headers["Authorization"] = f"Bearer {post('/auth/login', said)['access_token']}"
        secret = post("/auth/totp", {"password": password})["secret"]
        return list(post("/auth/totp/confirm", {"code": pyotp.TOTP(secret).now()})["recovery_codes"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = had(lambda: programs.program("chromium", lambda _: None))
    with sync_playwright() as playwright:
        expect.set_options(timeout=GIVE_UP_MS)
        found = playwright.chromium.launch(executable_path=str(program), args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used yet."""
    found = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    found.set_default_timeout(GIVE_UP_MS)
    yield found
    found.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A window; what goes wrong in its scripts fails the test."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    assert not wrong


@pytest.fixture(scope="session")
def screens() -> Path | None:
    """Where screenshots go, if they are wanted: `make screens`."""
    place = os.environ.get("AUTERITY_SCREENS")
    return Path(place) if place else None
