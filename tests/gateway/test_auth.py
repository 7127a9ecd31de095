"""People log in, stay logged in with their newest token only, and are let in to what their roles permit."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, SAID, SIGNING, calls
from joserfc import jwt
from joserfc.jwk import ECKey

from connectors.publisher import KafkaPublisher
from domain.identity import GRANTED, Role
from domain.lockout import WINDOW
from domain.sessions import Claims, Sessions
from gateway.passwords import AT_ONCE, WAITING_MAX
from gateway.people import ADDRESS_FAILURES, NAME_FAILURES, People
from gateway.sealing import Sealing
from gateway.tokens import Tokens
from runtime.definitions import publish
from runtime.gateway import following_sessions
from runtime.secrets import signing_key
from schemas.codec import Codec
from schemas.errors import Unavailable
from schemas.events import CallOutcome, SessionStatus
from tests.gateway.conftest import calling, key
from tests.harness import events

NEW = "correct horse battery"


async def login(
    client: httpx2.AsyncClient, name: str = "operator", tenant: str = "acme", password: str = PASSWORD, **more: str
) -> httpx2.Response:
    said = {"tenant": tenant, "name": name, "password": password, **more}
    return await client.post("/api/v1/auth/login", json=said)


async def renew(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/auth/refresh", json={"refresh_token": token})


async def whoami(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.get("/auth/verify", headers={"Authorization": f"Bearer {token}"})


def sessions(log: Any, codec: Codec) -> list[tuple[int, SessionStatus]]:
    return [(event.number, event.status) for event in events(log, codec, "sessions")]


async def test_who_logs_in_is_known_by_the_token_and_may_what_the_role_permits(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    answer = await login(client)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["token_type"], said["expires_in"], said["refresh_expires_in"]) == ("Bearer", 3600, 604800)

    shown = await whoami(client, said["access_token"])

    assert shown.json() | {"correlation_id": ""} == {
        "tenant": "acme",
        "principal": "user/operator",
        "permissions": sorted(GRANTED[Role.OPERATOR]),
        "correlation_id": "",
    }
    put = await client.post(
        "/events/business-events", json=SAID, headers={"Authorization": f"Bearer {said['access_token']}"}
    )
    assert put.status_code == 202
    (event,) = events(log, registered, "business-events")
    assert event.tenant_id == "acme"
    assert [(call.route, call.principal, call.outcome) for call in calls(log, registered)] == [
        ("POST /auth/login", "user/operator", CallOutcome.ACCEPTED),
        ("GET /auth/verify", "user/operator", CallOutcome.ACCEPTED),
        ("POST /events/{topic}", "user/operator", CallOutcome.ACCEPTED),
    ]


@pytest.mark.parametrize(
    ("name", "tenant", "password", "status"),
    [
        ("operator", "acme", "another password", 401),
        ("nobody", "acme", PASSWORD, 401),
        ("operator", "nowhere", PASSWORD, 401),
        ("operator", "platform", PASSWORD, 401),
        ("away", "acme", PASSWORD, 401),
        ("operator", "gone", PASSWORD, 403),
        ("operator", "gone", "another password", 401),
        ("new", "acme", PASSWORD, 403),
    ],
)
async def test_nobody_else_is_let_in_and_what_was_tried_is_on_the_log(
    log: Any, registered: Codec, client: httpx2.AsyncClient, name: str, tenant: str, password: str, status: int
) -> None:
    answer = await login(client, name, tenant, password)

    assert answer.status_code == status
    assert "token" not in answer.text
    (call,) = calls(log, registered)
    assert (call.status, call.route) == (status, "POST /auth/login")
    assert not events(log, registered, "sessions")
    assert not events(log, registered, "dead-letters")


async def test_no_password_or_token_is_on_the_log(log: Any, registered: Codec, client: httpx2.AsyncClient) -> None:
    said = (await login(client, "new", new_password=NEW)).json()
    await login(client, password="a wrong password")
    await client.post("/auth/login", content=b'{"password": "' + PASSWORD.encode())
    await client.post("/auth/login", json={"password": PASSWORD, "tenant": 7})
    await renew(client, said["refresh_token"])
    await renew(client, said["refresh_token"] + "x")

    topics = ("requests", "sessions", "definitions", "dead-letters")
    written = json.dumps([str(each) for name in topics for each in events(log, registered, name)])

    assert len(calls(log, registered)) == 6
    for secret in (PASSWORD, NEW, "a wrong password", "$argon2", said["access_token"], said["refresh_token"]):
        assert secret not in written


async def test_a_one_time_password_has_to_be_changed_and_opens_nothing_afterwards(
    client: httpx2.AsyncClient, people: People, publisher: KafkaPublisher, registered: Codec, log: Any
) -> None:
    assert (await login(client, "new", new_password="too short")).status_code == 422
    assert (await login(client, "new", new_password=PASSWORD)).status_code == 422
    answer = await login(client, "new", new_password=NEW)
    assert answer.status_code == 200

    (event,) = events(log, registered, "definitions")

    changed = msgspec.json.decode(event.body)
    assert (event.kind, event.id, event.tenant_id, changed["one_time"]) == ("user", "new", "acme", False)
    assert (await login(client, "new")).status_code == 401
    assert (await login(client, "new", password=NEW)).status_code == 200
    assert await people.passwords.genuine("acme", "new", changed["password"], NEW)
    assert not await people.passwords.genuine("acme", "new", changed["password"], PASSWORD)
    assert not await people.passwords.genuine("acme", "admin", changed["password"], NEW)
    assert not await people.passwords.genuine("other", "new", changed["password"], NEW)


async def test_a_user_who_is_suspended_while_changing_the_password_stays_suspended(
    log: Any,
    registered: Codec,
    client: httpx2.AsyncClient,
    people: People,
    followed: Any,
    publisher: KafkaPublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed_soon = people.passwords.sealed_soon

    async def meanwhile(tenant: str, name: str, password: str) -> str:
        user = followed.definitions.user("acme", "operator")
        await publish(
            [("user", msgspec.to_builtins(msgspec.structs.replace(user, status="suspended")))],
            followed.definitions,
            registered,
            publisher,
            datetime.now(UTC),
            "acme",
        )
        return await sealed_soon(tenant, name, password)

    monkeypatch.setattr(people.passwords, "sealed_soon", meanwhile)
    answer = await login(client, new_password=NEW)

    assert answer.status_code == 409
    assert followed.definitions.user("acme", "operator").status == "suspended"
    assert (await login(client)).status_code == 401
    assert not events(log, registered, "sessions")


async def test_a_one_time_password_opens_one_session(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(login(client, "new", new_password=f"{NEW} {number}") for number in range(4)))

    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert [answer.status_code for answer in answers].count(200) == 1
    good = [(await login(client, "new", password=f"{NEW} {number}")).status_code for number in range(4)]
    assert good == [200 if answer.status_code == 200 else 401 for answer in answers]


async def test_a_new_password_ends_the_sessions_begun_with_the_old_one(client: httpx2.AsyncClient) -> None:
    before = (await login(client)).json()
    after = (await login(client, new_password=NEW)).json()

    assert (await whoami(client, before["access_token"])).status_code == 401
    assert (await renew(client, before["refresh_token"])).status_code == 401
    assert (await whoami(client, after["access_token"])).status_code == 200


async def test_a_renewal_sent_again_with_its_idempotency_key_is_answered_again(client: httpx2.AsyncClient) -> None:
    first = (await login(client)).json()
    said, headers = {"refresh_token": first["refresh_token"]}, {"Idempotency-Key": "once"}
    answers = [(await client.post("/auth/refresh", json=said, headers=headers)).json() for _ in range(2)]

    for answer in answers:
        assert (await whoami(client, answer["access_token"])).status_code == 200
    assert (await renew(client, answers[1]["refresh_token"])).status_code == 200
    assert (await client.post("/auth/refresh", json=said, headers=headers)).status_code == 401
    assert (await whoami(client, answers[0]["access_token"])).status_code == 401


async def test_a_call_that_cannot_be_judged_is_refused_and_on_the_log(
    log: Any, registered: Codec, people: People, publisher: KafkaPublisher
) -> None:
    token = people.tokens.write(claims())

    async def away() -> None:
        raise Unavailable("Kafka does not answer")

    turned = msgspec.structs.replace(people, catch_up=away)
    async with calling(publisher, registered, people=turned) as blind:
        answer = await whoami(blind, token)
        nowhere = await blind.get("/nowhere", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, nowhere.status_code) == (503, 503)
    assert [call.status for call in calls(log, registered)] == [503, 503]


async def test_methods_that_nobody_knows_are_not_repeated_on_the_log(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    assert (await client.request("A" * 60_000, "/auth/login")).status_code == 405

    (call,) = calls(log, registered)
    assert call.route == "(other) /auth/login"


async def test_a_session_is_renewed_until_an_old_token_is_shown_again(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    first = (await login(client)).json()
    second = (await renew(client, first["refresh_token"])).json()
    assert (await whoami(client, second["access_token"])).status_code == 200
    assert (await whoami(client, first["access_token"])).status_code == 200

    assert (await renew(client, first["refresh_token"])).status_code == 401

    assert (await renew(client, second["refresh_token"])).status_code == 401
    assert (await whoami(client, second["access_token"])).status_code == 401
    assert sessions(log, registered) == [
        (0, SessionStatus.OPEN),
        (1, SessionStatus.OPEN),
        (1, SessionStatus.ENDED),
    ]
    reasons = [call.reasons[0] for call in calls(log, registered) if call.status == 401]
    assert reasons == ["a token was used twice", "session has ended", "session has ended"]


async def test_of_two_that_show_a_token_at_once_one_is_served_and_the_session_ends(client: httpx2.AsyncClient) -> None:
    first = (await login(client)).json()

    answers = await asyncio.gather(*(renew(client, first["refresh_token"]) for _ in range(5)))

    served = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(served) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert (await whoami(client, first["access_token"])).status_code == 401
    for each in served:
        assert (await renew(client, each["refresh_token"])).status_code == 401


async def test_who_logs_out_is_let_in_no_more(client: httpx2.AsyncClient) -> None:
    said = (await login(client)).json()
    out = await client.post("/auth/logout", headers={"Authorization": f"Bearer {said['access_token']}"})

    assert out.status_code == 200
    assert (await whoami(client, said["access_token"])).status_code == 401
    assert (await renew(client, said["refresh_token"])).status_code == 401
    assert (await client.post("/auth/logout")).status_code == 403  # a key has no session


async def test_who_logs_out_with_the_refresh_token_is_let_in_no_more(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    async def logout(token: str) -> int:
        return (await client.post("/auth/logout", json={"refresh_token": token})).status_code

    del client.headers["Authorization"]
    said = (await login(client)).json()
    old = (await renew(client, said["refresh_token"])).json()
    assert await logout(said["access_token"]) == 401
    assert await logout("no token") == 401
    assert (await whoami(client, old["access_token"])).status_code == 200

    assert await logout(said["refresh_token"]) == 200  # be it the newest one or not

    assert (await whoami(client, old["access_token"])).status_code == 401
    assert (await renew(client, old["refresh_token"])).status_code == 401
    assert await logout(old["refresh_token"]) == 401
    assert sessions(log, registered)[-1] == (1, SessionStatus.ENDED)


async def test_guesses_at_one_name_can_be_counted_on_the_log_and_the_name_is_not_there(
    log: Any, registered: Codec, client: httpx2.AsyncClient, people: People
) -> None:
    for password in ("a wrong guess", "another guess"):
        await login(client, password=password)
    await login(client, "my-secret-horse", password="a wrong guess")
    await login(client, "operator", "my-secret-horse", password="a wrong guess")
    await login(client)

    found = [reason for call in calls(log, registered) for reason in call.reasons if reason.startswith("tried ")]

    digest = people.passwords.sealing.digest
    assert found == [
        f"tried acme/{digest('acme', 'operator')}",
        f"tried acme/{digest('acme', 'operator')}",
        f"tried acme/{digest('acme', 'my-secret-horse')}",
        f"tried no tenant/{digest('my-secret-horse', 'operator')}",
    ]
    assert digest("acme", "operator") != Sealing(bytes(31) + b"1").digest("acme", "operator")
    assert "horse" not in str(calls(log, registered))


async def test_a_session_begun_at_one_gateway_is_good_at_another(
    log: Any, registered: Codec, client: httpx2.AsyncClient, publisher: KafkaPublisher, people: People
) -> None:
    said = (await login(client)).json()
    late = Sessions()
    follower = following_sessions(late, log.bootstrap, registered)
    await follower.start()
    theirs = People(people.tokens, people.passwords, late, follower.catch_up)
    async with calling(publisher, registered, people=theirs) as another:
        assert (await whoami(another, said["access_token"])).status_code == 200
        again = (await renew(client, said["refresh_token"])).json()
        assert (await renew(another, again["refresh_token"])).status_code == 200
        assert (await renew(client, again["refresh_token"])).status_code == 401
    await asyncio.to_thread(follower.stop)


def claims(**more: Any) -> Claims:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "user": "operator",
        "session": "nowhere",
        "number": 0,
        "use": "access",
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }
    return Claims(**(fields | more))


SAYS = {"iss": "auterity", "tid": "acme", "sub": "admin", "sid": "s", "num": 0, "exp": 4_000_000_000}


def forged(signer: Any, **head: Any) -> str:
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": SIGNING["kid"], **head}, SAYS, signer, ["ES256"])


def by_hand(algorithm: str, secret: bytes) -> str:
    """Returns a token that no library would make."""
    head = {"alg": algorithm, "typ": "at+jwt", "kid": SIGNING["kid"]}
    said = b".".join(urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (head, SAYS))
    signature = urlsafe_b64encode(hmac.digest(secret, said, "sha256")).rstrip(b"=") if secret else b""
    return (said + b"." + signature).decode()


BROUGHT = ECKey.import_key(signing_key())
PUBLIC = ECKey.import_key(SIGNING).as_pem(private=False)
FORGERIES = {
    "not signed": lambda: by_hand("none", b""),
    "not signed, in other letters": lambda: by_hand("nOnE", b""),
    "signed with the public key as a secret": lambda: by_hand("HS256", PUBLIC),
    "signed with another key under our kid": lambda: forged(ECKey.import_key(signing_key())),
    "signed with a key that it brings": lambda: forged(BROUGHT, jwk=BROUGHT.as_dict(private=False)),
    "of no session": lambda: Tokens([SIGNING]).write(claims()),
    "of an unknown kid": lambda: Tokens([signing_key()]).write(claims()),
    "expired": lambda: Tokens([SIGNING]).write(claims(expires_at=datetime(2020, 1, 1, tzinfo=UTC))),
    "cut": lambda: Tokens([SIGNING]).write(claims())[:-3],
    "too long": lambda: "a." + "b" * 10_000 + ".c",
    "no text": lambda: "..",
    "header injected": lambda: "a.b\u00e9.c",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_opens_no_door(
    log: Any, registered: Codec, client: httpx2.AsyncClient, forgery: str
) -> None:
    token = FORGERIES[forgery]().encode("latin-1")

    answer = await client.get("/auth/verify", headers={"Authorization": b"Bearer " + token})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"] == "no valid credentials"
    (call,) = calls(log, registered)
    assert (call.outcome, call.tenant_id, call.principal) == (CallOutcome.UNAUTHENTICATED, "platform", "")


async def test_each_token_is_good_for_its_use_only(client: httpx2.AsyncClient) -> None:
    said = (await login(client)).json()

    assert (await whoami(client, said["refresh_token"])).status_code == 401
    assert (await renew(client, said["access_token"])).status_code == 401
    assert (await whoami(client, said["access_token"])).status_code == 200


async def test_keys_that_sign_no_more_are_good_until_they_are_removed(
    publisher: KafkaPublisher, registered: Codec, client: httpx2.AsyncClient, people: People
) -> None:
    said = (await login(client)).json()
    fresh = signing_key()

    async def status(*keys: dict[str, Any]) -> int:
        turned = People(Tokens(keys), people.passwords, people.sessions, people.catch_up)
        async with calling(publisher, registered, people=turned) as rotated:
            return (await whoami(rotated, said["access_token"])).status_code

    assert await status(fresh, SIGNING) == 200
    assert await status(fresh) == 401


async def test_who_guesses_has_to_wait_whatever_is_right(
    log: Any, registered: Codec, client: httpx2.AsyncClient, people: People
) -> None:
    for _ in range(NAME_FAILURES):
        assert (await login(client, password="a wrong guess")).status_code == 401

    locked = await login(client)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= WINDOW.total_seconds()
    assert (await login(client, "viewer")).status_code == 200
    assert people.all.wait_s("acme/operator", datetime.now(UTC)) == 0  # from another address it may be tried
    assert [call.outcome for call in calls(log, registered)].count(CallOutcome.LIMITED) == 1


async def test_guesses_at_once_are_counted_before_they_are_looked_at(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(login(client, password=f"a wrong guess {number}") for number in range(40)))

    codes = [answer.status_code for answer in answers]
    assert codes.count(401) == NAME_FAILURES
    assert codes.count(429) == 40 - NAME_FAILURES


@pytest.mark.parametrize("at_once", [1, 10])
async def test_an_address_from_which_many_names_are_guessed_has_to_wait(
    client: httpx2.AsyncClient, at_once: int
) -> None:
    codes = []
    for begin in range(0, 60, at_once):
        names = [f"name-{begin + number}" for number in range(at_once)]
        codes += await asyncio.gather(*(login(client, name, password="a wrong guess") for name in names))

    assert [answer.status_code for answer in codes].count(401) == 50
    assert (await login(client)).status_code == 429


async def test_who_logs_in_often_and_rightly_waits_for_nothing(client: httpx2.AsyncClient) -> None:
    assert {(await login(client)).status_code for _ in range(ADDRESS_FAILURES + 5)} == {200}


async def test_more_passwords_than_can_be_looked_at_soon_are_told_so_at_once(client: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(login(client, f"name-{number}") for number in range(49)))

    codes = [answer.status_code for answer in answers]
    assert set(codes) == {401, 503}
    assert codes.count(401) >= AT_ONCE + WAITING_MAX
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"tenant": "acme", "name": "operator"}',
        b'{"tenant": "acme", "name": "operator", "password": 7}',
        b'{"tenant": "acme", "name": "operator", "password": "' + PASSWORD.encode() + b'", "roles": ["admin"]}',
        b"[" * 5000,
        b'{"tenant": "acme", "name": "operator", "my secret horse": 1}',
        b'{"tenant": "acme", "name": "operator", "password": "' + b"x" * 300 + b'"}',
    ],
)
async def test_a_body_that_is_none_is_refused_without_being_repeated(
    log: Any, registered: Codec, client: httpx2.AsyncClient, body: bytes
) -> None:
    answer = await client.post("/auth/login", content=body)

    assert answer.status_code == 400
    assert "horse" not in answer.text + "".join(call.reasons[0] for call in calls(log, registered))


async def test_a_body_that_is_too_large_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/auth/login", content=b" " * 9000)).status_code == 413


@pytest.mark.parametrize("role", [*GRANTED])
async def test_a_role_may_write_events_exactly_when_it_is_granted(client: httpx2.AsyncClient, role: Role) -> None:
    ours = role is not Role.PLATFORM_ADMIN
    said = (await login(client, role.value if ours else "admin", "acme" if ours else "platform")).json()

    answer = await client.post(
        "/events/business-events", json=SAID, headers={"Authorization": f"Bearer {said['access_token']}"}
    )

    assert answer.status_code == (202 if "events:write" in GRANTED[role] else 403)


async def test_a_key_is_known_too(client: httpx2.AsyncClient) -> None:
    said = (await client.get("/auth/verify")).json()

    assert (said["principal"], said["permissions"]) == (f"key/{key('acme', 'w').key_id}", ["events:write"])
