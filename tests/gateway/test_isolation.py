"""Every route x every caller x the own tenant and another: what is answered follows from what is granted.

The routes are those of the OpenAPI document: one without a row here fails.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, SAID, calls
from live_calls import Gateway, decision, events_told, next_told, run, step
from msgspec import Struct
from read_model_records import letter_of, place_of, run_of
from subscription_calls import PROTOCOL, spoken, subscribe
from subscription_calls import told as subscription_told
from websockets.exceptions import InvalidStatus

from domain.identity import GRANTED, Permission, Role
from schemas.codec import Codec
from tests.gateway.conftest import WEBHOOKS, key
from tests.harness import events


class Row(Struct, frozen=True):
    """A route as it is called here, and who may."""

    permission: Permission | None = None
    """What it needs; None: a caller who is known."""
    open: bool = False
    """True when nobody has to be known."""
    body: Callable[[str], Any] | None = None
    """What is sent, of the tenant that it speaks of."""
    path: str = ""
    """With its parameters filled in; `{run}` is a run of the tenant that it speaks of, `{place}` where a call of it
    lies, `{letter}` a dead letter of it."""
    taken: int = 200
    people: bool = False
    """True when a key is not enough."""
    platform: int | None = None
    """What the platform's admin gets, when it is something else."""


