"""Conversations over several calls: said once, and whole wherever they are asked."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.asking import request
from domain.conversations import (
    NOTHING,
    REFERRED_MIN,
    BrokenConversation,
    answered,
    asked,
    digest,
    folded,
    head,
    with_answer,
)
from domain.decider import step as decided
from domain.definitions import STEPS_MAX, BadDefinition, Definitions, parse
from domain.models import LOCAL
from domain.observations import Observations
from domain.ports import Answer
from domain.steps import Steps
from schemas.codec import Codec
from schemas.events import AgentStep, AiCall, CallStatus, ComplianceDecision, Finding, Message, Phase, StepStatus
from schemas.record import Outgoing
from tests.domain.events import RUN, business, decision, definition, digest_of, known, workflow
from tests.domain.simulation import MODELS, Flow, calls, case
from tests.event_strategies import codec

LONG = "What was said before is named by its digest when it is longer than that digest."
RATIO_MAX = 2


def ask(name: str, continues: str = "", *, template: str = "Go on.", **more: Any) -> dict[str, Any]:
    """Returns a step that asks a model, and goes on with the conversation of another."""
    step = {"id": name, "agent": "analysis", "uses": "ask", "template": template, "into": "answer"}
    return {**step, **({"continues": continues, "needs": [continues]} if continues else {}), **more}


def chain(turns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Returns a workflow whose steps go on with one conversation: what each is told to be, and what it asks."""
    steps = [
        ask(f"s{place}", f"s{place - 1}" if place else "", template=text.replace("$", "$$"), system=system)
        for place, (system, text) in enumerate(turns)
    ]
    return workflow(*steps)


