"""Every route x every caller x the own tenant and another: what is answered follows from what is granted.

The routes are those of the OpenAPI document: one without a row here fails.
"""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, SAID, calls
from msgspec import Struct

from domain.identity import GRANTED, Permission, Role
from schemas.codec import Codec
from tests.gateway.conftest import key
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
    """With its parameters filled in."""
    taken: int = 200
    people: bool = False
    """True when a key is not enough."""


ROWS = {
    "POST /api/v1/auth/login": Row(
        open=True, body=lambda _: {"tenant": "acme", "name": "viewer", "password": PASSWORD}
    ),
    "POST /api/v1/auth/refresh": Row(open=True, body=lambda _: {"refresh_token": "x"}, taken=401),
    "GET /api/v1/auth/verify": Row(),
    "POST /api/v1/auth/logout": Row(people=True),
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
    "GET /api/v1/health/live": Row(open=True),
    "GET /api/v1/health/ready": Row(open=True),
}
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
    speaks_of_it = row.body is not None and "tenant_id" in row.body(tenant)
    return 422 if tenant == "other" and speaks_of_it else row.taken


@pytest.mark.parametrize("tenant", TENANTS.values(), ids=TENANTS)
@pytest.mark.parametrize("caller", [*PEOPLE, *KEYS, *NOBODY, *SUSPENDED])
async def test_a_caller_gets_what_is_granted_in_the_own_tenant_and_nothing_else(
    log: Any, registered: Codec, client: httpx2.AsyncClient, caller: str, tenant: str
) -> None:
    del client.headers["Authorization"]
    declared = (await document(client))["paths"]
    for route, row in ROWS.items():
        headers, granted = await credentials(client, caller)
        method, _, path = route.partition(" ")
        body = row.body(tenant) if row.body is not None else None

        answer = await client.request(method, row.path or path, json=body, headers=headers)

        assert (route, answer.status_code) == (route, expected(row, caller, granted, tenant))
        assert str(answer.status_code) in declared[path][method.lower()]["responses"], route
    for event in events(log, registered, "business-events"):
        assert event.tenant_id == "acme"
    nobody = [call for call in calls(log, registered) if not call.principal]
    assert {call.tenant_id for call in nobody} <= {"platform"}


async def test_every_call_is_an_event_and_health_is_none(
    log: Any, registered: Codec, client: httpx2.AsyncClient
) -> None:
    for route, row in ROWS.items():
        method, _, path = route.partition(" ")
        await client.request(method, row.path or path, json=row.body("acme") if row.body else None)
    await client.get("/nowhere")
    await client.delete("/auth/login")

    found = [call.route for call in calls(log, registered)]

    spoken = [route.replace(" /api/v1", " ") for route in ROWS if "/health" not in route]
    assert sorted(found) == sorted([*spoken, "GET (none)", "DELETE /auth/login"])
