"""Finds personal data in text by what it looks like and by its check digits."""

import re
from collections.abc import Callable, Mapping

Found = tuple[int, int]
"""Where it begins and ends."""

_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00|0)\d(?:[ /()-]{0,2}\d){6,14}(?!\w)")


def emails(text: str) -> list[Found]:
    """Finds addresses such as name@host.example."""
    return [match.span() for match in _EMAIL.finditer(text)] if "@" in text else []


def ibans(text: str) -> list[Found]:
    """Finds bank account numbers whose check digits hold (ISO 13616)."""
    return [match.span() for match in _IBAN.finditer(text) if _mod97(match.group().replace(" ", ""))]


def cards(text: str) -> list[Found]:
    """Finds payment card numbers of 13 to 19 digits whose last digit holds (Luhn)."""
    return [match.span() for match in _CARD.finditer(text) if _luhn(re.sub(r"\D", "", match.group()))]


def phones(text: str) -> list[Found]:
    """Finds telephone numbers that begin with +, 00 or 0 and have 7 to 15 more digits."""
    return [match.span() for match in _PHONE.finditer(text)]


DETECTORS: Mapping[str, Callable[[str], list[Found]]] = {
    "email": emails,
    "iban": ibans,
    "card": cards,
    "phone": phones,
}


def _mod97(iban: str) -> bool:
    if not 15 <= len(iban) <= 34:
        return False
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled if doubled < 10 else doubled - 9
    return total % 10 == 0