class Talk:
    """A conversation as steps write it: the decider, and a model that answers what it is told to."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.definitions = known(("workflow", body))
        self.digest = digest_of(body)
        self.calls: list[tuple[AiCall, AiCall | None]] = []
        self.naive: list[Message] = []
        self._state: Any = None

    def take(self, event: Any) -> list[Any]:
        events, self._state = decided(Steps(), self._state, event, self.definitions)
        return list(events)

    def ask(self, name: str, **more: Any) -> AiCall:
        """Lets the step ask, and returns its request."""
        before = decision(name, workflow_digest=self.digest, payload={"note": "hi"}, **more)
        [requested] = self.take(before)
        workflow = self.definitions.workflow(self.digest)
        self.naive += request(before, workflow.step(name)).messages
        self.calls.append((requested, None))
        assert isinstance(requested, AiCall)
        return requested

    def answer(self, text: str, **more: Any) -> AgentStep:
        """Lets the model answer, and returns the step as it is performed."""
        requested, _ = self.calls[-1]
        done = completed(requested, text, **more)
        self.naive.append(Message(role="assistant", content=text))
        self.calls[-1] = requested, done
        [performed] = self.take(done)
        assert isinstance(performed, AgentStep)
        return performed


def completed(requested: AiCall, text: str, **more: Any) -> AiCall:
    fields = {
        "status": CallStatus.COMPLETED,
        "event_id": f"{requested.call_id} outcome",
        "answer": text,
        "messages": [],
    }
    return with_answer(requested, msgspec.structs.replace(requested, **(fields | more)))


TEXTS = st.sampled_from(["", "Hi.", "a $ b", "Größe", LONG, LONG + "!"]) | st.text(max_size=200)
TURNS = st.lists(st.tuples(TEXTS, TEXTS.filter(bool), TEXTS), min_size=2, max_size=8)


def talked(turns: Sequence[tuple[str, str, str]]) -> Talk:
    talk = Talk(chain([(system, text) for system, text, _ in turns]))
    for place, (_, _, answer) in enumerate(turns):
        talk.ask(f"s{place}")
        talk.answer(answer)
    return talk


@given(TURNS)
def test_any_conversation_is_what_one_that_writes_everything_each_time_would_have_written(
    turns: list[tuple[str, str, str]],
) -> None:
    talk = talked(turns)

    assert list(folded(talk.calls).messages) == talk.naive
    assert len(talk.naive) == sum(2 + bool(system) for system, _, _ in turns)


@given(TURNS)
def test_no_long_block_that_is_asked_is_written_twice(turns: list[tuple[str, str, str]]) -> None:
    written = [each for requested, _ in talked(turns).calls for each in requested.messages if each.content]
    long = [each.digest for each in written if len(each.content) >= REFERRED_MIN]

    assert len(long) == len(set(long))
    assert all(digest(each) == each.digest for each in written)


@given(TURNS, st.data())
def test_whatever_is_flipped_in_a_block_is_detected(turns: list[tuple[str, str, str]], data: st.DataObject) -> None:
    pairs = [*talked(turns).calls]
    place = data.draw(st.integers(0, len(pairs) - 1))
    requested, done = pairs[place]
    assert done is not None
    if data.draw(st.booleans()):
        number = data.draw(st.integers(0, len(requested.messages) - 1))
        said = [*requested.messages]
        name = data.draw(st.sampled_from(["content", "digest", "role", "name"]))
        said[number] = msgspec.structs.replace(said[number], **{name: getattr(said[number], name) + "x"})
        requested = msgspec.structs.replace(requested, messages=said)
    else:
        name = data.draw(st.sampled_from(["answer", "conversation"]))
        done = msgspec.structs.replace(done, **{name: getattr(done, name) + "x"})
    pairs[place] = requested, done

    with pytest.raises(BrokenConversation):
        folded(pairs)


@given(TURNS)
def test_a_conversation_without_one_of_its_calls_or_in_another_order_is_none(turns: list[tuple[str, str, str]]) -> None:
    pairs = talked(turns).calls

    with pytest.raises(BrokenConversation):
        folded(pairs[1:])
    with pytest.raises(BrokenConversation):
        folded([pairs[1], pairs[0], *pairs[2:]])


def test_the_digest_of_a_block_is_that_of_its_json_and_that_of_a_conversation_is_a_chain() -> None:
    [first, second] = [digest(Message(role="user", content=each)) for each in ("hi", "ho")]

    assert first == sha256(b'{"content":"hi","role":"user"}').hexdigest()
    assert head("", [first]) == sha256(first.encode()).hexdigest()
    assert head("", [first, second]) == sha256((head("", [first]) + second).encode()).hexdigest()


def test_a_call_of_a_conversation_repeats_neither_what_was_said_nor_its_input() -> None:
    talk = Talk(chain([(LONG, "Who?"), (LONG, "Why?")]))
    talk.ask("s0")
    performed = talk.answer("Ada.")
    again = talk.ask("s1")
    last = talk.answer("So.")
    done = talk.calls[-1][1]

    assert performed.output == {"note": "hi", "answer": "Ada.", "answer_model": ""}
    assert last.output == {"note": "hi", "answer": "So.", "answer_model": ""}
    assert [(each.role, each.content) for each in again.messages] == [("", ""), ("user", "Why?")]
    assert (again.continues, again.input, again.continued_by) == ("s0", {}, 0)
    assert done is not None
    assert ([each.content for each in done.messages], done.answer, done.input) == ([""], "So.", {})


def test_what_the_rules_took_out_of_an_answer_is_not_told_to_whom_it_is_gone_on_with() -> None:
    talk = Talk(chain([("", "Who?"), ("", "Why?")]))
    talk.ask("s0")
    talk.answer("Ada Lovelace.")
    found = [Finding(rule="names", severity="low", action="redact", path="answer")]
    talk.take(decision("s0", Phase.AFTER, workflow_digest=talk.digest, payload={"answer": "[names]"}, findings=found))
    talk.ask("s1")

    assert [each.content for each in folded(talk.calls).messages] == ["Who?", "[names]", "Why?"]


def test_what_must_not_leave_stays_here_in_whatever_goes_on_with_it() -> None:
    talk = Talk(chain([("", "Who?"), ("", "Why?"), ("", "When?")]))
    talk.ask("s0", restriction=LOCAL)
    talk.answer("Ada.")
    models = [talk.ask("s1").model]
    talk.answer("So.")

    assert [*models, talk.ask("s2").model] == [LOCAL, LOCAL]


def test_two_steps_go_on_with_one_conversation_and_nothing_of_it_is_kept_behind_them() -> None:
    talk = Talk(workflow(ask("a", template=LONG), ask("b", "a"), ask("c", "a", template=LONG)))
    talk.ask("a")
    talk.answer("So.")
    b, c = talk.ask("b"), talk.ask("c")
    before = folded(talk.calls[:1])

    assert [each.content for each in asked(before, b).messages] == [LONG, "So.", "Go on."]
    assert [each.content for each in asked(before, c).messages] == [LONG, "So.", LONG]
    for each in (b, c):
        talk.take(completed(each, "Well."))
    assert (talk._state.turns, sorted(talk._state.over)) == ({}, ["a", "b", "c"])


def test_the_state_does_not_grow_with_what_is_said() -> None:
    talk = talked([(LONG, f"{number} {LONG}", LONG * 100) for number in range(20)])

    assert len(msgspec.msgpack.encode(talk._state)) < 20 * 32


def test_an_answer_that_is_read_before_the_decision_waits_for_it() -> None:
    talk, again = (Talk(chain([("", "Who?"), ("", "Why?")])) for _ in range(2))
    talk.ask("s0")
    performed = talk.answer("Ada.")
    requested, done = talk.calls[0]
    before = decision("s0", workflow_digest=talk.digest, payload={"note": "hi"})
    after = decision("s1", workflow_digest=talk.digest, payload={"note": "hi"})

    assert [again.take(each) for each in (after, done, before)] == [[], [], [requested, performed, talk.ask("s1")]]


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_read_twice_or_answered_twice_each_call_asks_what_was_said_first(seed: int) -> None:
    flow = case(seed).flow(seed, faults=True, rival_answers=True)
    for requested in flow.first("ai-calls"):
        if requested.status is CallStatus.REQUESTED and requested.conversation:
            log = flow.log("ai-calls", requested.run_id)
            steps = flow.definitions.workflow(requested.workflow_digest).conversation(requested.step)
            whole = asked(folded(calls(log, [each.id for each in steps[:-1]])), requested)

            assert list(whole.messages) == [*_naive(flow, requested.run_id, [each.id for each in steps], log)]


def _naive(flow: Flow, run_id: str, steps: list[str], log: Sequence[Any]) -> Iterator[Message]:
    """Yields the messages as they would be if every call wrote them all."""
    found = {(each.step, each.phase): each for each in flow.first("compliance-decisions") if each.run_id == run_id}
    for name in steps:
        before = found[name, Phase.BEFORE]
        assert isinstance(before, ComplianceDecision) and before.workflow_digest is not None
        step = flow.definitions.workflow(before.workflow_digest).step(name)
        yield from request(before, step).messages
        if name != steps[-1]:
            [(_, done)] = calls(log, [name])
            assert done is not None
            yield Message(role="assistant", content=found[name, Phase.AFTER].payload.get(step.into, done.answer))


def test_a_hundred_steps_of_one_conversation_store_less_than_twice_what_is_said() -> None:
    flow = _hundred(7)
    log = [each.event for each in flow.written() if isinstance(each.event, AiCall)]
    stored = sum(_bytes(codec(), each.event, each.source) for each in flow.written() if isinstance(each.event, AiCall))
    whole = folded(calls(log, [f"s{number}" for number in range(STEPS_MAX)]))
    unique = {named: len(each.content.encode()) for named, each in zip(whole.digests, whole.messages, strict=True)}
    naive = sum(len(each.content.encode()) * (len(whole.messages) - place) for place, each in enumerate(whole.messages))

    assert len(whole.messages) == 2 * STEPS_MAX + 1
    assert {each.status for each in flow.first("agent-steps")} == {
        StepStatus.REQUESTED,
        StepStatus.PERFORMED,
        StepStatus.COMPLETED,
    }
    assert naive > 80 * sum(unique.values())
    assert stored < RATIO_MAX * sum(unique.values())


class _Talkative(Flow):
    """Its model answers at length, and never twice the same."""

    def _answer(self, event: AiCall, number: int, local: bool) -> Answer:
        return Answer(text=_text(Random(event.call_id)), input_tokens=7, output_tokens=9, degraded=local)


def _hundred(seed: int) -> Flow:
    chance = Random(seed)
    turns = [(_text(chance) if not number else "", _text(chance)) for number in range(STEPS_MAX)]
    flow = _Talkative([definition("models", MODELS), definition("workflow", chain(turns))], seed)
    flow.write(business())
    flow.run()
    return flow


def _text(chance: Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ,.äß", k=chance.randint(500, 4000)))


def _bytes(by: Codec, event: AiCall, source: str) -> int:
    outgoing: Outgoing = by.encode(event, source)
    return (
        len(outgoing.key) + len(outgoing.value) + sum(len(name) + len(value or b"") for name, value in outgoing.headers)
    )


def test_calls_that_ask_the_same_are_observed_as_the_same_however_they_are_written() -> None:
    talk = talked([("", "Who?", "Ada."), ("", "Why?", "So.")])
    requested, done = talk.calls[1]
    assert done is not None
    plain = msgspec.structs.replace(requested, messages=talk.naive[:3], conversation="", continues="", call_id="other")
    seen = Observations(lambda _: "flow")
    for each in (requested, done, plain, msgspec.structs.replace(done, call_id="other")):
        seen.take(each)

    assert len({each.asked for each in seen.observed()}) == 1


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([ask("a"), ask("b", "a", needs=[])], "step b continues a, which it does not need"),
        ([ask("a"), ask("b", "c", needs=[])], "step b continues c, which no step before it is called"),
        ([ask("a", "a", needs=[])], "step a continues a, which no step before it is called"),
        ([ask("a"), {**ask("b", "a"), "uses": "compose"}], "step b continues a, but asks no model itself"),
        ([{**ask("a"), "uses": "compose"}, ask("b", "a")], "step b continues a, which asks no model"),
    ],
)
def test_a_conversation_that_is_not_held_for_certain_is_not_gone_on_with(steps: list[Any], reason: str) -> None:
    with pytest.raises(BadDefinition, match=f"workflow flow: {reason}"):
        parse("workflow", msgspec.json.encode(workflow(*steps)).decode())


def test_a_conversation_is_gone_on_with_behind_other_steps() -> None:
    between = {"id": "b", "agent": "report", "uses": "compose", "template": "x", "into": "x", "needs": ["a"]}
    body = workflow(ask("a"), between, ask("c", "a", needs=["b"]))

    assert [
        each.id for each in Definitions([definition("workflow", body)]).workflow(digest_of(body)).conversation("c")
    ] == [
        "a",
        "c",
    ]


def test_a_conversation_that_was_never_held_is_not_answered() -> None:
    requested = Talk(chain([("", "Who?"), ("", "Why?")])).ask("s0")

    with pytest.raises(BrokenConversation, match="is no block"):
        answered(
            asked(NOTHING, requested), msgspec.structs.replace(requested, status=CallStatus.COMPLETED, messages=[])
        )
    assert requested.run_id == RUN
