"""Ways in beside a password that is known: the first log-in, a second factor that is set up, an identity provider."""

from pathlib import Path

import pyotp
from playwright.sync_api import Page, expect

from tests.dashboard.platform import Platform
from tests.dashboard.screen import go, is_live
from tests.servers import Keycloak

CHOSEN = "chosen at the first log-in"


def test_who_signs_in_for_the_first_time_chooses_a_password_and_sets_up_a_second_factor(
    platform: Platform, page: Page
) -> None:
    page.goto(platform.url + "/?tenant=acme")
    page.get_by_label("Name").fill("new")
    page.get_by_label("Password").fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("good for one log-in")
    page.get_by_label("New password").fill(CHOSEN)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Live", level=1).wait_for()

    go(page, "/app/settings?part=factor")
    panel = page.get_by_role("region", name="Second factor")
    panel.get_by_label("Your password, again").fill(CHOSEN)
    page.keyboard.press("Enter")
    expect(panel.get_by_role("img", name="The secret as a QR code")).to_be_visible()
    secret = panel.get_by_role("region", name="Secret").inner_text().strip()
    panel.get_by_label("Code that it shows now").fill("000000")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_be_visible()
    panel.get_by_label("Code that it shows now").fill(pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    codes = panel.get_by_role("region", name="Recovery codes").inner_text().split()
    assert len(set(codes)) == 10
    panel.get_by_role("button", name="I have kept them").click()
    expect(panel.get_by_text("enrolled")).to_be_visible()
    assert secret not in page.content()

    page.locator("summary").filter(has_text="new").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Name").fill("new")
    page.get_by_label("Password").fill(CHOSEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(codes[0])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings").wait_for()

    panel.get_by_role("button", name="Remove the second factor").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(CHOSEN)
    dialog.get_by_label("Code, or a recovery code").fill(codes[0])
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()  # it was good once
    dialog.get_by_label("Code, or a recovery code").fill(codes[1])
    page.keyboard.press("Enter")
    expect(panel.get_by_label("Your password, again")).to_be_visible()


def test_people_sign_in_at_their_identity_provider(
    platform: Platform, page: Page, keycloak: Keycloak, tmp_path: Path
) -> None:
    from identity_providers import CLIENT, PASSWORD, PERSON, SECRET, Realm

    gateway = f"{platform.url}/api/v1"
    realm = Realm(keycloak, gateway)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    platform.auterity(
        "providers", "add", "idp", "--tenant", "acme", "--issuer", realm.issuer, "--client-id", CLIENT,
        "--gateway", gateway, "--role", "shop-floor=operator", "--client-secret-file", str(file),
    )  # fmt: skip
    try:
        page.goto(platform.url + "/?tenant=acme")
        page.get_by_role("link", name="Sign in with idp").click()
        page.locator("#username").fill(PERSON)
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(platform.url + "/**")
        page.get_by_role("heading", name="Live", level=1).wait_for()
        is_live(page)
        expect(page.locator("summary").filter(has_text="ada")).to_be_visible()
        page.reload()
        page.get_by_role("heading", name="Live", level=1).wait_for()
    finally:
        platform.auterity("providers", "remove", "idp", "--tenant", "acme")
