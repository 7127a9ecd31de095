"""People log in at their tenant's identity provider, and nobody else does."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest
from gateway_calls import calls
from identity_providers import PASSWORD, SECRET, ProviderDouble, Realm, definition, path_of
from joserfc.jwk import OctKey, RSAKey
from live_calls import SEALING

from connectors.openid import OpenIdProviders
from connectors.publisher import KafkaPublisher
from domain.identity import GRANTED, Role
from gateway.people import ADDRESS_FAILURES, People
from gateway.sign_on import COOKIE, sealed_secret
from runtime.definitions import publish
from schemas.codec import Codec
from schemas.events import CallOutcome
from tests.gateway.conftest import Followed, calling
from tests.harness import events
from tests.servers import LOOPBACK, Keycloak, listening, port_of

START = "/api/v1/auth/oidc/acme/idp"
SEALED = sealed_secret(SEALING, "acme", "idp", SECRET)


class Gateway:
    """A gateway whose tenant acme has a provider, and a browser at it."""

    def __init__(self, client: httpx2.AsyncClient, provider: Any, put: Callable[..., Any]) -> None:
        self.client = client
        self.provider = provider
        self.put = put
        """Puts a definition of acme's on the log."""

    async def begin(self) -> str:
        answer = await self.client.get(START)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def back(self) -> str:
        """Returns the path that the provider sends the browser back to."""
        return path_of(await self.provider.log_in(await self.begin()))

    async def log_in(self) -> httpx2.Response:
        return await self.client.get(await self.back())


