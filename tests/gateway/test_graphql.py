"""The graph: what each field tells whom, how much may be asked for, and whatever a document says, no 5xx."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from gateway_calls import PASSWORD, calls
from graphql import GraphQLObjectType, get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis_graphql import queries
from read_model_records import CODEC, events, records, run_of

from connectors.publisher import KafkaPublisher
from domain.identity import GRANTED, Permission, Role
from gateway.graph import schema
from gateway.graph_live import TOLD
from gateway.graphql_limits import ALIASES_MAX, COST_MAX, DEPTH_MAX
from schemas.codec import Codec
from sinks.read_models.reader import Reader
from tests.gateway.conftest import calling, key

WITHIN = {
    "Root": "{ %s }",
    "RunPage": "{ runs { %s } }",
    "Run": "{ runs { rows { %s } } }",
    "Step": "{ runs { rows { steps { %s } } } }",
    "Decision": "{ runs { rows { decisions { %s } } } }",
    "Call": "{ runs { rows { calls { %s } } } }",
    "Moment": "{ runs { rows { log(limit: 200) { %s } } } }",
    "StepCount": "{ runs { rows { stepCounts { %s } } } }",
    "Agent": "{ agents { %s } }",
    "DefinitionPage": "{ definitions { %s } }",
    "Definition": "{ definitions { rows { %s } } }",
}
"""How a field of each type is asked for; a type without a row here fails."""
NEEDS = {"Run.decisions", "Step.decisions"} | {
    f"Decision.{name}"
    for name in ("id", "step", "attempt", "phase", "outcome", "rules", "rulesVersion", "applied", "at")
}
"""Fields that need decisions:read, too."""
LIVE = {"Subscription", "EventCount", *(kind.__name__ for kind in TOLD)}
"""What only subscriptions tell: see test_subscriptions."""
GRAPH = schema()._schema


def fields() -> Iterator[tuple[str, str, str]]:
    """Yields each field as type, name, and how it is asked for."""
    for name, kind in GRAPH.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name not in LIVE:
            for field, said in kind.fields.items():
                leaf = getattr(said.type, "of_type", said.type)
                while hasattr(leaf, "of_type"):
                    leaf = leaf.of_type
                arguments = f'(id: "{run_of("other")}")' if "id" in said.args else ""
                yield name, field, f"{field}{arguments}" + (" { __typename }" if hasattr(leaf, "fields") else "")


@pytest.fixture
async def viewer(publisher: KafkaPublisher, registered: Codec, models: Reader) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the gateway with the key of acme that may read."""
    async with calling(publisher, registered, models=models) as client:
        client.headers["Authorization"] = f"Bearer {key('acme', 'r').text}"
        yield client


