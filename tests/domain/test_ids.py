"""Derived ids: the same parts give the same id, other parts another."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import NAMESPACE, derive

PARTS = st.lists(st.text(st.characters(exclude_characters="\x1f", codec="utf-8"), max_size=8), min_size=1, max_size=4)


@given(PARTS)
def test_the_same_parts_give_the_same_id(parts: list[str]) -> None:
    assert derive(*parts) == derive(*parts)


@given(PARTS, PARTS)
def test_other_parts_give_another_id(one: list[str], other: list[str]) -> None:
    assert (derive(*one) == derive(*other)) is (one == other)


def test_where_one_part_ends_and_the_next_begins_matters() -> None:
    assert derive("a", "bc") != derive("ab", "c")


@given(PARTS)
def test_an_id_is_the_uuid_of_version_5_of_its_parts(parts: list[str]) -> None:
    assert derive(*parts) == str(uuid5(NAMESPACE, "\x1f".join(parts)))
    assert UUID(derive(*parts)).version == 5


def test_ids_never_change_between_releases() -> None:
    assert derive("cause", "compliance-decisions") == "1f67520b-a6be-5fed-aba5-758bf7b4bf10"
