"""The matrix proves something: whichever tenant filter is taken away, it sees that; and nobody learns what there is."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from gateway_calls import PASSWORD, PASSWORDS, SIGNING

from connectors.publisher import KafkaPublisher
from domain.definitions import Definitions, define
from domain.identity import ApiKey, Presented, Role
from domain.sessions import Claims, claimed
from gateway.people import People
from gateway.tokens import Tokens
from schemas.codec import Codec
from schemas.events import Definition
from schemas.record import Outgoing
from sinks.read_models.reader import Reader
from tests.event_strategies import recorded
from tests.gateway.conftest import NOW, SECRET, Followed, calling, known, person
from tests.gateway.mutants import CAUGHT_BY, mutants
from tests.gateway.test_isolation import KEYS, NOBODY, PEOPLE, ROWS, SUSPENDED, TENANTS, credentials, expected, path_of
from tests.harness import events

CHANGING = ("auterity-correlation-id", "content-length", "ratelimit-remaining", "ratelimit-reset")
THEIRS = "o" * 16
"""The key that only the other tenant has."""


class Matrix:
    """All callers at all routes, and strangers besides: who is none of a tenant's, but comes close."""

    def __init__(
        self, publisher: KafkaPublisher, codec: Codec, people: People, log: Any, models: Reader, folder: Path
    ) -> None:
        self._publisher, self._codec, self._people, self._log = publisher, codec, people, log
        self._models, self._folder = models, folder
        self.touched = False
        """Whether another tenant's files are not as they were."""

    async def wrong(self) -> str:
        """Returns the first thing that is answered otherwise than it should, empty when there is none."""
        found = await self._strangers()
        for tenant in reversed(TENANTS.values()):
            for caller in [*SUSPENDED, *NOBODY, *KEYS, *PEOPLE]:
                found = found or await self._caller(caller, tenant)
        tenants = {event.tenant_id for event in events(self._log, self._codec, "business-events")}
        return found or (f"events of {sorted(tenants)}" if tenants - {"acme"} else "")

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Yields a client of a gateway that nobody has changed anything at; fails when it touches another's files."""
        people, definitions = self._people, _definitions()
        fresh = People(people.tokens, PASSWORDS, people.sessions, people.catch_up)
        folder = self._folder / uuid4().hex
        for each in TENANTS.values():
            (folder / "files" / each).mkdir(parents=True)
            (folder / "files" / each / "there.txt").write_text(each)

        async def learnt() -> None:
            return None

        publisher = Learning(self._publisher, self._codec, definitions)
        more: dict[str, Any] = {"people": fresh, "followed": Followed(definitions, learnt), "models": self._models}
        async with calling(publisher, self._codec, folder=folder, **more) as client:
            del client.headers["Authorization"]
            yield client
        self.touched = [path.name for path in (folder / "files" / "other").iterdir()] != ["there.txt"]

    async def _caller(self, caller: str, tenant: str) -> str:
        async with self._client() as client:
            headers, granted = await credentials(client, caller)
            for route, row in sorted(
                ROWS.items(), key=lambda each: "/logout" in each[0]
            ):  # what ends a session at last
                status = await self._status(client, route, headers, tenant)
                if status != expected(row, caller, granted, tenant):
                    return f"{caller} of {tenant}: {route}: {status}"
        return f"{caller}: touched files of other" if self.touched else ""

    async def _strangers(self) -> str:
        async with self._client() as client:
            return await self._strange(client)

    async def _strange(self, client: httpx2.AsyncClient) -> str:
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
        tokens, people = Tokens([SIGNING]), self._people
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
        method = route.partition(" ")[0]
        body = row.body(tenant) if row.body is not None else None
        return (await client.request(method, path_of(route, row, tenant), json=body, headers=headers)).status_code


class Learning:
    """Writes to Kafka, and has the definitions know at once what is written of them."""

    def __init__(self, publisher: KafkaPublisher, codec: Codec, definitions: Definitions) -> None:
        self._publisher, self._codec, self._definitions = publisher, codec, definitions

    async def publish(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], int]:
        found = await self._publisher.publish(records)
        for record in records:
            if record.topic == "definitions":
                event = self._codec.decode(recorded(record))
                assert isinstance(event, Definition)
                self._definitions.add(event)
        return found


def _definitions() -> Definitions:
    """Returns what the tests know, and what comes close to being of another tenant."""
    found = known()
    theirs = found.key("other", "w" * 16)
    body = {each: getattr(theirs, each) for each in ApiKey.__struct_fields__}
    others = [("other", "api-key", {**body, "id": THEIRS}), ("other", *person("other", "guest", [Role.ADMIN]))]
    others.append(("acme", *person("acme", "pretender", [Role.PLATFORM_ADMIN])))
    for tenant, kind, said in others:
        event = define(tenant, kind, said, None, NOW)
        assert event is not None
        found.add(event)
    return found


def _fields(claims: Claims) -> dict[str, Any]:
    return {name: getattr(claims, name) for name in claims.__struct_fields__}


async def test_the_matrix_catches_every_tenant_filter_that_is_taken_away(
    log: Any, registered: Codec, publisher: KafkaPublisher, people: People, models: Reader, tmp_path: Path
) -> None:
    matrix = Matrix(publisher, registered, people, log, models, tmp_path)
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
        "domain.definitions:Definitions.active",
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
    heads = [{name: value for name, value in answer.headers.items() if name not in CHANGING} for answer in answers]
    assert all(head == heads[0] for head in heads)
