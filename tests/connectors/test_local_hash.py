"""Vectors by feature hashing: what they find again, and what they do not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models.hosted import Models
from connectors.models.local_hash import DIMENSIONS, vector


def _cosine(one: str, other: str) -> float:
    return sum(first * second for first, second in zip(vector(one), vector(other), strict=True))


@given(st.text(max_size=200))
def test_a_vector_has_its_size_and_length_one_or_none(text: str) -> None:
    found = vector(text)

    assert len(found) == DIMENSIONS
    assert math.isclose(sum(each * each for each in found), 1.0) or not any(found)
    assert found == vector(text)


def test_the_same_text_has_the_same_vector_on_every_machine() -> None:
    places = [(place, round(each, 6)) for place, each in enumerate(vector("Reset my password")) if each]

    assert places == PINNED


def test_case_and_punctuation_make_no_difference() -> None:
    assert _cosine("How do I reset my password?", "how do i RESET my password") == pytest.approx(1.0)


def test_a_text_is_nearer_to_one_of_its_words_than_to_one_of_others() -> None:
    question = "how do I reset my password"

    assert _cosine(question, "how can I reset my password") > 0.6
    assert _cosine(question, "where is the invoice") < 0.2


def test_it_knows_no_meaning() -> None:
    assert _cosine("the car is broken", "my automobile does not work") < 0.3
    assert _cosine("you may open the valve at once now please", "you may not open the valve at once now please") > 0.7


async def test_it_is_asked_like_any_other_model() -> None:
    embedded = await Models().embed(["It rains.", ""], "local-hash")

    assert list(embedded.vectors) == [vector("It rains."), [0.0] * DIMENSIONS]
    assert (embedded.input_tokens, embedded.model) == (2, "local-hash")


PINNED = [(133, 0.447214), (142, -0.447214), (182, -0.447214), (188, 0.447214), (224, 0.447214)]