async def asked(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_answer_with_more_rows_than_there_may_be_is_refused(
    viewer: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.graph_rows.ANSWERED_MAX", 5)
    answer = await viewer.post("/graphql", json={"query": "{ runs { rows { steps { step } } } }"})

    assert (answer.status_code, answer.json()["detail"][:27]) == (400, "an answer of more than 5 ro")


async def test_a_run_is_one_graph_with_steps_decisions_calls_and_cost(client: httpx2.AsyncClient) -> None:
    said = {"tenant": "acme", "name": "analyst", "password": PASSWORD}
    token = (await client.post("/auth/login", json=said)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    run_id = run_of("acme")
    query = """query($id: String!) { run(id: $id) {
        id status costUsdMicros stepCounts { status count } log(limit: 200) { topic offset }
        steps { step status run { id } decisions { phase outcome } calls { id costUsdMicros } }
        decisions { id } calls { id status costUsdMicros inputTokens }
    } }"""

    run = (await asked(client, query, id=run_id))["data"]["run"]

    assert run["id"] == run_id
    assert {each["run"]["id"] for each in run["steps"]} == {run_id}
    assert {each["id"] for each in run["decisions"]} == {
        each.event_id for each in events("acme", "compliance-decisions") if each.run_id == run_id
    }
    assert sum(len(each["decisions"]) for each in run["steps"]) == len(run["decisions"]) > 1
    assert [each for step in run["steps"] for each in step["calls"]]
    assert run["costUsdMicros"] == sum(each["costUsdMicros"] for each in run["calls"])
    assert sum(each["count"] for each in run["stepCounts"]) == len(run["steps"])
    assert len(run["log"]) == len([record for record in records() if record.key == run_id.encode()])


def test_every_type_has_a_row() -> None:
    assert {name for name, _, _ in fields()} == WITHIN.keys()
    assert {f"{name}.{field}" for name, field, _ in fields()} >= NEEDS


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.PLATFORM_ADMIN])
async def test_every_field_tells_what_is_granted_and_of_the_own_tenant_only(
    client: httpx2.AsyncClient, role: Role
) -> None:
    tenant, name = ("platform", "admin") if role is Role.PLATFORM_ADMIN else ("acme", role.value)
    said = {"tenant": tenant, "name": name, "password": PASSWORD}
    token = (await client.post("/auth/login", json=said)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    foreign = {CODEC.decode(record).event_id for record in records() if CODEC.decode(record).tenant_id == "other"}
    foreign |= {each.run_id for each in events("other", "agent-steps")}
    for kind, field, within in fields():
        answer = await client.post("/graphql", json={"query": WITHIN[kind] % within})

        if Permission.READ_RUNS not in GRANTED[role]:
            assert answer.status_code == 403, (kind, field)
            continue
        assert answer.status_code == 200, (kind, field, answer.text)
        refused = f"{kind}.{field}" in NEEDS and Permission.READ_DECISIONS not in GRANTED[role]
        messages = {error["message"] for error in answer.json().get("errors", [])}
        assert messages == ({"lacks decisions:read"} if refused else set()), (kind, field)
        assert not [each for each in foreign if each in json.dumps(answer.json()["data"])], (kind, field)
        assert "other's" not in answer.text


@settings(max_examples=60, database=None, suppress_health_check=list(HealthCheck))
@given(queries(GRAPH))
def drawn(query: str) -> None:
    DRAWN.append(query)


DRAWN: list[str] = []


async def test_whatever_is_asked_is_answered_or_refused_and_shows_nothing_of_another_tenant(
    viewer: httpx2.AsyncClient,
) -> None:
    drawn()
    foreign = {each.run_id for each in events("other", "agent-steps")}
    for query in DRAWN:
        answer = await viewer.post("/graphql", json={"query": query})

        assert answer.status_code in (200, 400, 413), (query, answer.text)
        assert not [each for each in foreign if each in answer.text]


LAUGHS = " ".join(f"fragment f{n} on Run {{ steps {{ run {{ ...f{n + 1} }} }} }}" for n in range(20))


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (
            "{ runs { rows { steps { run { steps { run { steps { run { id } } } } } } } } }",
            f"levels, more than {DEPTH_MAX}",
        ),
        ("{ " + " ".join(f"a{n}: asOf" for n in range(ALIASES_MAX + 1)) + " }", f"aliases, more than {ALIASES_MAX}"),
        ("{ runs(limit: 50) { rows { steps { run { steps { run { id } } } } } } }", f"cost, more than {COST_MAX}"),
        (
            "query($n: Int) { runs(limit: $n) { rows { steps { run { steps { step agent } } } } } }",
            f"more than {COST_MAX}",
        ),
        ("{ runs { rows { ...f0 } } } " + LAUGHS + " fragment f20 on Run { id }", "more than"),
        ("{ runs { rows { ...a } } } fragment a on Run { steps { run { ...a } } }", "Cannot spread fragment 'a'"),
        ("{ " + "asOf " * 1001 + "}", "more than 1000 tokens"),
        ("{ secrets }", "Cannot query field 'secrets'"),
        ("mutation { run }", "queries only"),
        ("subscription { run }", "queries only"),
        ("{", "Syntax Error"),
        ("query a { asOf } query b { asOf }", "several operations, and none is named"),
    ],
    ids=range(12),
)
async def test_too_much_at_once_or_no_query_is_refused_with_why(
    viewer: httpx2.AsyncClient, query: str, why: str
) -> None:
    answer = await viewer.post("/graphql", json={"query": query, "variables": {"n": 50}})

    assert answer.status_code == 400, answer.text
    assert why in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"query": "{ asOf }"}', "text/plain", 415),
        (b"[]", "application/json", 400),
        (b'{"query": 1}', "application/json", 400),
        (b'{"query": "' + b" " * 70_000 + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_is_no_request_is_refused(
    viewer: httpx2.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    answer = await viewer.post("/graphql", content=content, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert (await viewer.get("/graphql", params={"query": "{ asOf }"})).status_code == 405


async def test_the_schema_is_shown_to_those_who_are_known_and_each_call_is_an_event(
    log: Any, registered: Codec, viewer: httpx2.AsyncClient
) -> None:
    shown = await asked(viewer, get_introspection_query())
    del viewer.headers["Authorization"]
    nobody = await viewer.post("/graphql", json={"query": "{ __schema { types { name } } }"})

    assert {each["name"] for each in shown["data"]["__schema"]["types"]} > WITHIN.keys()
    assert nobody.status_code == 401
    assert [(call.route, call.status) for call in calls(log, registered)] == [
        ("POST /graphql", 200),
        ("POST /graphql", 401),
    ]


@pytest.mark.parametrize(
    "query",
    [
        '{ runs(workflow: "\\u0000") { next } }',
        '{ runs(cursor: "?") { next } }',
        "{ runs(limit: 51) { next } }",
        "{ runs(limit: -1) { next } }",
        '{ run(id: "\\u0000") { id } }',
    ],
)
async def test_arguments_that_cannot_be_looked_for_are_errors_of_their_fields(
    viewer: httpx2.AsyncClient, query: str
) -> None:
    answer = await asked(viewer, query)

    assert answer["data"] == {"run": None} if "run(" in query else (answer["data"] is None and answer["errors"])
