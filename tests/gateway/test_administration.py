"""A company's own people manage its people and keys over HTTP, and the platform's admin its tenants."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from gateway_calls import PASSWORD, SAID, calls

from connectors.publisher import KafkaPublisher
from domain.definitions import define
from domain.identity import GRANTED, ApiKey, Permission, Role, User, digest
from gateway.people import People
from schemas.codec import Codec
from tests.gateway.conftest import NOW, SECRET, Followed, calling, key, person
from tests.harness import events

NEW = "correct horse battery"
Send = Callable[..., Any]


@pytest.fixture
async def admin(client: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway as acme's admin."""
    client.headers["Authorization"] = await token(client, "admin")
    yield client


async def token(client: httpx2.AsyncClient, name: str, tenant: str = "acme", password: str = PASSWORD) -> str:
    answer = await client.post("/auth/login", json={"tenant": tenant, "name": name, "password": password})
    return f"Bearer {answer.json()['access_token']}"


async def status(client: httpx2.AsyncClient, method: str, path: str, said: Any = None, **headers: str) -> int:
    return (await client.request(method, path, json=said, headers=headers)).status_code


async def test_a_person_who_was_made_logs_in_and_is_what_the_roles_say(
    log: Any, registered: Codec, admin: httpx2.AsyncClient
) -> None:
    made = (await admin.post("/users", json={"name": "ada", "roles": ["viewer"], "title": "Ada"})).json()
    assert (made["id"], made["roles"], made["one_time"], made["status"]) == ("ada", ["viewer"], True, "active")
    said = {"tenant": "acme", "name": "ada", "password": made["password"], "new_password": NEW}
    headers = {"Authorization": f"Bearer {(await admin.post('/auth/login', json=said)).json()['access_token']}"}

    assert await status(admin, "POST", "/events/business-events", SAID, **headers) == 403
    changed = await admin.patch("/users/ada", json={"roles": ["operator"], "title": "Ada L.", "team": "night-shift"})
    assert (changed.json()["roles"], changed.json()["title"]) == (["operator"], "Ada L.")
    assert changed.json()["team"] == "night-shift"
    assert await status(admin, "POST", "/events/business-events", SAID, **headers) == 202
    assert await status(admin, "PATCH", "/users/ada", {"status": "suspended"}) == 200
    assert await status(admin, "GET", "/auth/verify", **headers) == 401
    assert await status(admin, "PATCH", "/users/ada", {"status": "active"}) == 200
    assert await status(admin, "GET", "/auth/verify", **headers) == 401  # what was begun before stays ended

    reset = (await admin.post("/users/ada/reset")).json()
    assert await status(admin, "POST", "/auth/login", {**said, "password": NEW, "new_password": None}) == 401
    assert await status(admin, "POST", "/auth/login", {**said, "password": reset["password"]}) == 200
    made_by = [event for event in events(log, registered, "definitions") if event.id == "ada"]
    causes = {call.event_id: call.principal for call in calls(log, registered)}
    assert [causes[event.causation_id] for event in made_by[:2]] == ["user/admin", "user/ada"]
    for secret in (made["password"], reset["password"], NEW):
        assert secret not in json.dumps([str(event) for event in made_by])


REFUSED: list[tuple[str, str, Any, int]] = [
    ("POST", "/users", {"name": "admin", "roles": ["viewer"]}, 409),
    ("POST", "/users", {"name": "A horse", "roles": ["viewer"]}, 422),
    ("POST", "/users", {"name": "ada", "roles": ["horse"]}, 422),
    ("POST", "/users", {"name": "ada", "roles": ["viewer"], "team": "A horse"}, 422),
    ("POST", "/users", {"name": "ada", "roles": ["platform-admin"]}, 422),
    ("POST", "/users", {"name": "ada", "roles": ["viewer"], "password": "horse"}, 400),
    ("PATCH", "/users/horse", {"roles": ["viewer"]}, 404),
    ("PATCH", "/users/viewer", {"roles": ["viewer"], "tenant_id": "other"}, 422),
    ("PATCH", "/users/admin", {"roles": ["viewer"]}, 409),
    ("PATCH", "/users/admin", {"status": "suspended"}, 409),
    ("POST", "/users/horse/reset", None, 404),
    ("POST", "/users/admin/reset", None, 409),
    ("DELETE", "/users/admin/totp", None, 409),
    ("POST", "/keys", {"scopes": ["horse:eat"]}, 422),
    ("POST", "/keys", {"scopes": ["tenants:manage"]}, 422),
    ("POST", "/keys", {"scopes": ["runs:read"], "days": 367}, 422),
    ("POST", "/keys", {"scopes": ["runs:read"], "tenant_id": "other"}, 422),
    ("DELETE", "/keys/horse", None, 404),
    ("GET", "/users?limit=0", None, 400),
    ("GET", "/users?limit=201", None, 400),
    ("GET", "/keys?cursor=horse", None, 400),
]


