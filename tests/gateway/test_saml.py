"""People log in at a SAML provider, a real Keycloak, and whatever else is posted lets nobody in."""

import os
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import calls
from identity_providers import GATEWAY, SAML_CLIENT, Realm, definition

from connectors.publisher import KafkaPublisher
from domain.identity import GRANTED, Role
from gateway.people import People
from gateway.sign_on import COOKIE
from runtime.definitions import publish
from runtime.deployment import prepare
from runtime.providers import BadMetadata, Providers
from runtime.settings import Settings
from schemas.codec import Codec
from tests.gateway.conftest import Followed, calling
from tests.harness import events

START = "/api/v1/auth/saml/acme/corp"


@pytest.fixture
async def browser(
    realm: Realm, xmlsec1: str, publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at a gateway whose tenant acme has the provider `corp`."""
    said = {"protocol": "saml", "metadata": realm.metadata, "client_id": SAML_CLIENT, "id": "corp"}
    bodies = [("identity-provider", definition(realm.issuer, "", **said))]
    await publish(bodies, followed.definitions, registered, publisher, datetime.now(UTC), "acme")
    async with calling(publisher, registered, people=people, followed=followed, xmlsec1=xmlsec1) as client:
        del client.headers["Authorization"]
        yield client


async def answered(browser: httpx2.AsyncClient, realm: Realm) -> tuple[dict[str, str], dict[str, str]]:
    """Returns what the provider has the browser post, and the cookie of the log-in."""
    begun = await browser.get(START)
    assert begun.status_code == 303, begun.text
    form = await realm.posted(begun.headers["location"])
    return form, {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}


async def test_who_logs_in_at_the_provider_is_a_user_once_for_each_assertion(
    log: Any, registered: Codec, browser: httpx2.AsyncClient, realm: Realm
) -> None:
    form, cookie = await answered(browser, realm)
    answer = await browser.post(f"{START}/acs", data=form)
    assert answer.status_code == 200, f"{answer.text} {calls(log, registered)[-1]}"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    shown = (await browser.get("/auth/verify", headers=headers)).json()
    assert (shown["principal"], shown["permissions"]) == ("user/ada", sorted(GRANTED[Role.OPERATOR]))

    again = await browser.post(f"{START}/acs", data=form, headers=cookie)
    _, other = await answered(browser, realm)
    elsewhere = await browser.post(f"{START}/acs", data=form, headers=other)

    assert (again.status_code, elsewhere.status_code) == (401, 401)
    found = [call.reasons[0] for call in calls(log, registered) if call.status == 401]
    assert found == ["this log-in was used before", "the state is another log-in's"]
    assert len(events(log, registered, "sessions")) == 1


Change = Callable[[str], str]


def exchanged(pattern: str, by: str) -> Change:
    """Returns what replaces the one place of this pattern."""

    def change(document: str) -> str:
        changed, count = re.subn(pattern, by, document, count=1, flags=re.DOTALL)
        assert count, pattern
        return changed

    return change


def wrapped(at: str) -> Change:
    """Returns what hides the signed assertion and puts a forged one where it lay."""

    def change(document: str) -> str:
        found = re.search(r"<saml:Assertion.*</saml:Assertion>", document, re.DOTALL)
        assert found is not None
        forged = re.sub(r"<dsig:Signature.*?</dsig:Signature>", "", found[0], flags=re.DOTALL)
        forged = forged.replace("shop-floor", "board")
        if at == "another id":
            forged = re.sub(r' ID="[^"]+"', ' ID="forged"', forged, count=1)
            return document.replace(found[0], forged + found[0])
        if at == "same id":
            return document.replace(found[0], forged + found[0])
        if at == "extension":
            hidden = f"<samlp:Extensions>{found[0]}</samlp:Extensions>"
            return document.replace(found[0], forged).replace("<samlp:Status>", hidden + "<samlp:Status>")
        signature = re.search(r"<dsig:Signature.*?</dsig:Signature>", found[0], re.DOTALL)
        assert signature is not None
        original = found[0].replace(signature[0], "")
        held = signature[0].replace("</dsig:Signature>", f"<dsig:Object>{original}</dsig:Object></dsig:Signature>")
        forged = re.sub(r' ID="[^"]+"', ' ID="forged"', forged, count=1)
        return document.replace(found[0], forged.replace("</saml:Issuer>", f"</saml:Issuer>{held}", 1))

    return change


def document_type(document: str) -> str:
    return f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>{document}'.replace("shop-floor", "&x;")


TAMPERED: list[tuple[Change, str]] = [
    (exchanged("shop-floor", "board"), "the answer cannot be trusted"),
    (exchanged(r"(<saml:NameID[^>]*>)", r"\1x"), "the answer cannot be trusted"),
    (exchanged(r"(<saml:NameID[^>]*>)", r"\1<!-- -->"), "the answer holds what no answer needs"),
    (exchanged(r"<dsig:Signature.*</dsig:Signature>", ""), "the answer is not one signed assertion"),
    (exchanged(r"<saml:Assertion.*</saml:Assertion>", ""), "the answer is not one signed assertion"),
    (exchanged(r'(Destination=")', r"\1x"), "the answer"),
    (exchanged(r'(InResponseTo=")', r"\1x"), "the answer cannot be trusted"),
    (exchanged(r'( Version="2.0">)<saml:Issuer>[^<]*', r"\1<saml:Issuer>https://another"), "the answer"),
    (exchanged(r"status:Success", "status:Responder"), "the answer cannot be trusted"),
    (wrapped("another id"), "the answer is not one signed assertion"),
    (wrapped("same id"), "the answer is not one signed assertion"),
    (wrapped("extension"), "the answer is not one signed assertion"),
    (wrapped("object"), "the answer is not one signed assertion"),
    (document_type, "the answer holds what no answer needs"),
    (lambda document: f"<?xml version='1.0' encoding='UTF-7'?>{document}", "the answer holds what no answer needs"),
    (lambda document: document[:-20], "the answer is no XML"),
    (lambda document: "", "the answer is no XML"),
]


async def test_whatever_is_changed_in_an_answer_it_lets_nobody_in(
    log: Any, registered: Codec, browser: httpx2.AsyncClient, realm: Realm
) -> None:
    form, cookie = await answered(browser, realm)
    genuine = b64decode(form["SAMLResponse"]).decode()
    for number, (change, reason) in enumerate(TAMPERED):
        changed = change(genuine)
        assert changed != genuine
        posted = {**form, "SAMLResponse": b64encode(changed.encode()).decode()}
        answer = await browser.post(f"{START}/acs", data=posted, headers=cookie)
        assert (number, answer.status_code) == (number, 401), changed
        assert reason in calls(log, registered)[-1].reasons[0], (number, calls(log, registered)[-1].reasons)
    for posted, kept in (
        ({**form, "SAMLResponse": "%"}, cookie),
        ({**form, "RelayState": "another"}, cookie),
        (form, {"Cookie": f"{COOKIE}=x"}),
    ):
        browser.cookies.clear()
        assert (await browser.post(f"{START}/acs", data=posted, headers=kept)).status_code == 401
    made = [each for each in events(log, registered, "definitions") if each.kind == "user"]
    assert not made
    assert not events(log, registered, "sessions")
    assert (await browser.post(f"{START}/acs", data=form, headers=cookie)).status_code == 200


async def test_an_assertion_is_for_this_audience_and_soon_over(
    log: Any,
    registered: Codec,
    browser: httpx2.AsyncClient,
    realm: Realm,
    followed: Followed,
    publisher: KafkaPublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form, cookie = await answered(browser, realm)
    monkeypatch.setattr("saml2.validate.time_util.utc_now", lambda: 4_000_000_000)
    assert (await browser.post(f"{START}/acs", data=form, headers=cookie)).status_code == 401
    monkeypatch.undo()
    said = {"protocol": "saml", "metadata": realm.metadata, "client_id": "https://another.example", "id": "corp"}
    bodies = [("identity-provider", definition(realm.issuer, "", **said))]
    await publish(bodies, followed.definitions, registered, publisher, datetime.now(UTC), "acme")
    assert (await browser.post(f"{START}/acs", data=form, headers=cookie)).status_code == 401
    assert not events(log, registered, "sessions")


def test_a_saml_provider_is_added_with_metadata_of_its_own_only(
    log: Any, registered: Codec, realm: Realm, xmlsec1: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "xmlsec1").symlink_to(xmlsec1)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    prepare(log.bootstrap, log.registry, Settings(), [("tenant", {"id": "acme"})], "acme")
    ours = Providers(log.bootstrap, log.registry, tmp_path, "acme")
    said = {"id": "corp", "protocol": "saml", "issuer": realm.issuer, "client_id": SAML_CLIENT, "gateway": GATEWAY}
    for wrong in ({"metadata": ""}, {"metadata": "<a/>"}, {"metadata": realm.metadata, "issuer": "https://another"}):
        with pytest.raises(BadMetadata, match="the provider's metadata "):
            ours.add({**said, **wrong}, "", ["board=admin"])

    added = ours.add({**said, "metadata": realm.metadata}, "", ["board=admin"])

    assert added["callback"] == f"{GATEWAY}/auth/saml/acme/corp/acs"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadMetadata, match="a SAML provider needs xmlsec1"):
        ours.add({**said, "id": "another", "metadata": realm.metadata}, "", ["board=admin"])


async def test_the_metadata_say_where_answers_are_taken_and_without_xmlsec1_there_are_none(
    browser: httpx2.AsyncClient, publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> None:
    answer = await browser.get(f"{START}/metadata")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/samlmetadata+xml")
    assert f'entityID="{SAML_CLIENT}"' in answer.text
    assert 'Location="http://localhost/api/v1/auth/saml/acme/corp/acs"' in answer.text
    nothing = {"people": people, "followed": followed, "xmlsec1": "no-such-program"}
    async with calling(publisher, registered, **nothing) as client:
        refused = await client.get(f"{START}/metadata")
    assert (refused.status_code, refused.json()["detail"]) == (
        503,
        "xmlsec1 is not installed: signatures cannot be looked at",
    )
