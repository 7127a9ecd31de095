"""How a tenant's pages look, who is told, and who calls."""

from base64 import b64encode
from typing import Any

import pytest
from quiet_gateway import EVERYTHING, Quiet

from domain.identity import Permission, Role
from schemas.events import Definition
from tests.domain.test_branding import PNG

SAID = {"name": "Acme", "accent": "#005f3c", "accent_dark": "#7bd8ae", "logo": PNG}


async def put(gateway: Quiet, said: Any) -> tuple[int, Any]:
    answer = await gateway.client.put("/branding", json=said)
    return answer.status_code, answer.json()


async def test_a_tenants_look_is_told_to_its_people_and_to_who_is_about_to_log_in() -> None:
    gateway = Quiet()
    before = await gateway.got("/branding")
    status, said = await put(gateway, SAID)
    own = await gateway.got("/branding")
    del gateway.client.headers["Authorization"]
    public = await gateway.got("/branding/acme")

    assert status == 200
    for each in (said, own, public):
        assert {name: each[name] for name in SAID} == SAID
        assert (each["accent_text"], each["accent_dark_text"]) == ("#ffffff", "#000000")
        assert each.keys() == public.keys() == before.keys()
    assert (before["name"], before["logo"]) == ("Auterity", "")


async def test_a_tenant_that_there_is_not_looks_as_one_that_has_said_nothing() -> None:
    gateway = Quiet()
    gateway.define("gone", "branding", {"id": "default", "name": "Gone"})  # it is suspended
    del gateway.client.headers["Authorization"]
    looks = [await gateway.got(f"/branding/{name}") for name in ("acme", "other", "gone", "nobody", "%00", "a b")]
    for each in looks:
        del each["correlation_id"]
    assert all(each == looks[0] for each in looks)


@pytest.mark.parametrize(
    ("said", "why", "status"),
    [
        ({"accent": "#ffff00"}, "accent: a contrast of 1.07 to 1 with #ffffff", 422),
        ({"accent_dark": "#222222"}, "accent_dark: a contrast of", 422),
        ({"logo": "data:image/svg+xml;base64,PHN2Zy8+"}, "logo: no data URL", 422),
        ({"logo": "data:image/png;base64," + b64encode(b"<svg/>").decode()}, "logo: its bytes are no PNG", 422),
        ({"name": "a\nb"}, "name: it has characters", 422),
        ({"accent": "red"}, "accent", 400),
        ({"colour": "#000000"}, "colour", 400),
        ({"logo": "x" * 200_000}, "a body of more than", 413),
    ],
)
async def test_a_look_that_cannot_be_is_refused_with_what_is_wrong(said: Any, why: str, status: int) -> None:
    gateway = Quiet()
    found, problem = await put(gateway, said)
    assert (found, gateway.publisher.of(Definition)) == (status, [])
    assert why in problem["detail"]


async def test_only_who_manages_the_tenant_changes_its_look() -> None:
    scopes = [each for each in EVERYTHING if each is not Permission.MANAGE_TENANT]
    assert (await put(Quiet(scopes=scopes), SAID))[0] == 403


async def test_who_calls_is_told_what_a_page_shows() -> None:
    gateway = Quiet(scopes=[Permission.READ_RUNS])
    found = await gateway.got("/me")
    del found["correlation_id"]
    assert found == {
        "tenant": "acme",
        "tenant_title": "",
        "principal": f"key/{'q' * 16}",
        "name": "q" * 16,
        "title": "",
        "roles": [],
        "permissions": [Permission.READ_RUNS],
        "second_factor": False,
        "second_factor_required": False,
    }
    assert Role.VIEWER not in found["roles"]