async def test_what_cannot_be_is_refused_and_changes_nothing(
    log: Any, registered: Codec, admin: httpx2.AsyncClient
) -> None:
    for method, path, said, expected in REFUSED:
        assert (method, path, await status(admin, method, path, said)) == (method, path, expected)

    assert not events(log, registered, "definitions")
    assert "horse" not in str([call.reasons for call in calls(log, registered)])


async def test_nobody_grants_or_touches_what_he_does_not_hold(admin: httpx2.AsyncClient, followed: Followed) -> None:
    scopes = [Permission.MANAGE_USERS, Permission.MANAGE_KEYS, Permission.READ_RUNS]
    made = ApiKey(id="m" * 16, scopes=scopes, expires_at=NOW.replace(year=2100, microsecond=0), digest=digest(SECRET))
    event = define("acme", "api-key", msgspec.to_builtins(made), None, NOW)
    assert event is not None
    followed.definitions.add(event)
    by = {"Authorization": f"Bearer {key('acme', 'm').text}"}

    assert await status(admin, "POST", "/users", {"name": "ada", "roles": ["viewer"]}, **by) == 200
    assert await status(admin, "POST", "/users", {"name": "bob", "roles": ["operator"]}, **by) == 403
    assert await status(admin, "PATCH", "/users/ada", {"roles": ["admin"]}, **by) == 403
    assert await status(admin, "PATCH", "/users/operator", {"roles": ["viewer"]}, **by) == 403
    for path in ("/users/admin/reset", "/users/operator/reset"):
        assert await status(admin, "POST", path, **by) == 403
    assert await status(admin, "DELETE", "/users/admin/totp", **by) == 403
    assert await status(admin, "POST", "/keys", {"scopes": ["runs:read"]}, **by) == 200
    assert await status(admin, "POST", "/keys", {"scopes": ["runs:read", "events:write"]}, **by) == 403


async def test_a_key_is_shown_once_and_opens_what_it_says_until_it_is_revoked(
    log: Any, registered: Codec, admin: httpx2.AsyncClient
) -> None:
    made = (await admin.post("/keys", json={"scopes": ["events:write"], "title": "the shop", "days": 1})).json()
    by = {"Authorization": f"Bearer {made['key']}"}

    assert await status(admin, "POST", "/events/business-events", SAID, **by) == 202
    listed = (await admin.get("/keys")).json()["keys"]
    assert made["id"] in [each["id"] for each in listed]
    assert not [each for each in listed if "key" in each or "digest" in each]
    for _ in range(2):
        assert (await admin.delete(f"/keys/{made['id']}")).json()["status"] == "revoked"
    assert await status(admin, "POST", "/events/business-events", SAID, **by) == 401
    assert made["key"].rpartition(".")[2] not in str(events(log, registered, "definitions"))


@pytest.mark.parametrize(
    ("method", "path", "said", "secret"),
    [
        ("POST", "/users", {"name": "ada", "roles": ["viewer"]}, "password"),
        ("POST", "/users/viewer/reset", {}, "password"),
        ("POST", "/keys", {"scopes": ["runs:read"]}, "key"),
        ("PATCH", "/users/viewer", {"title": "V"}, None),
    ],
)
async def test_a_call_with_an_idempotency_key_is_done_once_and_shows_its_secret_once(
    log: Any, registered: Codec, admin: httpx2.AsyncClient, method: str, path: str, said: Any, secret: str | None
) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [await admin.request(method, path, json=said, headers=headers) for _ in range(2)]
    answers += await asyncio.gather(*(admin.request(method, path, json=said, headers=headers) for _ in range(2)))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len(events(log, registered, "definitions")) == 1
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}
    if secret is not None:
        assert [secret in answer.json() for answer in answers] == [True, False, False, False]
    assert await status(admin, method, path, {**said, "title": "Another"}, **headers) in (200, 400, 409)