@pytest.fixture
async def gateway(
    provider: Any, publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> AsyncIterator[Gateway]:
    async def put(kind: str, body: Any) -> None:
        await publish([(kind, body)], followed.definitions, registered, publisher, datetime.now(UTC), "acme")

    await put("identity-provider", definition(provider.issuer, SEALED))
    reached = OpenIdProviders(provider.transport)
    async with calling(publisher, registered, people=people, followed=followed, openid=reached) as client:
        del client.headers["Authorization"]
        yield Gateway(client, provider, put)


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> ProviderDouble | Realm:
    """The double, unless the test asks for a real Keycloak."""
    if getattr(request, "param", "double") == "keycloak":
        return request.getfixturevalue("realm")
    return ProviderDouble()


BOTH = pytest.mark.parametrize("provider", ["double", "keycloak"], indirect=True)
"""What providers promise is tried on the double and on the real one."""


def reasons(log: Any, codec: Codec) -> list[str]:
    """Returns why the last call was let in or not."""
    return calls(log, codec)[-1].reasons


def nobody_is_in(log: Any, codec: Codec) -> bool:
    made = [each for each in events(log, codec, "definitions") if each.kind == "user"]
    return not made and not events(log, codec, "sessions")


@BOTH
async def test_who_logs_in_at_the_provider_is_a_user_with_the_roles_of_the_groups(
    log: Any, registered: Codec, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await gateway.log_in()
    assert answer.status_code == 200, answer.text
    said = answer.json()
    headers = {"Authorization": f"Bearer {said['access_token']}"}

    shown = (await gateway.client.get("/auth/verify", headers=headers)).json()

    assert (shown["tenant"], shown["principal"]) == ("acme", "user/ada")
    assert shown["permissions"] == sorted(GRANTED[Role.OPERATOR])
    renewed = await gateway.client.post("/auth/refresh", json={"refresh_token": said["refresh_token"]})
    assert renewed.status_code == 200
    made = [msgspec.json.decode(each.body) for each in events(log, registered, "definitions") if each.kind == "user"]
    assert [(each["id"], each["title"], each["roles"], each["issuer"]) for each in made] == [
        ("ada", "Ada Lovelace", ["operator"], gateway.provider.issuer)
    ]
    assert [(call.route, call.principal, call.outcome) for call in calls(log, registered)][:2] == [
        ("GET /auth/oidc/{tenant}/{provider}", "", CallOutcome.ACCEPTED),
        ("GET /auth/oidc/{tenant}/{provider}/callback", "user/ada", CallOutcome.ACCEPTED),
    ]
    topics = ("requests", "sessions", "definitions")
    written = json.dumps([str(each) for name in topics for each in events(log, registered, name)])
    for secret in (SECRET, PASSWORD, said["access_token"], said["refresh_token"]):
        assert secret not in written + caplog.text


@BOTH
async def test_a_person_without_a_group_that_gives_a_role_stays_out(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    mapped = {"board": ["admin"], "Shop-Floor": ["admin"], "shop-floor ": ["admin"]}
    await gateway.put("identity-provider", definition(gateway.provider.issuer, SEALED, roles=mapped))
    answer = await gateway.log_in()

    assert (answer.status_code, answer.json()["detail"]) == (401, "no valid credentials")
    assert reasons(log, registered)[0] == "no group of the person gives a role"
    assert nobody_is_in(log, registered)


@BOTH
async def test_a_code_is_worth_nothing_to_another_log_in_and_another_client(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    stolen = (await gateway.back()).partition("code=")[2].partition("&")[0]
    path, _, query = (await gateway.back()).partition("?")
    said = dict(each.split("=", 1) for each in query.split("&")) | {"code": stolen}
    answer = await gateway.client.get(path, params=said | {"iss": gateway.provider.issuer})
    assert answer.status_code == 401
    assert reasons(log, registered)[0] == "the provider gives no token for the code"

    wrong = sealed_secret(SEALING, "acme", "idp", "another secret")
    await gateway.put("identity-provider", definition(gateway.provider.issuer, wrong))
    assert (await gateway.log_in()).status_code == 401
    assert reasons(log, registered)[0] == "the provider gives no token for the code"
    assert nobody_is_in(log, registered)


def said(**changed: Any) -> Callable[..., Any]:
    """Returns what changes claims of a token, None for away with it; it is signed with the double's key."""

    def twist(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
        claims.update(changed)
        for name in [name for name, value in changed.items() if value is None]:
            del claims[name]
        return double.key

    return twist


def forged(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    return RSAKey.generate_key(2048, {"kid": "one"}, private=True)


def unknown(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    head["kid"] = "two"
    return RSAKey.generate_key(2048, {"kid": "two"}, private=True)


def nameless(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    del head["kid"]
    return RSAKey.generate_key(2048, private=True)


def unsigned(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    parts = [urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "none"}, claims)]
    return ".".join((*parts, ""))


def signed_with_the_public_key(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "kid": "one"}, claims)]
    text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    made = hmac.new(double.key.as_pem(private=False), text, "sha256").digest()
    return (text + b"." + urlsafe_b64encode(made).rstrip(b"=")).decode()


def signed_with_the_client_secret(double: ProviderDouble, claims: dict[str, Any], head: dict[str, Any]) -> Any:
    head["alg"] = "HS256"
    return OctKey.import_key(SECRET, {"kid": "one"})


PAST, AHEAD = 1_000_000_000, 4_000_000_000


WRONG: list[tuple[Callable[..., Any], str]] = [
    (forged, "no genuine ID token"),
    (unknown, "the ID token names a key that the provider does not have"),
    (nameless, "no genuine ID token"),
    (unsigned, "no genuine ID token"),
    (signed_with_the_public_key, "no genuine ID token"),
    (signed_with_the_client_secret, "no genuine ID token"),
    (said(iss="https://idp.example/another"), "the token's issuer is another one"),
    (said(aud="another"), "the token is for somebody else"),
    (said(aud=["auterity", "another"]), "the token is for somebody else"),
    (said(azp="another"), "the token is for somebody else"),
    (said(nonce="another"), "the token's nonce is another log-in's"),
    (said(nonce=None), "the token's nonce is another log-in's"),
    (said(exp=PAST), "the token is expired"),
    (said(exp=None), "the token does not say when it is good"),
    (said(iat=AHEAD), "the token is not good yet"),
    (said(nbf=AHEAD), "the token is not good yet"),
    (said(sub=""), "the token names nobody"),
    (said(preferred_username=None), "the provider gives no name that a user can have"),
    (said(preferred_username="Ada Lovelace"), "the provider gives no name that a user can have"),
    (said(preferred_username="operator"), "the name is somebody else's"),
]


async def test_a_token_that_is_not_right_in_every_respect_lets_nobody_in(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    for twist, reason in WRONG:
        gateway.provider.twist = partial(twist, gateway.provider)
        answer = await gateway.log_in()

        assert (reason, answer.status_code, answer.json()["detail"]) == (reason, 401, "no valid credentials")
        assert reasons(log, registered) == [reason, "no valid credentials"]
    assert nobody_is_in(log, registered)


async def test_an_answer_is_taken_in_the_browser_that_asked_and_as_it_was_asked(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    path = await gateway.back()
    cookie = gateway.client.cookies[COOKIE]
    other_state = path.replace("state=", "state=x")
    other_issuer = path.replace("iss=https", "iss=http")
    for said, kept, reason in (
        (path, "", "no log-in was begun in this browser"),
        (path, cookie[:-2] + "AA", "no log-in was begun in this browser"),
        (other_state, cookie, "the state is another log-in's"),
        (other_issuer, cookie, "the answer's issuer is another one"),
        (path.replace("code=", "none="), cookie, "the provider says nothing"),
        (path + "&error=access_denied", cookie, "the provider says access_denied"),
        (path + "&error=%3Cscript%3E", cookie, "the provider says something else"),
    ):
        gateway.client.cookies.clear()
        answer = await gateway.client.get(said, headers={"Cookie": f"{COOKIE}={kept}"})
        assert answer.status_code == 401
        assert reasons(log, registered)[0] == reason
    assert nobody_is_in(log, registered)
    assert (await gateway.client.get(path, headers={"Cookie": f"{COOKIE}={cookie}"})).status_code == 200


async def test_of_many_answers_to_one_log_in_one_lets_in(log: Any, registered: Codec, gateway: Gateway) -> None:
    address = await gateway.begin()
    cookie = {"Cookie": f"{COOKIE}={gateway.client.cookies[COOKIE]}"}
    paths = [path_of(await gateway.provider.log_in(address)) for _ in range(4)]

    answers = await asyncio.gather(*(gateway.client.get(path, headers=cookie) for path in paths[:3]))
    late = await gateway.client.get(paths[3], headers=cookie)

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert late.status_code == 401
    assert reasons(log, registered)[0] == "this log-in was used before"
    (let_in,) = [answer.json() for answer in answers if answer.status_code == 200]
    headers = {"Authorization": f"Bearer {let_in['access_token']}"}
    assert (await gateway.client.get("/auth/verify", headers=headers)).status_code == 200


async def test_the_cookie_goes_nowhere_else_and_to_no_script(gateway: Gateway) -> None:
    answer = await gateway.client.get(START)
    _, *attributes = answer.headers["set-cookie"].split("; ")
    assert attributes == ["Max-Age=600", f"Path={START}/callback", "HttpOnly", "SameSite=Lax"]
    assert parse_qs(urlsplit(answer.headers["location"]).query)["code_challenge_method"] == ["S256"]

    public = definition(gateway.provider.issuer, SEALED, gateway="https://auterity.example/api/v1")
    await gateway.put("identity-provider", public)
    assert (await gateway.client.get(START)).headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Secure")


async def test_who_began_in_the_page_comes_back_to_it_with_its_cookie_and_no_token_in_sight(gateway: Gateway) -> None:
    begun = await gateway.client.get(f"{START}?to=page")
    answer = await gateway.client.get(path_of(await gateway.provider.log_in(begun.headers["location"])))

    assert (answer.status_code, answer.headers["location"]) == (303, "/app/signed-in")
    assert "token" not in answer.text
    assert answer.headers["set-cookie"].startswith("auterity-session=")
    renewed = await gateway.client.post("/api/v1/auth/refresh", headers={"Auterity-Session": "cookie"})
    headers = {"Authorization": f"Bearer {renewed.json()['access_token']}"}
    assert (await gateway.client.get("/auth/verify", headers=headers)).json()["principal"] == "user/ada"


async def test_whoever_signs_in_is_told_of_the_providers_of_the_tenant_and_of_no_secret(gateway: Gateway) -> None:
    told = await gateway.client.get("/api/v1/auth/providers/acme")
    assert told.json()["providers"] == [{"id": "idp", "title": "", "protocol": "oidc"}]
    for tenant in ("other", "gone", "nowhere", "platform"):
        assert (await gateway.client.get(f"/api/v1/auth/providers/{tenant}")).json()["providers"] == []


async def test_roles_are_those_of_the_last_log_in_and_a_name_stays_the_first_ones(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    first = (await gateway.log_in()).json()
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    gateway.provider.groups = ["board"]
    assert (await gateway.log_in()).status_code == 200
    shown = (await gateway.client.get("/auth/verify", headers=headers)).json()
    assert shown["permissions"] == sorted(GRANTED[Role.ADMIN])

    gateway.provider.subject = "subject-2"
    assert (await gateway.log_in()).status_code == 401
    assert reasons(log, registered)[0] == "the name is somebody else's"


async def test_a_suspended_user_stays_out_whatever_the_provider_says(
    log: Any, registered: Codec, gateway: Gateway, followed: Followed
) -> None:
    first = (await gateway.log_in()).json()
    user = followed.definitions.user("acme", "ada")
    assert user is not None
    await gateway.put("user", msgspec.to_builtins(msgspec.structs.replace(user, status="suspended")))

    assert (await gateway.log_in()).status_code == 401
    assert reasons(log, registered)[0] == "user is suspended"
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    assert (await gateway.client.get("/auth/verify", headers=headers)).status_code == 401


async def test_nobody_has_a_password_who_comes_through_a_provider(gateway: Gateway) -> None:
    await gateway.log_in()
    for password in ("", PASSWORD):
        said = {"tenant": "acme", "name": "ada", "password": password, "new_password": PASSWORD}
        assert (await gateway.client.post("/auth/login", json=said)).status_code == 401


async def test_with_a_provider_go_the_sessions_of_its_people(gateway: Gateway, followed: Followed) -> None:
    said = (await gateway.log_in()).json()
    await gateway.put("identity-provider", definition(gateway.provider.issuer, SEALED, status="removed"))
    await followed.latest()

    headers = {"Authorization": f"Bearer {said['access_token']}"}
    renewal = {"refresh_token": said["refresh_token"]}
    assert (await gateway.client.get("/auth/verify", headers=headers)).status_code == 401
    assert (await gateway.client.post("/auth/refresh", json=renewal)).status_code == 401
    assert (await gateway.client.get(START)).status_code == 404


async def test_a_provider_that_has_turned_its_keys_is_asked_for_them(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.openid.FRESH_S", 0.0)
    assert (await gateway.log_in()).status_code == 200
    gateway.provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}, private=True)

    def turned(claims: dict[str, Any], head: dict[str, Any]) -> Any:
        head["kid"] = "two"
        return gateway.provider.key

    gateway.provider.twist = turned
    assert (await gateway.log_in()).status_code == 200


async def test_a_provider_that_does_not_answer_or_is_another_one_is_said(
    log: Any, registered: Codec, gateway: Gateway
) -> None:
    for issuer in ("https://idp.example/nowhere", "https://idp.example/realm/"):
        await gateway.put("identity-provider", definition(issuer, SEALED))
        answer = await gateway.client.get(START)
        assert (answer.status_code, answer.json()["detail"]) == (503, "the identity provider does not answer")
    assert [call.outcome for call in calls(log, registered)] == [CallOutcome.FAILED] * 2


async def test_a_secret_that_was_sealed_for_another_is_not_sent(gateway: Gateway) -> None:
    elsewhere = sealed_secret(SEALING, "other", "idp", SECRET)
    await gateway.put("identity-provider", definition(gateway.provider.issuer, elsewhere))
    assert (await gateway.log_in()).status_code == 503


async def test_there_are_the_providers_of_a_tenant_and_no_others(gateway: Gateway) -> None:
    for path in ("acme/another", "other/idp", "nowhere/idp", "platform/idp", "gone/idp"):
        for route in (f"/auth/oidc/{path}", f"/auth/oidc/{path}/callback"):
            assert (await gateway.client.get(route)).status_code == 404


async def test_who_fails_too_often_has_to_wait(gateway: Gateway, people: People) -> None:
    for _ in range(ADDRESS_FAILURES):
        people.addresses.failed("127.0.0.1", datetime.now(UTC))
    answer = await gateway.log_in()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900


def test_keycloak_gives_its_admin_a_token_and_answers_this_machine_only(keycloak: Keycloak) -> None:
    assert [realm["realm"] for realm in keycloak.admin("GET", "").json() if realm["realm"] == "master"]
    nobody = httpx2.get(f"{keycloak.url}/admin/realms", trust_env=False)
    assert nobody.status_code == 401
    assert listening(port_of(keycloak.url)) and listening(port_of(keycloak.url)) <= LOOPBACK
