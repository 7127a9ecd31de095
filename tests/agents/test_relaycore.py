"""AI calls on a real Kafka: attempts, doubt after a crash, and the one outcome."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.definitions import canonical, digest
from domain.ids import derive
from runtime.definitions import shipped
from schemas.codec import Codec
from schemas.events import AiCall, CallStatus, Message
from tests.agents.running import Asking
from tests.harness import business_event, define, events, feed, until

HOSTED = {"id": "openai/some-model", "provider": "openai", "output_usd_micros_per_million": 2_000_000}


@pytest.fixture
def asking(log: Any, prefix: str, tmp_path: Path) -> Iterator[Asking]:
    asking = Asking(log, prefix, tmp_path)
    yield asking
    asking.kill()


def request(number: int, model: str) -> AiCall:
    """Returns a requested call of a run of its own, under models that know a hosted one."""
    event = business_event(number, f"case-{number}")
    models = next(body for kind, body in shipped(HOSTED) if kind == "models")
    run_id = derive(event.event_id, "run")
    call_id = derive(run_id, "summary", "1", "call")
    return AiCall(
        event_id=derive(call_id, "requested"),
        tenant_id=event.tenant_id,
        correlation_id=event.event_id,
        causation_id=event.event_id,
        occurred_at=event.occurred_at,
        run_id=run_id,
        step="summary",
        call_id=call_id,
        status=CallStatus.REQUESTED,
        model=model,
        models_digest=digest(canonical(models)),
        max_tokens=10,
        messages=[Message(role="user", content="What happened?")],
        input={"product": "P"},
    )


def ask(log: Any, codec: Codec, model: str, count: int) -> list[AiCall]:
    define(log, [("models", next(body for kind, body in shipped(HOSTED) if kind == "models"))])
    requested = [request(number, model) for number in range(count)]
    feed(log, [codec.encode(each, "test") for each in requested])
    return requested


def statuses(log: Any, codec: Codec) -> Counter[str]:
    return Counter(each.status.value for each in events(log, codec, "ai-calls"))


def test_an_answered_call_has_a_start_and_one_outcome_with_its_cost(
    log: Any, registered: Codec, asking: Asking
) -> None:
    ask(log, registered, "", 40)
    asking.start("fine")
    until(lambda: statuses(log, registered)["completed"] == 40, 60)

    assert statuses(log, registered) == dict.fromkeys(("requested", "routed", "admitted", "started", "completed"), 40)
    done = [each for each in events(log, registered, "ai-calls") if each.status is CallStatus.COMPLETED]
    assert {(each.answer, each.cost_usd_micros, each.degraded, each.input["product"]) for each in done} == {
        ("fine", 2, False, "P")
    }
    assert len(asking.asked()) == 40


def test_an_attempt_open_at_a_crash_is_closed_as_in_doubt_and_made_again(
    log: Any, registered: Codec, asking: Asking, prefix: str
) -> None:
    ask(log, registered, "", 10)
    asking.start("silent")
    until(lambda: len(asking.asked()) == 10, 60)
    asking.kill()
    asking.start("fine")
    until(lambda: statuses(log, registered)["completed"] == 10, 60)

    assert statuses(log, registered) == {
        "requested": 10,
        "routed": 10,
        "admitted": 20,
        "started": 20,
        "in_doubt": 10,
        "completed": 10,
    }
    calls = events(log, registered, "ai-calls")
    assert {each.attempt for each in calls if each.status is CallStatus.IN_DOUBT} == {1}
    assert {each.attempt for each in calls if each.status is CallStatus.COMPLETED} == {2}


def test_a_model_that_never_answers_gives_way_to_the_local_one_after_three_attempts(
    log: Any, registered: Codec, asking: Asking
) -> None:
    ask(log, registered, "", 3)
    asking.start("broken")
    until(lambda: statuses(log, registered)["completed"] == 3, 60)

    assert statuses(log, registered) == {
        "requested": 3,
        "routed": 3,
        "admitted": 9,
        "started": 12,
        "attempt_failed": 9,
        "completed": 3,
    }
    done = [each for each in events(log, registered, "ai-calls") if each.status is CallStatus.COMPLETED]
    assert {(each.model, each.attempt, each.degraded) for each in done} == {("local", 4, True)}


def test_what_was_answered_before_is_given_again_to_the_same_tenant_and_says_what_it_saved(
    log: Any, registered: Codec, asking: Asking
) -> None:
    models = {**next(body for kind, body in shipped(HOSTED) if kind == "models"), "cache": {"exact": True}}
    define(log, [("models", models)])
    asking.start("told [EMAIL_1]")

    def asked(number: int, address: str, **more: Any) -> AiCall:
        message = Message(role="user", content=f"Tell {address} what happened.")
        said = {"models_digest": digest(canonical(models)), "temperature_thousandths": 0, "messages": [message]}
        return msgspec.structs.replace(request(number, ""), **(said | more))

    def answered(*calls: AiCall) -> list[AiCall]:
        feed(log, [registered.encode(each, "test") for each in calls])
        found: dict[str, AiCall] = {}

        def ended() -> bool:
            done = [each for each in events(log, registered, "ai-calls") if each.status is CallStatus.COMPLETED]
            found.update({each.call_id: each for each in done})
            return found.keys() >= {each.call_id for each in calls}

        until(ended, 60)
        return [found[each.call_id] for each in calls]

    [first] = answered(asked(1, "ada@example.com"))
    again, other = answered(asked(2, "bob@example.org"), asked(3, "ada@example.com", tenant_id="somebody-else"))

    assert (first.answer, first.cost_usd_micros, first.cached) == ("told ada@example.com", 2, "")
    assert (again.answer, again.cost_usd_micros, again.attempt) == ("told bob@example.org", 0, 0)
    assert (again.cached, again.cached_from, again.saved_usd_micros) == ("exact", first.call_id, 2)
    assert (other.answer, other.cached) == ("told ada@example.com", "")
    assert len(asking.asked()) == 2
    assert {each.call_id for each in events(log, registered, "budget-entries")} == {first.call_id, other.call_id}
