"""Conversations over several calls on a real Kafka: what was said first is what is gone on with, whatever ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.conversations import with_answer
from domain.decider import step as decided
from domain.definitions import Definitions, canonical, digest
from domain.ids import derive
from domain.steps import Steps
from runtime.definitions import shipped
from schemas.codec import Codec
from schemas.events import AiCall, CallStatus
from schemas.record import EVENT_ID, header
from tests.agents.test_relaycore import HOSTED, Asking
from tests.domain.events import decision, definition
from tests.domain.test_conversations import ask, chain
from tests.harness import define, events, feed, records, until

MODELS = next(body for kind, body in shipped(HOSTED) if kind == "models")
FLOW = chain([("Be brief.", "one"), ("", "two"), ("", "three"), ("", "four")])
OTHER = {**FLOW, "id": "other", "steps": [*FLOW["steps"][:1], ask("s1", "s0", template="else")]}


@pytest.fixture
def asking(log: Any, prefix: str, tmp_path: Path) -> Iterator[Asking]:
    asking = Asking(log, prefix, tmp_path)
    yield asking
    asking.kill()


class Run:
    """The steps of one run, as the stage decides them from what is on the log."""

    def __init__(self, log: Any, codec: Codec, run_id: str, body: dict[str, Any] = FLOW) -> None:
        self.log, self.codec, self.run_id = log, codec, run_id
        self._digests = {"workflow_digest": digest(canonical(body)), "models_digest": digest(canonical(MODELS))}
        self._known = Definitions([definition("models", MODELS), definition("workflow", body)])
        self._state: Any = None
        self._read = 0

    def requested(self, name: str) -> AiCall:
        """Returns what the step asks, once all that is on the log was read."""
        for each in self.calls()[self._read :]:
            _, self._state = decided(Steps(), self._state, each, self._known)
        self._read = len(self.calls())
        before = decision(name, run_id=self.run_id, payload={}, **self._digests)
        [asked], self._state = decided(Steps(), self._state, before, self._known)
        assert isinstance(asked, AiCall)
        return asked

    def ask(self, *requested: AiCall) -> None:
        feed(self.log, [self.codec.encode(each, "auterity/steps") for each in requested])

    def calls(self, status: CallStatus | None = None) -> list[AiCall]:
        found = [each for each in events(self.log, self.codec, "ai-calls") if each.run_id == self.run_id]
        return [each for each in found if isinstance(each, AiCall) and status in (None, each.status)]

    def answer(self, name: str, status: CallStatus = CallStatus.COMPLETED) -> AiCall:
        """Returns how the step's call ended, once it has: the first record of it."""
        until(lambda: any(each.step == name for each in self.calls(status)), 60, 0.2)
        return next(each for each in self.calls(status) if each.step == name)


def test_a_conversation_outlives_crashes_and_goes_on_with_the_answer_that_was_first(
    log: Any, registered: Codec, asking: Asking
) -> None:
    define(log, [("models", MODELS), ("workflow", FLOW)])
    run = Run(log, registered, "run-1")
    asking.start("echo")
    run.ask(run.requested("s0"))
    said = [run.answer("s0").answer]
    run.ask(run.requested("s1"))
    said.append(run.answer("s1").answer)
    asking.file.write_text("silent")
    third = run.requested("s2")
    run.ask(third)
    until(lambda: any(each.endswith(f"{third.call_id}:1") for each in asking.asked()), 60)
    first_id = derive(third.call_id, "outcome").encode()
    first = msgspec.structs.replace(run.answer("s1"), step="s2", call_id=third.call_id, answer="said before it ended")
    first = msgspec.structs.replace(first, event_id=first_id.decode(), messages=[], conversation="")
    feed(log, [registered.encode(with_answer(third, first), "auterity/relaycore")])
    asking.kill()
    asking.start("fine")  # reads again what was said, asks again, and is not heard
    until(lambda: [header(each.headers, EVENT_ID) for each in records(log, "ai-calls")].count(first_id) == 2, 60)
    asking.file.write_text("echo")
    run.ask(run.requested("s3"))

    assert said == ["Be brief.|one", "Be brief.|one|Be brief.|one|two"]
    assert run.answer("s3").answer == "|".join(
        ["Be brief.", "one", said[0], "two", said[1], "three", "said before it ended", "four"]
    )
    assert [[each.content for each in call.messages] for call in run.calls(CallStatus.REQUESTED)] == [
        ["Be brief.", "one"],
        ["two"],
        ["three"],
        ["four"],
    ]


def test_a_call_whose_conversation_is_not_what_it_names_fails_and_nothing_leaves(
    log: Any, registered: Codec, asking: Asking
) -> None:
    define(log, [("models", MODELS), ("workflow", OTHER)])
    asking.start("echo")
    runs = [Run(log, registered, f"run-{number}", OTHER) for number in range(3)]
    for run in runs:
        run.ask(run.requested("s0"))
    for run in runs:
        run.answer("s0")
    asks = [run.requested("s1") for run in runs]
    [flipped] = asks[0].messages
    runs[0].ask(msgspec.structs.replace(asks[0], messages=[msgspec.structs.replace(flipped, content="something else")]))
    runs[1].ask(msgspec.structs.replace(asks[1], conversation=asks[2].conversation[::-1]))
    runs[2].ask(asks[2])

    assert "is not what its digest" in runs[0].answer("s1", CallStatus.FAILED).reason
    assert "is not the one that it names" in runs[1].answer("s1", CallStatus.FAILED).reason
    assert runs[2].answer("s1").answer == "Be brief.|one|Be brief.|one|else"
    assert len(asking.asked()) == 4
    assert {each.call_id for each in events(log, registered, "budget-entries")} & {each.call_id for each in asks} == {
        asks[2].call_id
    }
