"""Conversations that are read again: which records are asked for, and what is made of those that come."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from agents import conversations
from agents.conversations import Conversations
from domain.calls import Call, Phase
from domain.conversations import BrokenConversation, folded
from domain.ids import derive
from schemas.events import AiCall
from schemas.record import Record
from streams.stage import Tools
from tests.domain.test_conversations import completed, talked
from tests.event_strategies import codec, recorded

APART = 1000
"""Records of others between two of the conversation."""


class Log:
    """A LogReader of one partition, in memory."""

    def __init__(self, calls: Sequence[AiCall]) -> None:
        self.calls = list(calls)
        self.read_spans: list[tuple[int, int]] = []

    def read(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Sequence[Record]]:
        self.read_spans.append((begin, end))
        for place, each in enumerate(self.calls):
            if begin <= place * APART < end:
                yield [recorded(codec().encode(each, "auterity/relaycore"), partition, place * APART, 0)]

    def ends(self, topic: str) -> dict[int, int]:
        return {0: len(self.calls) * APART}


class Reading:
    """A talk of three turns, the last one asked and not answered, and what RelayCore knows of its calls."""

    def __init__(self) -> None:
        self.talk = talked([("Be brief.", "one", "1"), ("", "two", "2"), ("", "three", "3")])
        self.pairs = self.talk.calls
        self.log = Log([each for pair in self.pairs[:2] for each in pair if each is not None])
        self.known: dict[str, Call | None] = {
            pair[0].call_id: Call(Phase.OVER, offset=2 * place * APART, answered=(2 * place + 1) * APART)
            for place, pair in enumerate(self.pairs[:2])
        }
        parts: dict[str, Any] = dict.fromkeys(Tools.__struct_fields__)
        parts |= {"codec": codec(), "reader": self.log, "definitions": self.talk.definitions}
        self.conversations = Conversations(Tools(**parts))

    async def whole(self, place: int = 2) -> list[str]:
        requested = self.pairs[place][0]
        offset = max(4, len(self.log.calls)) * APART
        found = await self.conversations.whole(requested, offset, 0, self.known.get)
        return [each.content for each in found.messages]


SAID = ["Be brief.", "one", "1", "two", "2", "three"]


async def test_what_was_said_is_read_from_where_it_lies_and_then_remembered() -> None:
    reading = Reading()

    assert await reading.whole() == SAID
    assert reading.log.read_spans == [(place * APART, place * APART + 1) for place in range(4)]
    reading.conversations.keep(reading.pairs[2][1])  # type: ignore[arg-type]
    assert list(folded(reading.pairs).messages) == reading.talk.naive


async def test_what_lies_near_is_read_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "GAP_MAX", APART)
    reading = Reading()

    assert await reading.whole() == SAID
    assert reading.log.read_spans == [(0, 3 * APART + 1)]


async def test_of_two_answers_the_first_is_found_though_the_second_is_the_one_we_know_of() -> None:
    reading = Reading()
    requested = reading.pairs[1][0]
    second = completed(requested, "another")
    first = reading.pairs[1][1]
    assert first is not None
    reading.log.calls.append(msgspec.structs.replace(second, event_id=first.event_id))
    reading.known[requested.call_id] = Call(Phase.OVER, offset=2 * APART, answered=4 * APART)

    with pytest.raises(BrokenConversation):  # the event id of an outcome follows from its call
        await reading.whole()
    for place in (1, 3, 4):
        call = reading.log.calls[place]
        outcome = derive(call.call_id, "outcome")
        reading.log.calls[place] = msgspec.structs.replace(call, event_id=outcome)
    assert await reading.whole() == SAID


@pytest.mark.parametrize("place", [0, 1])
async def test_a_call_that_nobody_knows_of_breaks_what_goes_on_with_it(place: int) -> None:
    reading = Reading()
    reading.known[reading.pairs[place][0].call_id] = None

    with pytest.raises(BrokenConversation, match=f"the call of step s{place}, whose conversation is gone on with"):
        await reading.whole()


async def test_a_request_that_was_read_just_now_is_known_without_a_state() -> None:
    reading = Reading()
    await reading.conversations.whole(reading.pairs[0][0], 0, 0, reading.known.get)
    reading.known[reading.pairs[0][0].call_id] = None
    for place in (1, 3):
        call = reading.log.calls[place]
        outcome = derive(call.call_id, "outcome")
        reading.log.calls[place] = msgspec.structs.replace(call, event_id=outcome)

    assert await reading.whole() == SAID


async def test_an_answer_that_is_not_on_the_log_breaks_what_goes_on_with_it() -> None:
    reading = Reading()
    reading.log.calls[1] = reading.log.calls[0]

    with pytest.raises(BrokenConversation, match="the answer to step s0, which is gone on with, is not on the log"):
        await reading.whole()


async def test_a_record_that_cannot_be_read_breaks_what_goes_on_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading()
    found = reading.log.read

    def damaged(*place: Any) -> Iterator[Sequence[Record]]:
        for batch in found(*place):
            yield [msgspec.structs.replace(each, value=(each.value or b"")[:-1] + b"x") for each in batch]

    monkeypatch.setattr(reading.log, "read", damaged)
    with pytest.raises(BrokenConversation, match="what step s2 goes on with cannot be read"):
        await reading.whole()


async def test_memory_is_bounded_and_what_was_dropped_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "CHARACTERS_MAX", 10)
    reading = Reading()

    assert [await reading.whole(), await reading.whole()] == [SAID, SAID]
    assert len(reading.log.read_spans) == 8