ROWS = {
    "POST /api/v1/auth/login": Row(
        open=True, body=lambda _: {"tenant": "acme", "name": "viewer", "password": PASSWORD}
    ),
    "POST /api/v1/auth/refresh": Row(open=True, body=lambda _: {"refresh_token": "x"}, taken=401),
    "GET /api/v1/auth/verify": Row(),
    "GET /api/v1/me": Row(),
    "GET /api/v1/branding": Row(),
    "PUT /api/v1/branding": Row(Permission.MANAGE_TENANT, body=lambda _: {"name": "Ours"}),
    "GET /api/v1/branding/{tenant}": Row(open=True, path="/api/v1/branding/acme"),
    "POST /api/v1/auth/logout": Row(people=True),
    "GET /api/v1/auth/providers/{tenant}": Row(open=True, path="/api/v1/auth/providers/acme"),
    "POST /api/v1/auth/totp": Row(people=True, body=lambda _: {"password": PASSWORD}),
    "POST /api/v1/auth/totp/confirm": Row(people=True, body=lambda _: {"code": "none"}, taken=401),
    "DELETE /api/v1/auth/totp": Row(people=True, body=lambda _: {"password": PASSWORD, "code": "none"}, taken=409),
    "GET /api/v1/auth/oidc/{tenant}/{provider}": Row(open=True, path="/api/v1/auth/oidc/acme/nowhere", taken=404),
    "GET /api/v1/auth/oidc/{tenant}/{provider}/callback": Row(
        open=True, path="/api/v1/auth/oidc/acme/nowhere/callback", taken=404
    ),
    "GET /api/v1/auth/saml/{tenant}/{provider}": Row(open=True, path="/api/v1/auth/saml/acme/nowhere", taken=404),
    "GET /api/v1/auth/saml/{tenant}/{provider}/metadata": Row(
        open=True, path="/api/v1/auth/saml/acme/nowhere/metadata", taken=404
    ),
    "POST /api/v1/auth/saml/{tenant}/{provider}/acs": Row(
        open=True, path="/api/v1/auth/saml/acme/nowhere/acs", taken=404
    ),
    "POST /api/v1/events/{topic}": Row(
        Permission.WRITE_EVENTS,
        body=lambda tenant: {**SAID, "tenant_id": tenant},
        path="/api/v1/events/business-events",
        taken=202,
    ),
    "POST /api/v1/workflows/execute": Row(
        Permission.EXECUTE_WORKFLOWS, body=lambda _: {"workflow": "agent-report"}, taken=202
    ),
    "POST /api/v1/agents/{type}/trigger": Row(
        Permission.EXECUTE_WORKFLOWS, body=lambda _: {"input": {}}, path="/api/v1/agents/report/trigger", taken=202
    ),
    "GET /api/v1/workflows": Row(Permission.READ_RUNS),
    "GET /api/v1/workflows/{id}": Row(Permission.READ_RUNS, path="/api/v1/workflows/{run}"),
    "POST /api/v1/workflows/{id}/replay": Row(Permission.READ_DECISIONS, path="/api/v1/workflows/{run}/replay"),
    "GET /api/v1/workflows/{id}/status": Row(Permission.READ_RUNS, path="/api/v1/workflows/{run}/status"),
    "GET /api/v1/workflows/{id}/logs": Row(Permission.READ_RUNS, path="/api/v1/workflows/{run}/logs"),
    "GET /api/v1/agents/status": Row(Permission.READ_RUNS),
    "GET /api/v1/definitions": Row(Permission.READ_RUNS),
    "GET /api/v1/budgets": Row(Permission.READ_MONEY),
    "GET /api/v1/ledger": Row(Permission.READ_MONEY),
    "GET /api/v1/ledger/entries": Row(Permission.READ_MONEY),
    "GET /api/v1/recommendations": Row(Permission.READ_MONEY),
    "GET /api/v1/prices": Row(Permission.READ_MONEY),
    "GET /api/v1/prices/restatements": Row(Permission.READ_MONEY),
    "GET /api/v1/dead-letters": Row(Permission.READ_DEAD_LETTERS),
    "GET /api/v1/dead-letters/{id}": Row(Permission.READ_DEAD_LETTERS, path="/api/v1/dead-letters/{letter}"),
    "POST /api/v1/dead-letters/{id}/mend": Row(
        Permission.MEND_DEAD_LETTERS, body=lambda _: SAID, path="/api/v1/dead-letters/{letter}/mend", taken=202
    ),
    "GET /api/v1/topics": Row(Permission.READ_LOG),
    "GET /api/v1/topics/{topic}/schema": Row(Permission.READ_LOG, path="/api/v1/topics/ai-calls/schema"),
    "GET /api/v1/topics/{topic}/records": Row(Permission.READ_LOG, path="/api/v1/topics/ai-calls/records?limit=1"),
    "GET /api/v1/records/{topic}/{partition}/{offset}": Row(Permission.READ_LOG, path="/api/v1/records/{place}"),
    "GET /api/v1/live": Row(Permission.READ_RUNS, path="/api/v1/live?seconds=0"),
    "GET /api/v1/files": Row(Permission.READ_FILES),
    "PUT /api/v1/files/{name}": Row(
        Permission.WRITE_FILES, body=lambda tenant: {"tenant": tenant}, path="/api/v1/files/new.json", taken=201
    ),
    "GET /api/v1/files/{name}": Row(Permission.READ_FILES, path="/api/v1/files/there.txt"),
    "DELETE /api/v1/files/{name}": Row(Permission.DELETE_FILES, path="/api/v1/files/there.txt"),
    "GET /api/v1/users": Row(Permission.MANAGE_USERS),
    "POST /api/v1/users": Row(
        Permission.MANAGE_USERS, body=lambda tenant: {"name": "fresh", "roles": ["viewer"], "tenant_id": tenant}
    ),
    "PATCH /api/v1/users/{name}": Row(
        Permission.MANAGE_USERS, body=lambda tenant: {"title": "A", "tenant_id": tenant}, path="/api/v1/users/new"
    ),
    "POST /api/v1/users/{name}/reset": Row(
        Permission.MANAGE_USERS, body=lambda tenant: {"tenant_id": tenant}, path="/api/v1/users/new/reset"
    ),
    "DELETE /api/v1/users/{name}/totp": Row(Permission.MANAGE_USERS, path="/api/v1/users/new/totp", platform=404),
    "GET /api/v1/keys": Row(Permission.MANAGE_KEYS),
    "POST /api/v1/keys": Row(
        Permission.MANAGE_KEYS, body=lambda tenant: {"scopes": ["runs:read"], "tenant_id": tenant}
    ),
    "DELETE /api/v1/keys/{key_id}": Row(
        Permission.MANAGE_KEYS, body=lambda tenant: {"tenant_id": tenant}, path=f"/api/v1/keys/{'x' * 16}"
    ),
    "GET /api/v1/webhooks": Row(Permission.MANAGE_KEYS),
    "POST /api/v1/webhooks": Row(
        Permission.MANAGE_KEYS, body=lambda tenant: {"topic": "business-events", "tenant_id": tenant}
    ),
    "DELETE /api/v1/webhooks/{webhook}": Row(
        Permission.MANAGE_KEYS, body=lambda tenant: {"tenant_id": tenant}, path=f"/api/v1/webhooks/{WEBHOOKS['acme']}"
    ),
    "POST /api/v1/hooks/{webhook}": Row(
        open=True,
        body=lambda tenant: {**SAID, "tenant_id": tenant},
        path=f"/api/v1/hooks/{WEBHOOKS['acme']}",
        taken=400,
    ),
    "GET /api/v1/tenants": Row(Permission.MANAGE_TENANTS),
    "POST /api/v1/tenants": Row(Permission.MANAGE_TENANTS, body=lambda _: {"id": "fresh", "admin": "ada"}),
    "PATCH /api/v1/tenants/{tenant}": Row(
        Permission.MANAGE_TENANTS, body=lambda _: {"title": "Other"}, path="/api/v1/tenants/other"
    ),
    "POST /api/v1/graphql": Row(
        Permission.READ_RUNS, body=lambda tenant: {"query": f'{{ run(id: "{run_of(tenant)}") {{ id }} }}'}
    ),
    "GET /api/v1/health/live": Row(open=True),
    "GET /api/v1/health/ready": Row(open=True),
}
THEIRS = ("{run}", "{place}", "{letter}")
"""In a path, what is one tenant's."""
CHANNELS = {"runs": None, "steps": None, "decisions": Permission.READ_DECISIONS, "counters": None, "alerts": None}
"""Of the WebSocket, with what they need besides `runs:read`."""
TENANTS = {"own": "acme", "other": "other"}
ROLES = [role for role in Role if role is not Role.PLATFORM_ADMIN]
PEOPLE = {f"acme {role}": ("acme", role.value, GRANTED[role]) for role in ROLES}
PEOPLE |= {"platform admin": ("platform", "admin", GRANTED[Role.PLATFORM_ADMIN])}
KEYS = {
    "acme key that writes": (key("acme", "w"), {Permission.WRITE_EVENTS}),
    "acme key that reads": (key("acme", "r"), {Permission.READ_RUNS}),
}
NOBODY = {
    "nobody": {},
    "a revoked key": {"X-API-Key": key("acme", "v").text},
    "an expired key": {"X-API-Key": key("acme", "x").text},
    "a key of nobody": {"X-API-Key": "auterity.acme.nobody.secret"},
    "a token of nobody": {"Authorization": "Bearer a.b.c"},
    "a password": {"Authorization": "Basic YWNtZTphY21l"},
}
SUSPENDED = {"a suspended tenant": {"X-API-Key": key("gone", "w").text}}


