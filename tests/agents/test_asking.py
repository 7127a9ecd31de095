"""What leaves with a question, on every path; what comes back of it; and that a bill is within its hold."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.answers import GivenAgain
from agents.asking import Asker, Stays
from connectors.answer_cache import AnswerCache
from connectors.detector import Detector
from domain.asking import routed
from domain.calls import begun
from domain.definitions import Definitions
from domain.ids import derive
from domain.ports import Answer, BadAnswer, Embedding, Question
from domain.prices import Price, cost
from domain.prices import Usage as Took
from domain.tokens import input_tokens_max
from schemas.errors import Unavailable
from schemas.events import AiCall, CallStatus, Message, ToolCall
from tests.agents.test_answers import Here
from tests.domain.canaries import NAMES, canaries
from tests.domain.events import AT, call, definition, digest_of, workflow

PRICE = {"input_usd_micros_per_million": 1_000_000, "output_usd_micros_per_million": 2_000_000}
MODELS = {
    "id": "default",
    "default": "hosted",
    "models": [
        {"id": "local", "provider": "local"},
        {"id": "hosted", "provider": "x", "capabilities": ["chat", "tools", "json", "images", "streaming"], **PRICE},
        {"id": "vectors", "provider": "x", "capabilities": ["embeddings"], "free": True},
    ],
    "cache": {"similarity_thousandths_min": 900, "vectors": "vectors"},
}
SCHEMA = {"type": "object", "properties": {"who": {"type": "string", "maxLength": 20}}, "required": ["who"]}
TOOL = {"name": "write_to", "description": "Writes to a person, such as ada@example.com.", "parameters": SCHEMA}
ASK = {"id": "a", "agent": "analysis", "uses": "ask", "template": "$note", "into": "answer"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
PATHS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stream": {"stream": True},
    "tools": {"tools": [TOOL]},
    "schema": {"answer_schema": SCHEMA},
}


class Heard:
    """A ModelProvider that keeps what has left, and answers one thing."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.left: list[Any] = []
        self._answer = answer or Answer(text='{"who": "[EMAIL_1]"}', input_tokens=9, output_tokens=4)

    async def ready(self, model: str) -> None:
        """It always is."""

    async def ask(self, question: Question) -> Answer:
        self.left.append(msgspec.structs.replace(question, on_text=None))
        if question.on_text is not None:
            question.on_text(self._answer.text)
        return self._answer

    async def embed(self, texts: Sequence[str], model: str, **_: Any) -> Embedding:
        self.left.append([*texts])
        return Embedding(vectors=[[1.0, 0.5] for _ in texts], input_tokens=1)


class Desk:
    """Asks the hosted model as RelayCore does, with a step as it is given."""

    def __init__(self, concealer: Any, answer: Answer | None = None, **more: Any) -> None:
        flow = workflow({**ASK, **more})
        tenant = definition("tenant", {"id": "acme", "names": list(NAMES)}, tenant="acme")
        self.known = Definitions([definition("models", MODELS), definition("workflow", flow), tenant])
        self.model = Heard(answer)
        self.concealer = concealer
        self.asker = Asker(self.model, concealer, self.known)
        self._workflow = digest_of(flow)

    def call(self, *messages: Message, **more: Any) -> AiCall:
        said = {"model": "", "models_digest": digest_of(MODELS), "workflow_digest": self._workflow, "max_tokens": 9}
        said |= {"messages": list(messages), "call_id": derive("call", repr(messages))}
        return call(CallStatus.REQUESTED, **(said | more))

    async def asked(self, requested: AiCall) -> Any:
        await self.asker.ahead([requested])
        leaving = self.asker.leaving(requested.call_id)
        now = begun(routed(requested, self.known, {}, (), AT, leaving), 0)
        ready = await self.asker.ready(requested, "hosted", now.tokens_max)
        return await self.asker.ask(requested, now, ready, 1.0)


def user(text: str, **more: Any) -> Message:
    return Message(role="user", content=text, **more)


