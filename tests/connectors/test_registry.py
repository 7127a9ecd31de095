"""The registry: what is registered, what is refused before it gets there, and what says that it does not answer."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import msgspec
import pytest

import schemas.catalogue
from connectors.registry import HEADERS, BadSchema, Registry, RegistryUnavailable
from schemas.catalogue import TOPICS, Topic
from schemas.codec import Codec
from schemas.errors import Undecodable
from tests.event_strategies import event, next_version, recorded

Schema = dict[str, Any]


@pytest.fixture
def registry(servers: Any) -> Iterator[Registry]:
    found = Registry(servers.registry)
    yield found
    found.close()


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic of the shape of `requests` whose subject no other test has."""
    found = msgspec.structs.replace(TOPICS["requests"], name=f"requests-{uuid4().hex[:8]}")
    monkeypatch.setitem(schemas.catalogue.TOPICS, found.name, found)
    _say(monkeypatch, TOPICS["requests"].schema)
    return found


def test_a_codec_writes_with_the_ids_that_the_registry_gave(registry: Registry) -> None:
    codec = registry.codec()

    assert all(len(codec.numbers(name)) >= 1 for name in TOPICS)


def test_each_topic_has_an_id_of_its_own(registry: Registry) -> None:
    codec = registry.codec()

    assert len({min(codec.numbers(name)) for name in TOPICS}) == len(TOPICS)


def test_compatibility_is_backward_for_all_subjects(servers: Any, registered: Codec) -> None:
    said = httpx2.get(f"{servers.registry}/config", headers=HEADERS).json()

    assert said["compatibilityLevel"] == "BACKWARD"


def test_a_later_schema_is_registered_beside_the_one_before(
    registry: Registry, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.codec([topic])
    _say(monkeypatch, next_version(TOPICS["requests"].schema))

    assert len(registry.codec([topic]).numbers(topic.name)) == 2


def test_an_earlier_release_starts_beside_a_later_one(
    registry: Registry, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = TOPICS["requests"].schema
    [number] = registry.codec([topic]).numbers(topic.name)
    _say(monkeypatch, next_version(earlier))
    registry.codec([topic])
    _say(monkeypatch, earlier)

    codec = registry.codec([topic])

    assert len(codec.numbers(topic.name)) == 2
    assert codec.schema(topic.name, number) == earlier


def _without(name: str) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].remove(_field(schema, name))


def _field(schema: Schema, name: str) -> Schema:
    return next(field for field in schema["fields"] if field["name"] == name)


CHANGES: dict[str, tuple[Callable[[Schema], None], str]] = {
    "a field removed": (_without("workflow"), "Request.workflow: removed"),
    "a field without a default": (
        lambda schema: schema["fields"].append({"name": "more", "type": "string", "doc": "More.", "pii": "none"}),
        "Request.more: added without a default",
    ),
    "another type": (
        lambda schema: _field(schema, "subject").update(type="bytes"),
        "Request.subject: type changed from string to bytes",
    ),
    "another default": (
        lambda schema: _field(schema, "subject").update(default="nobody"),
        'Request.subject: default changed from "" to "nobody"',
    ),
    "a symbol removed": (
        lambda schema: _field(schema, "kind")["type"]["symbols"].pop(),
        "Request.kind: symbols changed, not only appended",
    ),
    "no doc": (lambda schema: _field(schema, "subject").pop("doc"), "Request.subject: no doc"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_schema_that_breaks_the_rules_is_refused_in_one_line_that_names(
    name: str, registry: Registry, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.codec([topic])
    change, said = CHANGES[name]
    changed = json.loads(json.dumps(TOPICS["requests"].schema))
    change(changed)
    _say(monkeypatch, changed)

    with pytest.raises(BadSchema) as refused:
        registry.codec([topic])

    assert str(refused.value) == f"{topic.subject}: {said}"


def test_nothing_is_registered_when_one_schema_is_refused(
    servers: Any, registry: Registry, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = json.loads(json.dumps(TOPICS["requests"].schema))
    _field(changed, "subject").pop("pii")
    _say(monkeypatch, changed)

    with pytest.raises(BadSchema):
        registry.codec([topic])

    assert httpx2.get(f"{servers.registry}/subjects/{topic.subject}/versions").status_code == 404


def test_a_codec_learns_what_was_registered_since(
    servers: Any, registry: Registry, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = registry.codec([topic])
    later = next_version(TOPICS["requests"].schema)
    answer = httpx2.post(
        f"{servers.registry}/subjects/{topic.subject}/versions",
        headers=HEADERS,
        json={"schemaType": "AVRO", "schema": json.dumps(later)},
    )

    registry.refresh(codec, [topic.name])

    assert answer.json()["id"] in codec.numbers(topic.name)


def test_an_id_that_the_registry_never_gave_stays_unknown(registry: Registry, registered: Codec) -> None:
    record = recorded(Codec({"requests": 2**31}).encode(event("requests", Random(1)), "test"))

    registry.refresh(registered, ["requests"])

    with pytest.raises(Undecodable, match="schema id 2147483648 is not of requests"):
        registered.decode(record)


def test_a_registry_that_does_not_answer_is_named() -> None:
    registry = Registry("http://127.0.0.1:1/apis/ccompat/v7")

    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1/apis/ccompat/v7 does not answer"):
        registry.codec()
    registry.close()


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_registry_that_answers_wrongly_is_named_with_its_status(httpserver: Any, status: int) -> None:
    httpserver.expect_request("/subjects/requests-value/versions").respond_with_data("no", status=status)
    registry = Registry(httpserver.url_for(""))

    with pytest.raises(RegistryUnavailable, match=f": {status} no"):
        registry.codec([TOPICS["requests"]])
    registry.close()


def _say(monkeypatch: pytest.MonkeyPatch, schema: Schema) -> None:
    """Lets the catalogue say that this is the schema of every topic."""
    monkeypatch.setattr(schemas.catalogue, "_schema", lambda noun: schema)
