"""Calls to a real server that speaks OpenAI's API and misbehaves: what leaves, what is on the log, what it costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.concealment import CHARACTERS_MAX
from domain.definitions import canonical, define, digest
from domain.ids import derive
from schemas.codec import Codec
from schemas.events import AiCall, Alert, AlertKind, BudgetEntry, CallStatus, Message, ToolCall
from tests.agents.calls import requested
from tests.agents.running import Asking
from tests.domain.canaries import NAMES, canaries
from tests.event_strategies import AT
from tests.harness import events, feed, until
from tests.models.running import ModelServer, model_server

PRICE = (1_000_000, 2_000_000)
"""Micro-dollars for a million tokens, here and in the server's books."""
MISDEEDS = ("429", "500", "reset", "cut_body", "wrong_json", "no_choices", "400")
NAMED = [f"openai/m~{each}" for each in MISDEEDS]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    prices = dict.fromkeys(("good", *(f"m~{each}" for each in MISDEEDS)), PRICE)
    with model_server(latency_ms=5, prices=prices) as found:
        yield found


@pytest.fixture
def asking(log: Any, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-tests-only")
    found = Asking(log, prefix, tmp_path)
    yield found
    found.kill()


TOOL = {"name": "look_up", "description": "Looks up what ada@example.com wrote.", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]}
PATHS: tuple[dict[str, Any], ...] = ({}, {"stream": True}, {"tools": [TOOL]}, {"answer_schema": SCHEMA}, {})
"""What a step asks beside its text; of the last one the answer may be given again."""
VECTORS = {"id": "openai/vectors", "provider": "openai", "capabilities": ["embeddings"], "free": True}


def able(body: dict[str, Any]) -> dict[str, Any]:
    """The same models, which can do everything, and one that makes vectors."""
    every = ["chat", "tools", "json", "images", "streaming"]
    found = [each if each["id"] == "local" else {**each, "capabilities": every} for each in body["models"]]
    cache = {"similarity_thousandths_min": 1000, "vectors": VECTORS["id"]}
    return {**body, "models": [*found, VECTORS], "cache": cache}


def flow(number: int) -> dict[str, Any]:
    step = {"id": "ask", "agent": "analysis", "uses": "ask", "template": "$text", "into": "answer"}
    return {"id": f"path-{number}", "title": "A path", "steps": [{**step, **PATHS[number]}]}


def models(*names: str) -> dict[str, Any]:
    """Models of which the first is asked before the others."""
    priced = {"input_usd_micros_per_million": PRICE[0], "output_usd_micros_per_million": PRICE[1]}
    hosted = [{"id": name, "provider": "openai", **priced} for name in names]
    return {"id": "default", "default": names[0], "models": [{"id": "local", "provider": "local"}, *hosted]}


def defined(log: Any, codec: Codec, *bodies: dict[str, Any]) -> None:
    tenant = define("acme", "tenant", {"id": "acme", "names": list(NAMES)}, None, AT)
    said = [define("acme", "workflow" if "steps" in body else "models", body, None, AT) for body in bodies]
    feed(log, [codec.encode(each, "test") for each in (tenant, *said) if each is not None])


def request(name: str, body: dict[str, Any], messages: list[Message]) -> AiCall:
    return requested("acme", derive(name, "call"), digest(canonical(body)), messages, AT, 20)


def done(log: Any, codec: Codec) -> dict[str, AiCall]:
    ends = (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.REFUSED)
    return {each.call_id: each for each in events(log, codec, "ai-calls") if each.status in ends}