def path_of(route: str, row: Row, tenant: str) -> str:
    """Returns where the route is called."""
    path = row.path or route.partition(" ")[2]
    return (
        path.replace("{run}", run_of(tenant))
        .replace("{place}", place_of(tenant))
        .replace("{letter}", letter_of(tenant))
    )


async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/api/v1/openapi.json")).json()
    return found


async def test_every_route_has_a_row(client: httpx2.AsyncClient) -> None:
    paths = (await document(client))["paths"]

    assert {f"{method.upper()} {path}" for path, found in paths.items() for method in found} == ROWS.keys()


async def credentials(client: httpx2.AsyncClient, caller: str) -> tuple[dict[str, str], set[Permission] | None]:
    """Returns the headers of a caller, and what is granted; None for nobody."""
    if caller in PEOPLE:
        tenant, name, granted = PEOPLE[caller]
        said = {"tenant": tenant, "name": name, "password": PASSWORD}
        token = (await client.post("/auth/login", json=said)).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}, set(granted)
    if caller in KEYS:
        shown, scopes = KEYS[caller]
        return {"X-API-Key": shown.text}, scopes
    return (NOBODY | SUSPENDED)[caller], None


def expected(row: Row, caller: str, granted: set[Permission] | None, tenant: str) -> int:
    if row.open:
        return row.taken
    if granted is None:
        return 403 if caller in SUSPENDED else 401
    if (row.permission is not None and row.permission not in granted) or (row.people and caller in KEYS):
        return 403
    if any(each in row.path for each in THEIRS):
        return 404 if tenant == "other" else row.taken
    speaks_of_it = row.body is not None and "tenant_id" in row.body(tenant)
    if speaks_of_it and PEOPLE.get(caller, ("acme",))[0] != tenant:
        return 422
    return row.platform if row.platform is not None and caller == "platform admin" else row.taken


