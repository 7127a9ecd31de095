"""Finds personal data in text by what it looks like and by its check digits."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

DETECTORS_VERSION = "1"
"""Counted up with every change of what is found: a run pins it, as it pins the versions of libraries."""

Found = tuple[int, int]
"""Where it begins and ends."""

_EMAIL = re.compile(r"(?<![\w.!#%'+~-])[\w.!#%'+~-]++@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,24}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"(?<!\w)(?<!\d\.)[2-9]\d*(?:[ \u00a0-]\d+)*")
_GOES_ON = re.compile(r"\w|\.\d")
_GROUP = re.compile(r"\d+")
_DATE = r"\d\d([-/])\d\d\1(?:(?:19|20)\d\d(?!\d)|\d\d \d\d?:)"
_PHONE = re.compile(
    rf"(?<!\w)(?<!\d[./])(?<![\dA-Z]-)(?!{_DATE})(?:\+|00|0)(?!0)\d(?:[ \u00a0/()-]{{0,2}}\d){{6,14}}(?!\w)"
)

IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
"""Characters of an account number, by country (the registry of ISO 13616)."""


def emails(text: str) -> list[Found]:
    """Finds addresses such as name@host.example."""
    return [match.span() for match in _EMAIL.finditer(text)] if "@" in text else []


def ibans(text: str) -> list[Found]:
    """Finds bank account numbers of the length that their country has, whose check digits hold (ISO 13616)."""
    found = []
    at = 0
    while (match := _IBAN.search(text, at)) is not None:
        begin, at = match.start(), match.start() + 2
        end = _after(match.group(), IBAN_LENGTHS.get(match.group()[:2].upper(), 0))
        if end is not None and not _GOES_ON.match(text, begin + end) and _mod97(match.group()[:end]):
            at = begin + end
            found.append((begin, at))
    return found


def cards(text: str) -> list[Found]:
    """Finds payment card numbers of 13 to 19 digits whose last digit holds (Luhn), other digits beside them or not."""
    found = []
    for match in _DIGITS.finditer(text):
        groups = [(match.start() + each.start(), match.start() + each.end()) for each in _GROUP.finditer(match.group())]
        found += list(_cards(text, groups))
    return found


def phones(text: str) -> list[Found]:
    """Finds telephone numbers that begin with +, 00 or 0 and have 7 to 15 more digits; a date is none."""
    return [match.span() for match in _PHONE.finditer(text)]


DETECTORS: Mapping[str, Callable[[str], list[Found]]] = {
    "iban": ibans,
    "card": cards,
    "email": emails,
    "phone": phones,
}
"""In the order they run: what one has taken out, the next no longer sees."""


def redact(text: str, kinds: Sequence[str] = tuple(DETECTORS)) -> tuple[str, dict[str, int]]:
    """Returns the text with a token such as [email] in place of what was found, and how much of each kind it was.

    Looks again until nothing is found: what one has taken out may have hidden what stood beside it.
    """
    counts: dict[str, int] = {}
    before = None
    while before != text:
        before = text
        for kind, detect in DETECTORS.items():
            if kind in kinds and (found := detect(text)):
                counts[kind] = counts.get(kind, 0) + len(found)
                text = _without(text, found, f"[{kind}]")
    return text, counts


def _without(text: str, found: Sequence[Found], token: str) -> str:
    ends = [0, *(end for _, end in found)]
    kept = [text[end:begin] for end, (begin, _) in zip(ends, found, strict=False)]
    return token.join([*kept, text[ends[-1] :]])


def _after(text: str, count: int) -> int | None:
    """Returns where `count` letters and digits end, None when there are fewer."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    return places[count - 1] + 1 if 0 < count <= len(places) else None


def _cards(text: str, groups: Sequence[Found]) -> Iterator[Found]:
    """Yields the runs of whole groups that are card numbers, the longest at each place."""
    first = 0
    while first < len(groups):
        digits, last = "", None
        for place in range(first, len(groups)):
            digits += text[slice(*groups[place])]
            if len(digits) > 19:
                break
            if _card(digits) and not _GOES_ON.match(text, groups[place][1]):
                last = place
        if last is not None:
            yield groups[first][0], groups[last][1]
            first = last
        first += 1


def _card(digits: str) -> bool:
    """True for the prefixes and lengths that card networks use, and a right last digit."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "234569":
        return False
    if digits[0] == "2" and not (len(digits) == 16 and 2200 <= int(digits[:4]) <= 2720):
        return False
    if digits[0] == "9" and not (len(digits) == 16 and digits.startswith("9792")):
        return False
    return _luhn(digits)


def _mod97(iban: str) -> bool:
    letters = re.sub(r"[^0-9A-Z]", "", iban.upper())
    turned = letters[4:] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled if doubled < 10 else doubled - 9
    return total % 10 == 0