def test_whatever_a_model_does_wrong_each_attempt_is_on_the_log_and_the_bill_is_never_more_than_the_ledger(
    log: Any, registered: Codec, asking: Asking, server: ModelServer
) -> None:
    server.forget()
    bodies = {name: models(name, "openai/good") for name in NAMED}
    defined(log, registered, *bodies.values())
    said = {name: request(name, body, [Message(role="user", content="hello")]) for name, body in bodies.items()}
    too_long = [Message(role="user", content="x " * (CHARACTERS_MAX // 2 + 1))]
    unseen = request("unseen", bodies[NAMED[0]], too_long)
    feed(log, [registered.encode(each, "test") for each in (*said.values(), unseen)])
    asking.start(server.endpoint)
    until(lambda: len(done(log, registered)) == len(said) + 1, 90, 0.5)
    assert done(log, registered)[unseen.call_id].model == "local"  # what the detector cannot look through stays here

    calls = events(log, registered, "ai-calls")
    for name, each in said.items():
        mine = [call for call in calls if call.call_id == each.call_id]
        failed = [call for call in mine if call.status is CallStatus.ATTEMPT_FAILED]
        assert failed, name
        assert {call.model for call in failed} <= {name, "openai/good"}
        assert all(call.reason and "sk-for-tests" not in call.reason for call in failed), name
        assert done(log, registered)[each.call_id].status is CallStatus.COMPLETED, name
        started = [call for call in mine if call.status is CallStatus.STARTED]
        assert len(started) == len(failed) + 1, name
    until(lambda: _open(log, registered) == 0, 30, 0.5)
    ledger = sum(each.billed_usd_micros for each in events(log, registered, "budget-entries"))
    assert server.bill()["cost_usd_micros"] <= ledger
    assert server.bill()["keys_twice"] == 0


def test_a_model_that_fails_again_and_again_is_not_asked_for_a_while_and_people_are_told(
    log: Any, registered: Codec, asking: Asking, server: ModelServer
) -> None:
    server.forget()
    server.script("good", misdeed={"name": "500", "times": 0})
    body = models("openai/good")
    defined(log, registered, body)
    first = [request(f"first {number}", body, [Message(role="user", content="hello")]) for number in range(6)]
    feed(log, [registered.encode(each, "test") for each in first])
    asking.start(server.endpoint)
    until(lambda: len(done(log, registered)) == 6, 90, 0.5)
    assert {each.model for each in done(log, registered).values()} == {"local"}
    assert alerts(log, registered)[0].kind is AlertKind.BREAKER_OPENED
    assert alerts(log, registered)[0].subject == "openai/good"

    server.forget()
    number = 0

    def closed() -> bool:
        nonlocal number
        number += 1
        later = request(f"later {number}", body, [Message(role="user", content="hello")])
        feed(log, [registered.encode(later, "test")])
        return any(each.kind is AlertKind.BREAKER_CLOSED for each in alerts(log, registered))

    until(closed, 60, 1.0)
    passed_over = [
        ranked
        for each in events(log, registered, "ai-calls")
        for ranked in each.ranking
        if ranked.standing == "breaker_open"
    ]
    assert passed_over


def test_of_five_hundred_texts_no_canary_reaches_a_model_and_without_a_detector_nothing_does(
    log: Any, registered: Codec, asking: Asking, server: ModelServer
) -> None:
    server.forget()
    server.script("good", misdeed={"name": "cut_stream", "times": 10})
    body = able(models("openai/good"))
    defined(log, registered, body, *(flow(number) for number in range(len(PATHS))))
    corpus = canaries()

    def asked(name: str, number: int, text: str) -> AiCall:
        place = number % len(PATHS)
        heat = 0 if place == len(PATHS) - 1 else None
        made = request(f"{name} {number}", body, _messages(number, text) if heat is None else _messages(0, text))
        digests = {"workflow_digest": digest(canonical(flow(place)))}
        return msgspec.structs.replace(made, temperature_thousandths=heat, max_tokens=40, **digests)

    said = [asked("canary", number, each.text) for number, each in enumerate(corpus)]
    feed(log, [registered.encode(each, "test") for each in said])
    asking.start(server.endpoint)
    until(lambda: len(done(log, registered)) == len(said), 120, 0.5)
    assert {each.model for each in done(log, registered).values()} == {"openai/good"}
    calls = server.calls()
    sent = "\n".join(str(call) for call in calls)
    leaked = [value for each in corpus for _, value in each.values if value in sent]
    assert leaked == []
    assert "ada@example.com" not in sent
    chats = [call["body"] for call in calls if call["path"].endswith("completions")]
    anew = [each for each in done(log, registered).values() if not each.cached]
    assert len(chats) >= len(anew) > len(said) * 9 // 10
    share = len(said) // len(PATHS)
    for told in ("stream", "tools", "response_format"):
        assert len([each for each in chats if each.get(told)]) >= share
    assert len([call for call in calls if call["path"].endswith("embeddings")]) >= share
    started = [each for each in events(log, registered, "ai-calls") if each.status is CallStatus.STARTED]
    assert sum(each.count for call in started for each in call.concealed) >= len(corpus)

    asking.kill()
    server.forget()
    blind = [asked("blind", number, each.text) for number, each in enumerate(corpus[:6])]
    feed(log, [registered.encode(each, "test") for each in blind])
    asking.start(f"{server.endpoint} blind")
    until(lambda: len(done(log, registered)) == len(said) + len(blind), 120, 0.5)
    assert server.calls() == []
    last = done(log, registered)
    assert {last[each.call_id].model for each in blind} == {"local", ""}  # the local one gives no JSON: nobody does


def _messages(number: int, text: str) -> list[Message]:
    """The text in a prompt, in a tool's arguments, in what a tool said."""
    if number % 3 == 0:
        return [Message(role="user", content=text)]
    call = ToolCall(id="t", name="look_up", arguments=canonical({"about": text}))
    return [
        Message(role="user", content="Who is it?" if number % 3 == 1 else text),
        Message(role="assistant", content="", tool_calls=[call]),
        Message(role="tool", content=text, tool_call_id="t", name="look_up"),
    ]


def alerts(log: Any, codec: Codec) -> list[Alert]:
    return sorted(events(log, codec, "alerts"), key=lambda each: each.occurred_at)


def _open(log: Any, codec: Codec) -> int:
    found: list[BudgetEntry] = events(log, codec, "budget-entries")
    return sum(each.held_usd_micros for each in found)
