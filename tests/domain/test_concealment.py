"""What leaves holds no personal data, and what returns is what it was."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.concealment import PersonalData, conceal, restore, restore_json, scrub
from domain.person_names import tree
from domain.privacy import KINDS, found_in
from schemas.errors import TooLarge

NAMES = ("Ada Lovelace", "O'Brien", "Email", "José Núñez")
PIECES = [
    "ada@example.com",
    "Ada@Example.com",
    "+46 31 325 00 00",
    "(555) 234-1234",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "SSN 078-05-1120",
    "078051120",
    "MRN: 00123456",
    "00123456",
    "born 12 May 1975",
    "12 Oak Street, Springfield, IL 62704",
    "ada lovelace",
    "Lovelace, Ada",
    "[EMAIL_1]",
    "[PHONE_1]",
    "[EMAIL_",
    "[email]",
    "1]",
    "email",
    "1HGCM82633A004352",
    "8.8.8.8",
    "passport no. 123456789",
    "\u200b",
    "１２",
    "[",
    "]",
    " ",
    "\n",
    ", ",
    "-",
    "12",
    "x",
]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=10).map("".join)
SPACED = st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join)
TEXTS = st.lists(st.one_of(TEXT, SPACED), max_size=3)
NUMBERS = st.sampled_from([4111111111111111, 78051120, 123456, 1.5, 0, -12, True, None])
JSON = st.recursive(
    st.one_of(SPACED, NUMBERS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["ssn", "mrn", "dateOfBirth", "phone", "x", "ada@example.com", '"']), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


def _left(text: str) -> list[str]:
    return [kind for kind in KINDS if found_in(text, kind, tree(NAMES))]


@settings(max_examples=250, deadline=None)
@given(TEXTS)
@example(["4111 1111 1111 1111 [EMAIL_1] ada@example.com"])
def test_what_is_concealed_holds_nothing_that_is_found_and_comes_back_as_it_was(texts: list[str]) -> None:
    concealed = conceal(texts, NAMES)

    assert [kind for text in concealed.texts for kind in _left(text)] == []
    assert [restore(text, concealed.values) for text in concealed.texts] == texts


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_concealing_again_changes_nothing_and_finds_nothing(texts: list[str]) -> None:
    once = conceal(texts, NAMES)

    again = conceal(once.texts, NAMES)

    assert (again.texts, again.findings, again.values) == (once.texts, [], {})


@settings(max_examples=150, deadline=None)
@given(JSON, st.sampled_from([None, 2]))
def test_a_json_text_stays_one_and_comes_back_as_it_was(body: object, indent: int | None) -> None:
    text = json.dumps(body, indent=indent)

    concealed = conceal([text], NAMES, structured=[0])

    json.loads(concealed.texts[0])
    assert _left(concealed.texts[0]) == []
    assert json.loads(restore_json(concealed.texts[0], concealed.values)) == body


def test_the_same_value_has_the_same_token_throughout_the_call() -> None:
    concealed = conceal(["ada@example.com, bob@example.com", "to ada@example.com"])

    assert concealed.texts == ["[EMAIL_1], [EMAIL_2]", "to [EMAIL_1]"]
    assert concealed.values == {"[EMAIL_1]": "ada@example.com", "[EMAIL_2]": "bob@example.com"}


def test_findings_name_kind_and_place_and_never_the_value() -> None:
    texts = ["ada@example.com", '{"patients": [{"mrn": 123456, "note": "bob@example.com, ada@example.com"}]}']

    assert conceal(texts, structured=[1]).findings == [
        PersonalData("email", 0),
        PersonalData("mrn", 1, "/patients/0/mrn"),
        PersonalData("email", 1, "/patients/0/note", 2),
    ]


def test_a_token_that_stands_in_a_text_is_never_given_out() -> None:
    concealed = conceal(["[EMAIL_1] wrote to ada@example.com", r'"\u005bEMAIL_2]"'], structured=[1])

    assert concealed.texts[0] == "[EMAIL_1] wrote to [EMAIL_3]"


def test_what_follows_in_the_same_call_goes_on_with_its_tokens() -> None:
    first = conceal(["ada@example.com"])

    then = conceal(["ada@example.com and bob@example.com"], values=first.values)

    assert then.texts == ["[EMAIL_1] and [EMAIL_2]"]
    assert then.values.items() >= first.values.items()


def test_a_value_found_by_the_word_beside_it_is_concealed_where_it_stands_alone_too() -> None:
    assert conceal(["MRN 00123456", "see 00123456 again"]).texts == ["MRN [MRN_1]", "see [MRN_1] again"]


def test_a_number_in_json_is_concealed_and_is_a_number_again() -> None:
    text = '{"card": 4111111111111111, "n": 3}'

    concealed = conceal([text], structured=[0])

    assert concealed.texts == ['{"card": "[CARD_N1]", "n": 3}']
    assert restore_json(concealed.texts[0], concealed.values) == text


def test_a_key_of_json_is_concealed_and_does_not_stand_in_the_place_of_a_finding() -> None:
    concealed = conceal(['{"ada@example.com": {"phone": "555-123-4567"}}'], structured=[0])

    assert "ada" not in concealed.texts[0]
    assert [each.part for each in concealed.findings] == ["/[EMAIL_1]", "/[EMAIL_1]/phone"]


def test_what_should_be_json_and_is_none_is_concealed_all_the_same() -> None:
    assert conceal(['{"a": "ada@example.com"'], structured=[0]).texts == ['{"a": "[EMAIL_1]"']


def test_what_a_model_brings_itself_is_taken_out_for_good() -> None:
    scrubbed = scrub(["[EMAIL_1] may ask eve@example.com"])

    assert scrubbed.texts == ["[EMAIL_1] may ask [email]"]
    assert scrubbed.findings == [PersonalData("email", 0)]


def test_an_unknown_token_stays_and_a_value_is_not_looked_into_again() -> None:
    assert restore("[EMAIL_1] [EMAIL_2]", {"[EMAIL_1]": "[EMAIL_2]"}) == "[EMAIL_2] [EMAIL_2]"


def test_texts_too_large_are_refused_by_their_size() -> None:
    with pytest.raises(TooLarge, match="4000001 characters in one call, more than 4000000"):
        conceal(["x" * 4_000_001])
