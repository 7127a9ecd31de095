"""The matrix proves something: whichever tenant filter is taken away, it sees that; and nobody learns what there is."""

from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SIGNING

from connectors.publisher import KafkaPublisher
from domain.definitions import define
from domain.identity import Presented, Role
from domain.sessions import Claims, claimed
from gateway.people import People
from gateway.tokens import Tokens
from schemas.codec import Codec
from tests.gateway.conftest import NOW, SECRET, Followed, calling, known, person
from tests.gateway.mutants import CAUGHT_BY, mutants
from tests.gateway.test_isolation import KEYS, NOBODY, PEOPLE, ROWS, SUSPENDED, TENANTS, credentials, expected
from tests.harness import events

THEIRS = "o" * 16
"""The key that only the other tenant has."""


class Matrix:
    """All callers at all routes, and strangers besides: who is none of a tenant's, but comes close."""

    def __init__(self, publisher: KafkaPublisher, codec: Codec, people: People, followed: Followed, log: Any) -> None:
        self._given = publisher, codec, people, followed, log
        body = {
            each: getattr(found, each) for found in [known().key("other", "w" * 16)] for each in found.__struct_fields__
        }
        others = [("other", "api-key", {**body, "id": THEIRS}), ("other", *person("other", "guest", [Role.ADMIN]))]
        others.append(("acme", *person("acme", "pretender", [Role.PLATFORM_ADMIN])))
        for tenant, kind, said in others:
            event = define(tenant, kind, said, None, NOW)
            assert event is not None
            followed.definitions.add(event)

    async def wrong(self) -> str:
        """Returns the first thing that is answered otherwise than it should, empty when there is none."""
        publisher, codec, people, followed, log = self._given
        fresh = People(people.tokens, PASSWORDS, people.sessions, people.catch_up)
        async with calling(publisher, codec, people=fresh, followed=followed) as client:
            del client.headers["Authorization"]
            found = await self._strangers(client) or await self._callers(client)
        tenants = {event.tenant_id for event in events(log, codec, "business-events")}
        return found or (f"events of {sorted(tenants)}" if tenants - {"acme"} else "")

    async def _callers(self, client: httpx2.AsyncClient) -> str:
        for tenant in reversed(TENANTS.values()):
            for caller in [*SUSPENDED, *NOBODY, *KEYS, *PEOPLE]:
                headers, granted = await credentials(client, caller)
                for route, row in sorted(ROWS.items(), key=lambda each: each[1].people):  # what ends a session at last
                    status = await self._status(client, route, headers, tenant)
                    if status != expected(row, caller, granted, tenant):
                        return f"{caller} of {tenant}: {route}: {status}"
        return ""

    async def _strangers(self, client: httpx2.AsyncClient) -> str:
        for name, headers in (await self._theirs(client)).items():
            for route, row in ROWS.items():
                if not row.open and (status := await self._status(client, route, headers, "acme")) != 401:
                    return f"{name}: {route}: {status}"
        said = {"tenant": "acme", "name": "guest", "password": PASSWORD}
        if (answer := await client.post("/auth/login", json=said)).status_code != 401:
            return f"a user of another tenant logs in: {answer.status_code}"
        answer = await client.post("/auth/login", json={**said, "name": "pretender"})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        may = (await client.get("/auth/verify", headers=headers)).json()["permissions"]
        return f"a tenant's platform admin may {may}" if may else ""

    async def _theirs(self, client: httpx2.AsyncClient) -> dict[str, dict[str, str]]:
        """Returns credentials that are somebody's, and say that they are another one's."""
        tokens, (_, _, people, _, _) = Tokens([SIGNING]), self._given
        found = {"another tenant's key": {"X-API-Key": Presented("acme", THEIRS, SECRET).text}}
        for tenant, user, claimed_tenant in (("acme", "viewer", "other"), ("other", "admin", "acme")):
            said = {"tenant": tenant, "name": user, "password": PASSWORD}
            genuine = tokens.read((await client.post("/auth/login", json=said)).json()["access_token"])
            await people.catch_up()
            held = people.sessions.get(genuine.session)
            assert held is not None
            claims: Claims = claimed(genuine.session, held, "access")
            token = tokens.write(Claims(**{**_fields(claims), "tenant_id": claimed_tenant}))
            found[f"a token of {claimed_tenant} with a session of {tenant}"] = {"Authorization": f"Bearer {token}"}
        return found

    async def _status(self, client: httpx2.AsyncClient, route: str, headers: dict[str, str], tenant: str) -> int:
        row = ROWS[route]
        method, _, path = route.partition(" ")
        body = row.body(tenant) if row.body is not None else None
        return (await client.request(method, row.path or path, json=body, headers=headers)).status_code


def _fields(claims: Claims) -> dict[str, Any]:
    return {name: getattr(claims, name) for name in claims.__struct_fields__}


async def test_the_matrix_catches_every_tenant_filter_that_is_taken_away(
    log: Any, registered: Codec, publisher: KafkaPublisher, people: People, followed: Followed
) -> None:
    matrix = Matrix(publisher, registered, people, followed, log)
    found = mutants()
    assert await matrix.wrong() == ""

    survivors = []
    for mutant in found:
        with mutant.without():
            caught = CAUGHT_BY[mutant.name]() is False if mutant.name in CAUGHT_BY else bool(await matrix.wrong())
        if not caught:
            survivors.append(str(mutant))
    print(f"{len(found)} tenant filters, {len(found) - len(survivors)} caught")
    assert not survivors


def test_the_filters_that_are_known_are_found() -> None:
    names = {mutant.name for mutant in mutants()}
    assert names >= {
        "domain.definitions:Definitions.last",
        "domain.doors:_belongs",
        "domain.identity:authorise",
        "domain.identity:person",
        "domain.sessions:_theirs",
        "gateway.door:Door.active",
    }
    assert names >= CAUGHT_BY.keys()


@pytest.mark.parametrize(
    "asked",
    [
        [("POST", "/auth/login", {"tenant": tenant, "name": name, "password": "not this one"}) for tenant, name in (
            ("acme", "viewer"), ("acme", "nobody"), ("other", "viewer"), ("gone", "viewer"), ("nobody", "viewer"))],
        [("POST", f"/events/{topic}", {}) for topic in ("definitions", "sessions", "requests", "nothing", "a b")],
        [("GET", path, None) for path in ("/nowhere", "/events", "/api/v1/tenants/other/nothing", "/api/v2/events")],
    ],
    ids=["users", "topics", "routes"],
)  # fmt: skip
async def test_what_is_not_the_callers_is_answered_like_what_is_not_there(
    client: httpx2.AsyncClient, asked: list[tuple[str, str, Any]]
) -> None:
    answers = [await client.request(method, path, json=body) for method, path, body in asked]
    documents = [answer.json() for answer in answers]
    assert len({document.pop("correlation_id") for document in documents}) == len(asked)
    assert all(document == documents[0] for document in documents)
    assert len({answer.status_code for answer in answers}) == 1
    heads = [{name: value for name, value in answer.headers.items() if name != "content-length"} for answer in answers]
    assert all(head == heads[0] for head in heads)