async def test_of_five_hundred_texts_no_canary_leaves_on_any_path_and_without_a_detector_nothing_does() -> None:
    corpus = canaries()
    detector, dead = Detector(), Detector([sys.executable, "-c", "raise SystemExit"], wait_s=0.5)
    try:
        for name, more in PATHS.items():
            desk = Desk(detector, **more)
            calls = [desk.call(*_conversation(number, each.text)) for number, each in enumerate(corpus)]
            ends = await asyncio.gather(*(desk.asked(each) for each in calls), return_exceptions=True)
            assert len(desk.model.left) == len(corpus), name
            assert all(isinstance(each, BadAnswer) or not isinstance(each, BaseException) for each in ends)
            sent = msgspec.json.encode(desk.model.left).decode()
            assert [value for each in corpus for _, value in each.values if value in sent] == [], name
            assert ("ada@example.com" in sent) is False, name
        blind = [Desk(dead, **more) for more in PATHS.values()]
        refused = await asyncio.gather(
            *(desk.asked(desk.call(user(each.text))) for desk in blind for each in corpus[:1]), return_exceptions=True
        )
        assert all(isinstance(each, Unavailable) for each in refused)
        assert [desk.model.left for desk in blind] == [[]] * len(blind)
    finally:
        await detector.close()
        await dead.close()


async def test_no_canary_leaves_for_its_vector_and_without_a_detector_no_vector_is_asked_for(tmp_path: Any) -> None:
    corpus = canaries()
    detector, store = Detector(), AnswerCache(tmp_path / "answers.db")
    desk, down = Desk(detector), Desk(Here())
    down.concealer.down = True
    try:
        for each, texts in ((desk, corpus), (down, corpus[:5])):
            given_again = GivenAgain(store, each.model, each.asker, each.known)
            calls = [each.call(user(canary.text), temperature_thousandths=0) for canary in texts]
            routings = [begun(routed(one, each.known, {}, (), AT), 0) for one in calls]
            pairs = zip(calls, routings, strict=True)
            await asyncio.gather(*(given_again.found(one, now, AT) for one, now in pairs))
        sent = msgspec.json.encode(desk.model.left).decode()
        assert len(desk.model.left) == len(corpus)
        assert [value for each in corpus for _, value in each.values if value in sent] == []
        assert down.model.left == []
    finally:
        await detector.close()
        await store.close()


async def test_what_a_model_gives_to_a_tool_has_the_values_of_the_call_and_nothing_that_it_brought() -> None:
    wish = ToolCall(
        id="x", name="write_to", arguments='{"who":"[EMAIL_1]","cc":"eve@example.org","card":4111111111111111}'
    )
    answer = Answer(text="As eve@example.org said.", input_tokens=9, output_tokens=4, tool_calls=(wish,))
    found = await Desk(Here(), answer, tools=[TOOL]).asked(Desk(Here(), tools=[TOOL]).call(user("Ask b@example.com.")))
    assert found.answer.text == "As [email] said."
    assert found.answer.tool_calls[0].arguments == '{"who":"b@example.com","cc":"[email]","card":"[card]"}'
    assert {(each.kind, each.part) for each in found.concealed} == {("email", ""), ("email", "/cc"), ("card", "/card")}


async def test_an_answer_by_a_schema_fits_it_with_the_values_in_their_place_or_is_a_bad_one() -> None:
    desk = Desk(Here(), answer_schema=SCHEMA)
    assert (await desk.asked(desk.call(user('Ask "b"@example.com, or b@example.com.')))).answer.text == (
        '{"who": "b@example.com"}'
    )
    with pytest.raises(BadAnswer, match="the answer does not fit its schema") as bad:
        await desk.asked(desk.call(user("Ask barbara.liskov.of.mit@example.com.")))
    assert (bad.value.billed, bad.value.again, bad.value.input_tokens, bad.value.output_tokens) == (True, False, 9, 4)
    assert "barbara" not in str(bad.value)


async def test_an_answer_that_cannot_be_looked_through_is_billed_as_counted_and_seen_by_nobody() -> None:
    desk = Desk(Here())
    requested = desk.call(user("Who?"))
    ready = await desk.asker.ready(requested, "hosted")
    desk.concealer.down = True
    with pytest.raises(BadAnswer, match="the answer stays unread") as bad:
        await desk.asker.ask(requested, begun(routed(requested, desk.known, {}, (), AT), 0), ready, 1.0)
    assert (bad.value.billed, bad.value.input_tokens, bad.value.output_tokens) == (True, 9, 4)


