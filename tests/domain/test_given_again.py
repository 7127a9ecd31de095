"""Which calls are answered as others were before, and what is said of it."""

from typing import Any

import msgspec
import pytest

from domain.asking import routed
from domain.caches import Entry, Hit
from domain.calls import Call, Phase, begun
from domain.definitions import Definitions
from domain.given_again import GivenAnswer, kept, purpose, revealed, rules, saved, unasked
from domain.ports import Answer, Question
from schemas.events import AiCall, CallStatus, Message
from tests.domain.events import AT, call, definition, digest_of, workflow

ANSWER = Answer(text="Write to [EMAIL_1].", input_tokens=9, output_tokens=4)
ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "$note", "into": "b", "untrusted": ["note"]}


def body(cache: dict[str, Any], default: str = "hosted") -> dict[str, Any]:
    hosted = {"id": "hosted", "provider": "somebody", "output_usd_micros_per_million": 600_000}
    models = [{"id": "local", "provider": "local"}, hosted]
    return {"id": "default", "default": default, "models": models, "cache": cache}


def found(
    cache: dict[str, Any] | None = None, default: str = "hosted", **more: Any
) -> tuple[AiCall, Call, Definitions]:
    models = body({"exact": True} if cache is None else cache, default)
    known = Definitions([definition("models", models), definition("workflow", workflow(ASK))])
    said = {"model": "", "models_digest": digest_of(models), "temperature_thousandths": 0, "input": {"note": "hi"}}
    messages = [Message(role="user", content="Whom?")]
    asked = call(CallStatus.REQUESTED, **(said | {"messages": messages, "max_tokens": 9} | more))
    return asked, begun(routed(asked, known, {}, (), AT), 7), known


def hit(kind: Any = "exact", **more: Any) -> Hit:
    said: dict[str, Any] = {"tenant_id": "acme", "key": "k", "scope": "s", "call_id": "before", "at": AT}
    entry = Entry(**(said | {"answer": ANSWER, "cost_usd_micros": 7} | more))
    return Hit(entry=entry, kind=kind, similarity=1.0, saved_usd_micros=7)


def test_the_models_say_whether_answers_are_given_again() -> None:
    exact = rules(*found())
    near = rules(*found({"similarity_thousandths_min": 970, "age_s_max": 60}))

    assert exact is not None
    assert near is not None
    assert (exact.exact, exact.semantic, exact.age_max_s) == (True, False, 86_400)
    assert (near.exact, near.semantic, near.similarity_min, near.age_max_s) == (False, True, 0.97, 60)


@pytest.mark.parametrize(
    "more",
    [
        {"cache": {}},
        {"default": "local"},
        {"model": "local"},
        {"temperature_thousandths": None},
        {"temperature_thousandths": 1},
        {"workflow_digest": digest_of(workflow(ASK))},
    ],
    ids=["no policy", "a local model", "a restricted call", "no temperature", "some chance", "untrusted text"],
)
def test_a_model_is_asked_whatever_was_said_before_for(more: dict[str, Any]) -> None:
    assert rules(*found(**more)) is None


def test_an_answer_is_looked_for_before_anything_was_done_for_the_call() -> None:
    _, fresh, _ = found()

    assert unasked(fresh)
    assert not unasked(msgspec.structs.replace(fresh, attempt=1, phase=Phase.WAITING))
    assert not unasked(Call(Phase.OVER))


def test_an_answer_is_given_with_the_values_of_the_call_that_gets_it() -> None:
    given = revealed(hit(), {"[EMAIL_1]": "bob@example.org"})

    assert given is not None
    assert given.text == "Write to bob@example.org."


def test_a_near_answer_that_holds_what_the_call_does_not_have_is_not_given() -> None:
    assert revealed(hit("semantic"), {"[EMAIL_2]": "bob@example.org"}) is None
    assert revealed(hit("semantic"), {"[EMAIL_1]": "bob@example.org"}) is not None
    assert revealed(hit(), {}) is not None, "to the very same question a model would have said the same"
    assert revealed(None, {}) is None


def test_a_saved_call_has_the_outcome_of_every_call_and_costs_nothing() -> None:
    asked, fresh, _ = found()

    end = saved(fresh, asked, GivenAnswer(hit(), "Write to bob@example.org."), AT)

    assert (end.status, end.attempt, end.model, end.provider) == (CallStatus.COMPLETED, 0, "hosted", "somebody")
    assert (end.cached, end.cached_from, end.saved_usd_micros, end.cost_usd_micros) == ("exact", "before", 7, 0)
    assert (end.input, end.input_tokens, end.output_tokens, end.degraded) == ({"note": "hi"}, 0, 0, False)


def test_an_answer_is_kept_as_it_came_and_with_what_it_cost() -> None:
    asked, fresh, known = found()
    done = msgspec.structs.replace(saved(fresh, asked, GivenAnswer(hit(), "x"), AT), cost_usd_micros=5)
    question = Question(
        model="hosted", messages=asked.messages, max_tokens=9, idempotency_key="k", temperature=0.0, endpoint=None
    )

    entry = kept(done, question, ANSWER, purpose(asked, known))

    assert entry is not None
    assert (entry.answer, entry.cost_usd_micros, entry.call_id, bool(entry.scope)) == (ANSWER, 5, done.call_id, True)
    assert kept(done, question, msgspec.structs.replace(ANSWER, finish="length"), "") is None