@pytest.mark.parametrize("tenant", TENANTS.values(), ids=TENANTS)
@pytest.mark.parametrize("caller", [*PEOPLE, *KEYS, *NOBODY, *SUSPENDED])
async def test_a_caller_gets_what_is_granted_in_the_own_tenant_and_nothing_else(
    log: Any, registered: Codec, client: httpx2.AsyncClient, caller: str, tenant: str, tmp_path: Path
) -> None:
    for each in TENANTS.values():
        (tmp_path / "files" / each).mkdir(parents=True)
        (tmp_path / "files" / each / "there.txt").write_text(each)
    del client.headers["Authorization"]
    declared = (await document(client))["paths"]
    for route, row in ROWS.items():
        headers, granted = await credentials(client, caller)
        method, _, path = route.partition(" ")
        body = row.body(tenant) if row.body is not None else None

        answer = await client.request(method, path_of(route, row, tenant), json=body, headers=headers)

        assert (route, answer.status_code) == (route, expected(row, caller, granted, tenant))
        assert str(answer.status_code) in declared[path][method.lower()]["responses"], route
    for event in events(log, registered, "business-events"):
        assert event.tenant_id == "acme"
    assert [path.name for path in (tmp_path / "files" / "other").iterdir()] == ["there.txt"]
    nobody = [call for call in calls(log, registered) if not call.principal]
    assert {call.tenant_id for call in nobody} <= {"platform"}


async def test_every_call_is_an_event_and_health_is_none(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    for route, row in ROWS.items():
        method = route.partition(" ")[0]
        await client.request(method, path_of(route, row, "acme"), json=row.body("acme") if row.body else None)
    await client.get("/nowhere")
    await client.delete("/auth/login")

    found = [call.route for call in calls(log, registered)]

    spoken = [route.replace(" /api/v1", " ") for route in ROWS if "/health" not in route]
    assert sorted(found) == sorted([*spoken, "GET (none)", "DELETE /auth/login"])


async def test_who_looks_on_is_told_what_is_granted_in_the_own_tenant_and_nothing_else(
    client: httpx2.AsyncClient, gateway: Gateway
) -> None:
    del client.headers["Authorization"]
    other = {"X-API-Key": key("other", "r").text}
    async with gateway.socket(additional_headers=other) as theirs:
        for number, caller in enumerate([*PEOPLE, *KEYS, *NOBODY, *SUSPENDED]):
            headers, granted = await credentials(client, caller)
            if granted is None or Permission.READ_RUNS not in granted:
                known = granted is not None or caller in SUSPENDED
                for path in ("/ws", "/graphql"):
                    with pytest.raises(InvalidStatus) as refused:
                        await gateway.socket(path=path, additional_headers=headers, subprotocols=[PROTOCOL])
                    assert (caller, refused.value.response.status_code) == (caller, 403 if known else 401)
                continue
            async with (
                gateway.socket(additional_headers=headers) as socket,
                spoken(gateway, additional_headers=headers) as subscribed,
            ):
                channels = [name for name, needed in CHANNELS.items() if needed is None or needed in granted]
                assert (caller, (await next_told(socket, "ready"))["channels"]) == (caller, channels)
                await subscribe(subscribed)
                (ready,) = await subscription_told(subscribed, "Ready")
                assert (caller, ready["channels"]) == (caller, [name.upper() for name in channels])
                said = [make(number, tenant) for make in (decision, step, run) for tenant in TENANTS.values()]
                await gateway.say(*said)
                seen = sorted(set(channels) & {"runs", "steps", "decisions"})
                own = {each.event_id for each in said if each.tenant_id == "acme"}
                told = await events_told(socket, len(seen))
                also = await subscription_told(subscribed, "Event", len(seen))
                assert sorted(each["id"] for each in also) == sorted(each["id"] for each in told)
                await gateway.say(run(1000 + number))
                last = await events_told(socket, 1)
                assert (caller, sorted(each["channel"] for each in told)) == (caller, seen)
                assert {each["id"] for each in told} <= own
                assert [each["id"] for each in last] == [run(1000 + number).event_id]
        await gateway.say(run(2000, "other"))
        told = await events_told(theirs, 1)
        while told[-1]["id"] != run(2000, "other").event_id:
            told += await events_told(theirs, 1)
        assert {each["id"] for each in told} <= {make(n, "other").event_id for n in range(2001) for make in (run, step)}
