"""The model that runs here: the same answer every time, never longer than asked for, nothing invented."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models.hosted import Models
from connectors.models.local import SENTENCES_MAX, TEXT_MAX, extract
from domain.models import LOCAL
from domain.ports import ModelRefused, Question
from schemas.events import Message

STORY = "The brakes of the car squeak. It rains. The car has new brakes and a new radio. I like it! Call me?"
TEXTS = st.text(max_size=200) | st.lists(st.sampled_from(STORY.split()), max_size=60).map(" ".join)


def _said(*texts: str) -> list[Message]:
    return [Message(role="user", content=text) for text in texts]


@given(TEXTS, st.integers(1, 50))
def test_the_same_question_gets_the_same_answer(text: str, max_tokens: int) -> None:
    assert extract(_said(text), max_tokens) == extract(_said(text), max_tokens)


@given(TEXTS, st.integers(1, 50))
def test_an_answer_is_never_longer_than_asked_for(text: str, max_tokens: int) -> None:
    answer = extract(_said(text), max_tokens)

    assert answer.output_tokens == len(answer.text.split()) <= max_tokens


@given(TEXTS)
def test_an_answer_says_only_what_the_question_says(text: str) -> None:
    assert set(extract(_said(text), 1000).text.split()) <= set(text.split()) | _split_by_sentences(text)


@given(TEXTS)
def test_every_answer_is_marked_degraded(text: str) -> None:
    assert extract(_said(text), 10).degraded


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "?!"])
def test_a_question_that_says_nothing_gets_an_answer_that_says_nothing(text: str) -> None:
    answer = extract(_said(text), 10)

    assert (answer.text, answer.output_tokens) == ("", 0)


def test_no_messages_get_an_answer_that_says_nothing() -> None:
    assert extract([], 10).text == ""


def test_the_sentences_that_say_most_are_picked_in_their_order() -> None:
    assert extract(_said(STORY), 100).text == (
        "The brakes of the car squeak. It rains. The car has new brakes and a new radio."
    )


def test_no_more_sentences_are_picked_than_the_limit() -> None:
    assert extract(_said("Same thing. " * 20), 100).text.count(".") == SENTENCES_MAX


def test_the_last_message_is_the_question() -> None:
    assert extract(_said("You are brief.", "It rains."), 10).text == "It rains."


def test_the_tokens_of_all_messages_are_counted() -> None:
    assert extract(_said("You are brief.", "It rains."), 10).input_tokens == 5


def test_a_question_beyond_the_limit_is_cut() -> None:
    assert len(extract(_said("x" * (TEXT_MAX + 500)), 10).text) == TEXT_MAX


async def test_the_local_model_is_asked_without_loading_anything_else() -> None:
    question = Question(model=LOCAL, messages=_said("It rains."), max_tokens=10, idempotency_key="call-1")
    answer = await Models(api_base="http://127.0.0.1:1").ask(question)

    assert (answer.text, answer.degraded) == ("It rains.", True)


async def test_the_local_model_gives_no_json() -> None:
    question = Question(
        model=LOCAL, messages=_said("It rains."), max_tokens=10, idempotency_key="call-1", answer_schema="{}"
    )
    with pytest.raises(ModelRefused, match=r"^local: "):
        await Models().ask(question)


async def test_the_local_model_says_its_text_to_who_listens() -> None:
    said: list[str] = []
    await Models().ask(
        Question(model=LOCAL, messages=_said("It rains."), max_tokens=10, idempotency_key="call-1", on_text=said.append)
    )
    assert said == ["It rains."]


def _split_by_sentences(text: str) -> set[str]:
    return set(re.findall(r"[^.!?\s]+[.!?]*", text)) | set(re.findall(r"\S+", re.sub(r"([.!?]+)", r"\1 ", text)))
