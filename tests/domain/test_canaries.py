"""Of 500 texts with personal data none leaves with any of it; what only looks like it mostly stays."""

import re
from collections import Counter

from domain.concealment import conceal, restore
from domain.privacy import KINDS
from tests.domain.canaries import COUNT, LOOKALIKES, NAMES, canaries


def _left(value: str, text: str) -> bool:
    """True when the value, or a run of five letters or digits of it that hold a digit, still stands in the text."""
    bare = re.sub(r"\s+", " ", text)
    runs = [run for run in re.findall(r"[^\W_]{5,}", value) if any(letter.isdigit() for letter in run)]
    return value in text or re.sub(r"\s+", " ", value) in bare or any(run in text for run in runs)


def _letters(value: str) -> str:
    return re.sub(r"[\W_]", "", value).lower()


def test_none_of_the_canaries_is_left_in_a_concealed_text_and_what_is_concealed_is_one() -> None:
    """Recall 1,148 of 1,148 values, precision 1,148 of 1,148 tokens, none in 50 texts that only look like it.

    The texts are by the hand that wrote the patterns: before anything was mended for them 1,143 of the 1,148 were found
    (00 46 ... with a space, and O'Connor, Edsger, were not) and two dates were taken for dates of birth.
    """
    found, wanted, right, given = (Counter[str]() for _ in range(4))
    left = []
    for canary in canaries():
        concealed = conceal([canary.text], NAMES)
        assert restore(concealed.texts[0], concealed.values) == canary.text
        for kind, value in canary.values:
            wanted[kind] += 1
            found[kind] += not _left(value, concealed.texts[0])
            if _left(value, concealed.texts[0]):
                left.append((kind, value))
        values = [_letters(value) for _, value in canary.values]
        for token, value in concealed.values.items():
            kind = token[1:].rpartition("_")[0].lower()
            given[kind] += 1
            right[kind] += any(_letters(value) in each or each in _letters(value) for each in values)
    print("\nrecall   ", ", ".join(f"{kind} {found[kind]}/{wanted[kind]}" for kind in sorted(wanted)))
    print("precision", ", ".join(f"{kind} {right[kind]}/{given[kind]}" for kind in sorted(given)))
    print(f"in all    {found.total()}/{wanted.total()}, {right.total()}/{given.total()}")

    assert sorted(wanted) == sorted(KINDS)
    assert left == []
    assert right.total() >= 0.99 * given.total()


def test_what_only_looks_like_personal_data_is_left_alone() -> None:
    changed = [text for text in LOOKALIKES if conceal([text], NAMES).texts != [text]]
    print(f"\nlook-alikes concealed {len(changed)} of {len(LOOKALIKES)}")

    assert changed == []


def test_the_500_texts_are_the_same_each_time() -> None:
    assert len(canaries()) == COUNT
    assert canaries() == canaries()