async def test_of_calls_at_the_same_moment_one_is_done_and_the_others_are_told(admin: httpx2.AsyncClient) -> None:
    said = {"name": "ada", "roles": ["viewer"]}

    answers = await asyncio.gather(*(admin.post("/users", json=said) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    (password,) = [answer.json()["password"] for answer in answers if answer.status_code == 200]
    login = {"tenant": "acme", "name": "ada", "password": password, "new_password": NEW}
    assert await status(admin, "POST", "/auth/login", login) == 200


async def test_two_admins_who_put_each_other_out_at_once_leave_one_of_them(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> None:
    event = define("acme", *person("acme", "deputy", [Role.ADMIN]), None, NOW)
    assert event is not None
    followed.definitions.add(event)
    async with calling(publisher, registered, people=people, followed=followed) as client:
        by = {name: {"Authorization": await token(client, name)} for name in ("admin", "deputy")}
        answers = await asyncio.gather(
            status(client, "PATCH", "/users/deputy", {"roles": ["viewer"]}, **by["admin"]),
            status(client, "PATCH", "/users/admin", {"status": "suspended"}, **by["deputy"]),
        )

    assert set(answers) <= {200, 401, 403, 409}
    left = [user for user in followed.definitions.users("acme") if Role.ADMIN in user.roles and user.id != "away"]
    assert [user for user in left if user.status == "active"]


async def test_people_are_listed_a_page_at_a_time_and_none_of_another_tenant(admin: httpx2.AsyncClient) -> None:
    whole = (await admin.get("/users")).json()
    found, cursor, pages = [], "", 0
    while cursor is not None:
        answer = (await admin.get("/users", params={"limit": "3", "cursor": cursor})).json()
        assert len(answer["users"]) <= 3
        found, cursor, pages = [*found, *answer["users"]], answer["next"], pages + 1

    assert (found, whole["next"], pages) == (whole["users"], None, 3)
    assert [each["id"] for each in found] == sorted(
        [*(role.value for role in Role if role is not Role.PLATFORM_ADMIN), "away", "new"]
    )
    assert not [each for each in found if {"password", "factor", "epoch"} & each.keys()]


async def test_the_platform_s_admin_makes_tenants_whose_first_admin_makes_the_others(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    client.headers["Authorization"] = await token(client, "admin", "platform")
    said, once = {"id": "garage", "title": "The garage", "admin": "ada"}, {"Idempotency-Key": "once"}
    made = (await client.post("/tenants", json=said, headers=once)).json()
    again = (await client.post("/tenants", json=said, headers=once)).json()
    assert (made["id"], made["admin"], again["id"], "password" in again) == ("garage", "ada", "garage", False)
    assert await status(client, "POST", "/tenants", said) == 409
    for bad in ({"id": "platform"}, {"id": "A horse"}, {"id": "inn", "admin": "A horse"}):
        assert await status(client, "POST", "/tenants", bad) in (409, 422)
    assert "inn" not in [each["id"] for each in (await client.get("/tenants")).json()["tenants"]]

    login = {"tenant": "garage", "name": "ada", "password": made["password"], "new_password": NEW}
    ada = f"Bearer {(await client.post('/auth/login', json=login)).json()['access_token']}"
    assert await status(client, "POST", "/users", {"name": "bob", "roles": ["operator"]}, Authorization=ada) == 200
    assert await status(client, "GET", "/tenants", Authorization=ada) == 403

    assert await status(client, "PATCH", "/tenants/nobody", {"status": "suspended"}) == 404
    assert await status(client, "PATCH", "/tenants/platform", {"status": "suspended"}) == 409
    assert (await client.patch("/tenants/garage", json={"status": "suspended"})).json()["status"] == "suspended"
    assert await status(client, "GET", "/auth/verify", Authorization=ada) == 403
    changed = await client.patch("/tenants/garage", json={"status": "active", "second_factor": "required"})
    assert (changed.json()["title"], changed.json()["second_factor"]) == ("The garage", "required")
    assert await status(client, "GET", "/users", Authorization=ada) == 403
    assert await status(client, "GET", "/auth/verify", Authorization=ada) == 200
    assert await status(client, "PATCH", "/tenants/platform", {"second_factor": "required"}) == 200
    assert await status(client, "GET", "/tenants") == 403


async def test_a_key_of_a_tenant_manages_no_tenants_whatever_it_says(
    client: httpx2.AsyncClient, followed: Followed
) -> None:
    made = ApiKey(
        id="t" * 16,
        scopes=[Permission.MANAGE_TENANTS],
        expires_at=NOW.replace(year=2100, microsecond=0),
        digest=digest(SECRET),
    )
    event = define("acme", "api-key", msgspec.to_builtins(made), None, NOW)
    assert event is not None
    followed.definitions.add(event)

    assert await status(client, "GET", "/tenants", Authorization=f"Bearer {key('acme', 't').text}") == 403


async def test_an_admin_takes_a_lost_second_factor_away(admin: httpx2.AsyncClient, followed: Followed) -> None:
    assert (await admin.delete("/users/viewer/totp")).json()["second_factor"] is False
    user: User | None = followed.definitions.user("acme", "viewer")
    assert user is not None
    assert (user.factor, user.epoch > 0) == (None, True)


LASTING: list[tuple[str, str, Any]] = [
    ("POST", "/keys", {"scopes": ["events:write", "keys:manage"]}),
    ("POST", "/users", {"name": "ada", "roles": ["admin"]}),
    ("PATCH", "/users/viewer", {"roles": ["admin"]}),
    ("POST", "/users/viewer/reset", None),
    ("DELETE", "/users/viewer/totp", None),
]


async def test_who_logged_in_long_ago_and_any_key_is_told_to_log_in_before_others_are_let_in(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed, log: Any
) -> None:
    scopes = [*GRANTED[Role.ADMIN]]
    made = ApiKey(id="m" * 16, scopes=scopes, expires_at=NOW.replace(year=2100, microsecond=0), digest=digest(SECRET))
    event = define("acme", "api-key", msgspec.to_builtins(made), None, NOW)
    assert event is not None
    followed.definitions.add(event)
    later_s = 0

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=later_s)

    async with calling(publisher, registered, people=people, followed=followed, now=now) as client:
        stolen = await token(client, "admin")
        later_s = 14 * 60 + 50
        assert await status(client, *LASTING[3], Authorization=stolen) == 200
        later_s = 15 * 60 + 5
        for by in (stolen, f"Bearer {key('acme', 'm').text}"):
            for method, path, said in LASTING:
                answer = await client.request(method, path, json=said, headers={"Authorization": by})
                assert (path, answer.status_code) == (path, 403)
                assert answer.json()["reauthenticate"] == {"max_age_s": 900}
                assert "log" in answer.json()["detail"]
        assert await status(client, "POST", "/keys", {"scopes": ["events:write"]}, Authorization=stolen) == 200
        assert await status(client, "PATCH", "/users/viewer", {"title": "V"}, Authorization=stolen) == 200
        fresh = await token(client, "admin")
        for method, path, said in LASTING:
            assert (path, await status(client, method, path, said, Authorization=fresh)) == (path, 200)

    said = {call.reasons[-1] for call in calls(log, registered) if call.status == 403}
    assert said == {
        "log in again: this needs a log-in within the last 15 minutes",
        "this needs a person who has logged in within 15 minutes, and is done by no key",
    }


async def test_a_renewed_session_is_as_old_as_its_log_in(
    publisher: KafkaPublisher, registered: Codec, people: People, followed: Followed
) -> None:
    later_s = 0

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=later_s)

    async with calling(publisher, registered, people=people, followed=followed, now=now) as client:
        said = {"tenant": "acme", "name": "admin", "password": PASSWORD}
        tokens = (await client.post("/auth/login", json=said)).json()
        later_s = 16 * 60
        renewed = (await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
        by = {"Authorization": f"Bearer {renewed['access_token']}"}
        assert await status(client, "POST", "/users/viewer/reset", **by) == 403
