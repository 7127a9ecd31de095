"""Whose vectors a question may get: a free model's within the limits of who answers, or none."""

from typing import Any

import pytest

from domain.definitions import BadDefinition, Definitions, canonical, parse
from domain.vectors import HERE, Vectors, vectors
from schemas.events import CallStatus
from tests.domain.events import AT, call, definition, digest_of, workflow

ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "$note", "into": "answer"}
OURS = {
    "id": "ours",
    "provider": "openai",
    "endpoint": "http://127.0.0.1:9/v1",
    "capabilities": ["embeddings"],
    "free": True,
    "regions": ["eu"],
}


def body(**more: Any) -> dict[str, Any]:
    models = [{"id": "local", "provider": "local"}, {**OURS, **more}]
    return {"id": "default", "default": "local", "models": models, "cache": {"vectors": "ours"}}


def found(constraints: dict[str, Any] | None = None, *others: tuple[str, Any], **more: Any) -> Vectors | None:
    models, flow = body(**more), workflow({**ASK, "constraints": constraints or {}})
    bodies = [definition("models", models), definition("workflow", flow)]
    known = Definitions([*bodies, *(definition(kind, each, tenant="acme") for kind, each in others)])
    digests = {"models_digest": digest_of(models), "workflow_digest": digest_of(flow)}
    return vectors(call(CallStatus.REQUESTED, **digests), known, AT)


def test_a_free_model_makes_the_vectors_where_the_models_say_so() -> None:
    assert found() == Vectors("ours", "http://127.0.0.1:9/v1")
    assert vectors(call(CallStatus.REQUESTED), Definitions([definition("models", _plain())]), AT) == HERE


@pytest.mark.parametrize(
    "constraints",
    [{"regions": ["us"]}, {"compliance": ["hipaa"]}, {"models": ["local"]}],
    ids=["there", "that", "them"],
)
def test_a_question_that_may_not_go_to_the_model_gets_no_vector(constraints: dict[str, Any]) -> None:
    assert found(constraints) is None


def test_a_tenant_that_has_narrowed_itself_to_others_sends_it_nothing() -> None:
    assert found({}, ("tenant", {"id": "acme", "models": ["gpt-4"]})) is None


def test_a_model_that_has_come_to_cost_something_gives_none() -> None:
    price = {"model": "ours", "valid_from": "2001-01-01T00:00:00Z", "input_usd_micros_per_million": 1}
    book = {"id": "default", "prices": [{**price, "output_usd_micros_per_million": 0}]}
    assert found({}, ("prices", book)) is None


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"free": False}, "models default: cache: vectors: model ours is not free: nothing is held on the budgets"),
        ({"capabilities": ["chat"]}, "models default: cache: vectors: no model ours has the capability embeddings"),
        ({"id": "theirs"}, "models default: cache: vectors: no model ours has the capability embeddings"),
    ],
)
def test_vectors_that_nobody_free_makes_are_refused(more: dict[str, Any], line: str) -> None:
    with pytest.raises(BadDefinition) as refused:
        parse("models", canonical(body(**more)))
    assert str(refused.value).startswith(line)


def _plain() -> dict[str, Any]:
    return {"id": "default", "default": "local", "models": [{"id": "local", "provider": "local"}]}