@pytest.mark.parametrize(
    ("more", "message", "why"),
    [
        ({}, user("See.", images=[PIXEL]), "does not say that they may leave"),
        (
            {"images": ["photo"], "images_may_leave": True},
            user("See.", images=["https://example.com/?of=ada%40example.com"]),
            "the address of an image",
        ),
        ({}, Message(role="tool", content="x", tool_call_id="t", name="ada@example.com"), "a name of a tool"),
    ],
)
async def test_what_cannot_be_looked_through_or_cannot_be_changed_stays(
    more: dict[str, Any], message: Message, why: str
) -> None:
    desk = Desk(Here(), **more)
    with pytest.raises(Stays, match=why):
        await desk.asked(desk.call(message))
    assert desk.model.left == []


async def test_an_image_leaves_where_the_step_says_so_and_never_from_a_restricted_call() -> None:
    desk = Desk(Here(), images=["photo"], images_may_leave=True)
    await desk.asked(desk.call(user("See.", images=[PIXEL])))
    assert desk.model.left[0].messages[0].images == [PIXEL]
    with pytest.raises(Stays, match="has to stay here"):
        await desk.asker.ready(desk.call(user("Look.", images=[PIXEL]), model="local"), "hosted")


async def test_what_was_looked_through_before_it_was_routed_is_not_looked_through_again() -> None:
    desk = Desk(Here())
    requested = desk.call(user("Write to ada@example.com."))
    await desk.asker.ahead([requested])
    desk.concealer.down = True
    assert (await desk.asker.ready(requested, "hosted")).messages[0].content == "Write to [EMAIL_1]."
    desk.asker.forget(requested.call_id)
    with pytest.raises(Unavailable):
        await desk.asker.ready(requested, "hosted")


async def test_what_is_longer_without_personal_data_than_what_is_held_stays() -> None:
    desk = Desk(Here())
    requested = desk.call(user("Wei Zhang, Ada Turing"))
    await desk.asker.ahead([requested])
    leaving = desk.asker.leaving(requested.call_id)
    assert leaving is not None
    await desk.asker.ready(requested, "hosted", leaving.tokens_max)
    with pytest.raises(Stays, match="more than the"):
        await desk.asker.ready(requested, "hosted", leaving.tokens_max - 1)


NAMED = ["Al", "Bo", "O Li"]
WORDS = st.lists(
    st.sampled_from([*NAMED, "a@b.co", "1.1.1.1", "[NAME_1]", "é", "\u0130", " ", ", ", '"', "\\"])
    | st.text(max_size=4),
    max_size=12,
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS, st.booleans(), st.integers(0, 9))
@example("Al Bo", "Al", True, 9)
def test_whatever_is_asked_no_bill_is_more_than_its_hold(text: str, given_to: str, tools: bool, written: int) -> None:
    flow = workflow({**ASK, "tools": [TOOL] if tools else []})
    tenant = definition("tenant", {"id": "acme", "names": NAMED}, tenant="acme")
    known = Definitions([definition("models", MODELS), definition("workflow", flow), tenant])
    asker = Asker(Heard(), Here(), known)
    wish = ToolCall(id="t", name="write_to", arguments=msgspec.json.encode({"who": given_to}).decode())
    requested = call(
        CallStatus.REQUESTED,
        model="",
        models_digest=digest_of(MODELS),
        workflow_digest=digest_of(flow),
        max_tokens=9,
        messages=[user(text), Message(role="assistant", content=given_to, tool_calls=[wish])],
    )

    async def left() -> Question:
        await asker.ahead([requested])
        now = begun(routed(requested, known, {}, (), AT, asker.leaving(requested.call_id)), 0)
        assert now.choice is not None
        assert (now.choice.model, now.choice.hold > 0) == ("hosted", True)
        nonlocal held
        held = now.choice.hold
        return asker.question(requested, now, await asker.ready(requested, "hosted", now.tokens_max))

    held = 0
    question = asyncio.run(left())
    price = Price(model="hosted", valid_from=AT, **PRICE)
    assert cost(price, Took(input_tokens_max(question), written)) <= held


def _conversation(number: int, text: str) -> list[Message]:
    """The text in a prompt, in a tool's arguments, in what a tool said."""
    if number % 2:
        return [user(text)]
    wish = ToolCall(id=text[:40], name="look_up", arguments=msgspec.json.encode({"about": text}).decode())
    said = Message(role="tool", content=text, tool_call_id=text[:40], name="look_up")
    return [user("Who is it?"), Message(role="assistant", content="", tool_calls=[wish]), said]
