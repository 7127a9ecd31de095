"""A page's session is renewed by a cookie that no script and no other site has."""

from http.cookies import SimpleCookie
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD

COOKIE, ASKED = "auterity-session", {"Auterity-Session": "cookie"}
SAID = {"tenant": "acme", "name": "operator", "password": PASSWORD}
LOGIN, REFRESH, LOGOUT = (f"/api/v1/auth/{name}" for name in ("login", "refresh", "logout"))


@pytest.fixture
def page(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A browser with the page in it."""
    del client.headers["Authorization"]
    return client


async def post(page: httpx2.AsyncClient, path: str, said: Any = None, **headers: str) -> httpx2.Response:
    return await page.post(path, json=said or {}, headers={**ASKED, **headers})


async def renewed(page: httpx2.AsyncClient) -> int:
    return (await post(page, REFRESH)).status_code


async def test_the_token_that_renews_is_in_a_cookie_that_no_script_and_no_other_site_has(
    page: httpx2.AsyncClient,
) -> None:
    answer = await post(page, LOGIN, SAID)

    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    kept = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert (kept["httponly"], kept["samesite"], kept["path"]) == (True, "Strict", "/api/v1/auth")
    assert kept["max-age"] == "604800"
    assert not kept["secure"]  # the address is that of plain HTTP
    assert kept.value not in answer.text


async def test_behind_tls_the_cookie_stays_there(page: httpx2.AsyncClient) -> None:
    page.base_url = httpx2.URL("https://gateway")
    assert "; Secure" in (await post(page, LOGIN, SAID)).headers["set-cookie"]
    page.base_url = httpx2.URL("http://gateway")
    assert "; Secure" in (await post(page, LOGIN, SAID, Origin="https://gateway")).headers["set-cookie"]


async def test_each_renewal_turns_the_cookie_and_an_older_one_ends_the_session(page: httpx2.AsyncClient) -> None:
    await post(page, LOGIN, SAID)
    first = page.cookies[COOKIE]
    answer = await post(page, REFRESH)
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await page.get("/auth/verify", headers=token)).json()["principal"] == "user/operator"
    assert page.cookies[COOKIE] != first

    page.cookies.clear()
    page.cookies.set(COOKIE, first)
    assert await renewed(page) == 401
    assert (await page.get("/auth/verify", headers=token)).status_code == 401


async def test_an_answer_that_was_lost_is_given_again_for_the_same_key(page: httpx2.AsyncClient) -> None:
    await post(page, LOGIN, SAID)
    first = page.cookies[COOKIE]
    assert (await post(page, REFRESH, **{"Idempotency-Key": "once"})).status_code == 200
    [kept] = page.cookies.jar
    kept.value = first
    assert (await post(page, REFRESH, **{"Idempotency-Key": "once"})).status_code == 200
    assert await renewed(page) == 200


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://gateway.elsewhere.example", "null"])
async def test_another_origin_has_no_use_of_the_cookie(page: httpx2.AsyncClient, origin: str) -> None:
    await post(page, LOGIN, SAID)
    for path in (REFRESH, LOGOUT):
        assert (await post(page, path, Origin=origin)).status_code == 403
    assert (await post(page, REFRESH, Origin="http://gateway")).status_code == 200


async def test_without_the_header_the_cookie_is_not_looked_at(page: httpx2.AsyncClient) -> None:
    """A form of another site, or an image, cannot say it; a script of another site is not let to."""
    await post(page, LOGIN, SAID)
    assert (await page.post(REFRESH, json={})).status_code == 400
    assert (await page.post(LOGOUT, json={})).status_code == 401
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    preflight = await page.options(REFRESH, headers={**asked, "Access-Control-Request-Headers": "auterity-session"})
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert await renewed(page) == 200


async def test_who_logs_out_has_no_cookie_and_no_session_any_more(page: httpx2.AsyncClient) -> None:
    await post(page, LOGIN, SAID)
    first = page.cookies[COOKIE]
    answer = await post(page, LOGOUT)
    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert COOKIE not in page.cookies
    page.cookies.set(COOKIE, first)
    assert await renewed(page) == 401


async def test_a_browser_that_has_no_cookie_is_nobody(page: httpx2.AsyncClient) -> None:
    assert await renewed(page) == 401
