"""Finds bank account and payment card numbers by their lengths, prefixes and check digits."""

import re
from collections.abc import Iterator, Sequence

Found = tuple[int, int]
"""Where it begins and ends."""

# Patterns begin with what they look for and look back from there: an engine finds a first letter faster than a place.
_IBAN = re.compile(r"\b[A-Z]{2}[ \u00a0-]?\d[ ]?\d(?:[\s./_\u00a0-]{0,2}[A-Z0-9]){11,30}", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"[2-9](?<!\w.)(?<!\d\..)\d*(?:(?:[ \u00a0-]|-?\r?\n)\d+)*")
_BETWEEN = r"[ \t\u00a0,._/\\:|·•*~+-]{0,3}(?:\r?\n)?[ \t]{0,3}"
_GROUPED = re.compile(
    rf"[2-9](?<![\w.].)\d{{3}}{_BETWEEN}(?:(?:\d{{4}}{_BETWEEN}){{2}}\d{{1,7}}|\d{{6}}{_BETWEEN}\d{{4,5}})(?!\w|[.]\d)",
    re.ASCII,
)
_GOES_ON = re.compile(r"\w|\.\d")
_GROUP = re.compile(r"\d+")

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
    """Finds payment card numbers of 13 to 19 digits whose last digit holds (Luhn), other digits beside them or not.

    Groups may stand apart by a space or a hyphen, those of four (or 4, 6 and 5) digits by other signs too; one of them
    by a line break.
    """
    found = []
    for match in _DIGITS.finditer(text):
        groups = [(match.start() + each.start(), match.start() + each.end()) for each in _GROUP.finditer(match.group())]
        found += list(_cards(text, groups))
    for match in _GROUPED.finditer(text):
        digits = "".join(_GROUP.findall(match.group()))
        begin, end = match.span()
        if match.group().count("\n") <= 1 and _card(digits) and not any(b < end and begin < e for b, e in found):
            found.append((begin, end))
    return sorted(found)


def luhn(digits: str) -> bool:
    """True when the last digit is the one that follows from the others (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled if doubled < 10 else doubled - 9
    return total % 10 == 0


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
            if _card(digits) and not _GOES_ON.match(text, groups[place][1]) and _lines(text, groups, first, place) <= 1:
                last = place
        if last is not None:
            yield groups[first][0], groups[last][1]
            first = last
        first += 1


def _lines(text: str, groups: Sequence[Found], first: int, last: int) -> int:
    """Returns how many line breaks stand within; a single digit alone on its line counts as two."""
    breaks = text.count("\n", groups[first][0], groups[last][1])
    alone = breaks and min(groups[first][1] - groups[first][0], groups[last][1] - groups[last][0]) == 1
    return breaks + bool(alone)


def _card(digits: str) -> bool:
    """True for the prefixes and lengths that card networks use, and a right last digit."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "234569":
        return False
    if digits[0] == "2" and not (len(digits) == 16 and 2200 <= int(digits[:4]) <= 2720):
        return False
    if digits[0] == "9" and not (len(digits) == 16 and digits.startswith("9792")):
        return False
    return luhn(digits)


def _mod97(iban: str) -> bool:
    letters = re.sub(r"[^0-9A-Z]", "", iban.upper())
    turned = letters[4:] + letters[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1
